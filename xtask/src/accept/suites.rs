//! Test suites whose figures count in a release build: ordinary tests, with what they print.

use anyhow::{Result, bail};

use crate::{process, workspace};

/// One call of cargo test.
struct Suite {
    package: &'static str,
    /// Features besides none; empty for the defaults.
    features: &'static str,
    /// `--lib`, or `--test NAME`.
    target: &'static [&'static str],
    /// Tests whose path contains this.
    filter: &'static str,
    release: bool,
}

pub(super) fn parsers() -> Result<()> {
    run(&[
        Suite {
            package: "agentic-schema",
            features: "",
            target: &["--test", "it"],
            filter: "json_repair",
            release: true,
        },
        Suite {
            package: "agentic-schema",
            features: "",
            target: &["--lib"],
            filter: "lenient",
            release: true,
        },
        Suite {
            package: "agentic-schema",
            features: "",
            target: &["--lib"],
            filter: "partial",
            release: true,
        },
        Suite { package: "agentic-tools", features: "", target: &["--lib"], filter: "react", release: true },
        Suite {
            package: "agentic-llm",
            features: "none",
            target: &["--lib"],
            filter: "toolcall",
            release: true,
        },
    ])
}

pub(super) fn schemas() -> Result<()> {
    run(&[
        Suite {
            package: "agentic-schema",
            features: "",
            target: &["--test", "it"],
            filter: "json_schema_suite",
            release: true,
        },
        Suite {
            package: "agentic-schema",
            features: "",
            target: &["--test", "it"],
            filter: "bfcl",
            release: true,
        },
    ])
}

pub(super) fn openai() -> Result<()> {
    run(&[Suite {
        package: "agentic-llm",
        features: "openai",
        target: &["--lib", "--tests"],
        filter: "record",
        release: false,
    }])
}

pub(super) fn bad_input() -> Result<()> {
    run(&[Suite {
        package: "agentic-cli",
        features: "",
        target: &["--test", "it"],
        filter: "bad_input",
        release: false,
    }])
}

fn run(suites: &[Suite]) -> Result<()> {
    for Suite { package, features, target, filter, release } in suites {
        let mut cargo = workspace::cargo();
        cargo.args(["test", "-p", package]).args(*target);
        match *features {
            "" => {}
            "none" => drop(cargo.arg("--no-default-features")),
            features => drop(cargo.args(["--no-default-features", "--features", features])),
        }
        if *release {
            cargo.arg("--release");
        }
        cargo.args([filter, "--", "--nocapture", "--test-threads=1"]);
        let watched =
            process::watch(&mut cargo, |line| line.starts_with("running ") || line.contains("skipped: "))?;
        watched.result?;
        let ran =
            watched.kept.iter().any(|line| line.starts_with("running ") && !line.starts_with("running 0 "));
        if !ran {
            bail!("no test of {package} is named `{filter}`");
        }
        if let Some(skipped) = watched.kept.iter().find(|line| line.contains("skipped: ")) {
            bail!("{package}, `{filter}`: {skipped}");
        }
    }
    Ok(())
}
