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
    /// Seconds that the tests may take together.
    within: f64,
}

/// No bar on the time.
const ANY: f64 = f64::INFINITY;

pub(super) fn parsers() -> Result<()> {
    run(&[
        Suite {
            package: "agentic-schema",
            features: "",
            target: &["--lib"],
            filter: "a_megabyte_of_open_brackets",
            release: true,
            within: 1.0,
        },
        Suite {
            package: "agentic-schema",
            features: "",
            target: &["--test", "it"],
            filter: "json_repair",
            release: true,
            within: ANY,
        },
        Suite {
            package: "agentic-schema",
            features: "",
            target: &["--lib"],
            filter: "lenient",
            release: true,
            within: ANY,
        },
        Suite {
            package: "agentic-schema",
            features: "",
            target: &["--lib"],
            filter: "partial",
            release: true,
            within: ANY,
        },
        Suite {
            package: "agentic-tools",
            features: "",
            target: &["--lib"],
            filter: "react",
            release: true,
            within: ANY,
        },
        Suite {
            package: "agentic-llm",
            features: "none",
            target: &["--lib"],
            filter: "toolcall",
            release: true,
            within: ANY,
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
            within: ANY,
        },
        Suite {
            package: "agentic-schema",
            features: "",
            target: &["--test", "it"],
            filter: "bfcl",
            release: true,
            within: ANY,
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
        within: ANY,
    }])
}

pub(super) fn others() -> Result<()> {
    run(&[Suite {
        package: "agentic-runtime",
        features: "",
        target: &["--test", "it"],
        filter: "durable::others",
        release: false,
        within: ANY,
    }])
}

pub(super) fn bad_input() -> Result<()> {
    run(&[Suite {
        package: "agentic-cli",
        features: "",
        target: &["--test", "it"],
        filter: "bad_",
        release: false,
        within: ANY,
    }])
}

fn run(suites: &[Suite]) -> Result<()> {
    for Suite { package, features, target, filter, release, within } in suites {
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
        let watched = process::watch(&mut cargo, |line| {
            line.starts_with("running ") || line.contains("skipped: ") || line.starts_with("test result: ")
        })?;
        watched.result?;
        let ran =
            watched.kept.iter().any(|line| line.starts_with("running ") && !line.starts_with("running 0 "));
        if !ran {
            bail!("no test of {package} is named `{filter}`");
        }
        let seconds: f64 = watched.kept.iter().filter_map(|line| seconds(line)).sum();
        if seconds > *within {
            bail!("missed: {package}, `{filter}` took {seconds} s, the bar is {within} s");
        }
        if let Some(skipped) = watched.kept.iter().find(|line| line.contains("skipped: ")) {
            bail!("{package}, `{filter}`: {skipped}");
        }
    }
    Ok(())
}

/// `test result: ok. 1 passed; …; finished in 0.02s`
fn seconds(line: &str) -> Option<f64> {
    line.rsplit_once("finished in ")?.1.trim().strip_suffix('s')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn the_time_of_a_test_run_is_read() {
        let line =
            "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out; finished in 0.25s";
        assert_eq!(seconds(line), Some(0.25));
        assert_eq!(seconds("running 3 tests"), None);
    }
}
