//! `agentic doctor`: what is missing, and the command that mends it.

use std::process::{Command, Stdio};

use agentic::tools::builtin::RunCode;
use agentic_llm::catalog::{Resolved, how_to_install_pip};

use crate::config;
use crate::exit::{self, Failure};
use crate::journals;
use crate::models;
use crate::render;

/// One thing that was looked at.
struct Check {
    what: &'static str,
    found: Result<String, Missing>,
}

struct Missing {
    problem: String,
    mend: String,
    lack: Lack,
}

/// What its lack means.
#[derive(Clone, Copy)]
enum Lack {
    /// It is there, and can't be used: `agentic run` fails.
    Wrong,
    /// `agentic run` fails without it.
    Needed,
    /// Only what needs it fails.
    Optional,
}

pub(crate) async fn doctor() -> Result<u8, Failure> {
    let configuration = configuration();
    // Which model is used is not known before the configuration can be read.
    let model = if configuration.found.is_ok() { Some(model().await) } else { None };
    let checks = [configuration, runs().await, embedded_model()].into_iter().chain(model);
    let checks = checks.chain([prices(), pip(), endpoint(), run_code().await]);
    let mut code = exit::OK;
    for Check { what, found } in checks {
        match found {
            Ok(state) => render::result(&format!("ok       {what}: {state}")),
            Err(Missing { problem, mend, lack }) => {
                let mark = match lack {
                    Lack::Wrong => "wrong",
                    Lack::Needed => "missing",
                    Lack::Optional => "optional",
                };
                render::result(&format!("{mark:8} {what}: {problem} → {mend}"));
                if !matches!(lack, Lack::Optional) {
                    code = exit::FAILED;
                }
            }
        }
    }
    Ok(code)
}

fn configuration() -> Check {
    let found = match config::path() {
        None => Ok("no folder for it on this machine; the defaults hold".into()),
        Some(path) => match config::check(&path) {
            Ok(true) => Ok(path.display().to_string()),
            Ok(false) => Ok(format!("none at {}; the defaults hold", path.display())),
            Err(failure) => Err(Missing {
                problem: failure.message().into(),
                mend: format!("correct {}", path.display()),
                lack: Lack::Wrong,
            }),
        },
    };
    Check { what: "configuration", found }
}

async fn runs() -> Check {
    let missing = |failure: Failure| Missing {
        problem: failure.message().into(),
        mend: "name another folder by AGENTIC_HOME, or run with --ephemeral".into(),
        lack: Lack::Needed,
    };
    let found = match (journals::path(), journals::existing().await) {
        (Ok(path), Ok(Some(_))) => Ok(path.display().to_string()),
        (Ok(path), Ok(None)) => Ok(format!("none yet; they will be in {}", path.display())),
        (Err(failure), _) | (_, Err(failure)) => Err(missing(failure)),
    };
    Check { what: "runs", found }
}

fn embedded_model() -> Check {
    let found = if cfg!(feature = "local") {
        Ok("built in".into())
    } else {
        Err(Missing {
            problem: "this program was built without it".into(),
            mend: "build with the default features, or use --model openai:NAME".into(),
            lack: Lack::Optional,
        })
    };
    Check { what: "embedded models", found }
}

/// The model that `agentic run` uses.
async fn model() -> Check {
    let missing = |problem: String, mend: &str, lack| Missing { problem, mend: mend.into(), lack };
    let found = match config::model() {
        Err(failure) => {
            Err(missing(failure.message().into(), "correct the file or variable that it names", Lack::Wrong))
        }
        Ok(address) => match address.strip_prefix("local:") {
            Some(spec) => local_file(&address, spec),
            // No other model is big: it can be opened to see whether it is there. Nobody is asked anything by that.
            None => match models::open(&address).await {
                Ok(_) => Ok(address),
                Err(failure) => Err(missing(
                    failure.message().into(),
                    "do that, or name another with --model",
                    Lack::Needed,
                )),
            },
        },
    };
    Check { what: "model", found }
}

fn local_file(address: &str, spec: &str) -> Result<String, Missing> {
    let missing = |problem: String, mend: String, lack| Missing { problem, mend, lack };
    let library = models::library().map_err(|failure| {
        missing(
            failure.message().into(),
            "correct the file that it names, or set AGENTIC_HOME if it names none".into(),
            Lack::Wrong,
        )
    })?;
    let spec = spec.split('?').next().unwrap_or_default();
    match library.resolve(spec) {
        Ok(Resolved::Ready(model)) => Ok(format!("{address}, {}", model.path().display())),
        Ok(_) => Err(missing(
            format!("{address} is not fetched yet"),
            format!("agentic model pull {spec} (`agentic run` does it too)"),
            Lack::Optional,
        )),
        Err(error) => {
            Err(missing(error.to_string(), "agentic model list shows what there is".into(), Lack::Needed))
        }
    }
}

fn prices() -> Check {
    let found = match models::prices() {
        Ok((models, None)) => Ok(format!("of {models} models, built in; none of your own")),
        Ok((models, Some(file))) => Ok(format!("of {models} models, with those in {file}")),
        // Only models behind endpoints have prices from there.
        Err(failure) => Err(Missing {
            problem: failure.message().into(),
            mend: "correct that file, or name another by AGENTIC_PRICES".into(),
            lack: match config::model() {
                Ok(address) if address.starts_with("openai:") => Lack::Needed,
                _ => Lack::Optional,
            },
        }),
    };
    Check { what: "prices", found }
}

fn is_set(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| !value.trim().is_empty())
}

/// The mirror of models where no hub can be reached.
fn pip() -> Check {
    let works = |program: &str, args: &[&str]| {
        let ran = Command::new(program).args(args).stdin(Stdio::null()).stderr(Stdio::null()).output();
        ran.ok().filter(|output| output.status.success())
    };
    let version = works("pip", &["--version"])
        .or_else(|| works("pip3", &["--version"]))
        .or_else(|| works("python3", &["-m", "pip", "--version"]));
    let found = match version {
        Some(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            Ok(text.split(" from ").next().unwrap_or("pip").trim().to_owned())
        }
        None => Err(Missing {
            problem: "not found; models come from it where the hub can't be reached".into(),
            mend: how_to_install_pip().into(),
            lack: Lack::Optional,
        }),
    };
    Check { what: "pip", found }
}

fn endpoint() -> Check {
    let found = if is_set("OPENAI_API_KEY") || is_set("OPENAI_BASE_URL") {
        Ok("OPENAI_API_KEY or OPENAI_BASE_URL is set; whether anybody answers there is not tried".into())
    } else {
        Err(Missing {
            problem: "no key is set".into(),
            mend: "export OPENAI_API_KEY=… (or OPENAI_BASE_URL for a server without keys)".into(),
            lack: Lack::Optional,
        })
    };
    Check { what: "openai models", found }
}

/// Whether Python runs in its sandbox, tried as the tool itself tries it.
async fn run_code() -> Check {
    let found = match RunCode::new().hiding(".").ready().await {
        Ok(()) => Ok("a program ran in the sandbox, by the python3 on PATH".into()),
        Err(error) => Err(Missing {
            problem: error.message().into(),
            mend: "mend that, or leave the tool out; docs/guides/running-code.md says what it needs".into(),
            lack: Lack::Optional,
        }),
    };
    Check { what: "run_code", found }
}
