//! `agentic doctor`: what is missing, and the command that mends it.

use std::process::{Command, Stdio};

use agentic_llm::catalog::{Resolved, how_to_install_pip};

use crate::config;
use crate::exit::{self, Failure};
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
    /// Whether `agentic run` fails without it.
    needed: bool,
}

pub(crate) fn doctor() -> Result<u8, Failure> {
    let checks = [configuration(), embedded_model(), model_file(), pip(), endpoint()];
    let mut code = exit::OK;
    for Check { what, found } in checks {
        match found {
            Ok(state) => render::result(&format!("ok       {what}: {state}")),
            Err(Missing { problem, mend, needed }) => {
                let mark = if needed { "missing" } else { "optional" };
                render::result(&format!("{mark:8} {what}: {problem} → {mend}"));
                if needed {
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
                needed: true,
            }),
        },
    };
    Check { what: "configuration", found }
}

fn embedded_model() -> Check {
    let found = if cfg!(feature = "local") {
        Ok("built in".into())
    } else {
        Err(Missing {
            problem: "this program was built without it".into(),
            mend: "build with the default features, or use --model openai:NAME".into(),
            needed: false,
        })
    };
    Check { what: "embedded models", found }
}

fn model_file() -> Check {
    let found = match models::library().map(|library| library.resolve(library.catalog().default_id())) {
        Ok(Ok(Resolved::Ready(model))) => Ok(model.path().display().to_string()),
        Ok(Ok(_)) => Err(Missing {
            problem: "not fetched yet".into(),
            mend: "agentic model pull (1.1 GB; `agentic run` does it too)".into(),
            needed: false,
        }),
        Ok(Err(error)) => {
            Err(Missing { problem: error.to_string(), mend: "agentic model pull".into(), needed: true })
        }
        Err(failure) => {
            Err(Missing { problem: failure.message().into(), mend: "set AGENTIC_HOME".into(), needed: true })
        }
    };
    Check { what: "default model", found }
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
            needed: false,
        }),
    };
    Check { what: "pip", found }
}

fn endpoint() -> Check {
    let set = |name: &str| std::env::var(name).is_ok_and(|value| !value.trim().is_empty());
    let found = if set("OPENAI_API_KEY") || set("OPENAI_BASE_URL") {
        Ok("OPENAI_API_KEY or OPENAI_BASE_URL is set".into())
    } else {
        Err(Missing {
            problem: "no key is set".into(),
            mend: "export OPENAI_API_KEY=… (or OPENAI_BASE_URL for a server without keys)".into(),
            needed: false,
        })
    };
    Check { what: "openai models", found }
}
