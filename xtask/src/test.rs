//! All tests, as one command.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::accept::durable;
use crate::ci::Steps;
use crate::flags::TestOptions;
use crate::{amount, demo, outside, process, setup, workspace};

/// Runs them and prints a summary.
pub(crate) fn run(options: &TestOptions) -> Result<()> {
    let mut steps = Steps::default();
    add(&mut steps, options);
    steps.finish()
}

/// The steps of `cargo xtask test`.
pub(crate) fn add(steps: &mut Steps, options: &TestOptions) {
    steps.step("system packages", setup::ensure);
    if process::succeeds(workspace::cargo().args(["nextest", "--version"])) {
        steps.cargo("tests", &["nextest", "run", "--workspace", "--no-fail-fast"]);
    } else {
        steps.cargo(
            "tests",
            &["test", "--workspace", "--lib", "--bins", "--tests", "--examples", "--no-fail-fast"],
        );
    }
    steps.cargo("doctests", &["test", "--workspace", "--doc", "--no-fail-fast"]);
    steps.step("20 kills", || durable::kills(20, false));
    steps.step("120 s of simulation", || durable::simulation_for(120));
    steps.step("a crate outside", outside::check);
    if !options.skip_model {
        steps.step("a real model", real_model);
    }
}

/// One run of the main job on the sample invoices; the total must be right.
fn real_model() -> Result<()> {
    let binary = demo::binary()?;
    // Fetched with its progress shown, if it is not there yet.
    process::run(Command::new(&binary).args(["model", "pull", demo::MODEL]))?;
    let mut command = Command::new(&binary);
    command.current_dir(workspace::root());
    command.args([
        "run",
        demo::GOAL,
        "--model",
        demo::MODEL,
        "--workdir",
        demo::SAMPLES,
        "--output",
        "json",
        "--temperature",
        "0",
    ]);
    eprintln!("$ {}", process::shown(&command));
    let out =
        command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("can't start `agentic`")?;
    let text = String::from_utf8_lossy(&out.stdout);
    let last: Value = text
        .lines()
        .next_back()
        .and_then(|line| serde_json::from_str(line).ok())
        .with_context(|| format!("the run ended without a last event ({})", out.status))?;
    let answer = last["output"].as_str().map_or_else(|| last["output"].to_string(), str::to_owned);
    println!("real model: {} turns, answer: {answer}", last["usage"]["turns"]);
    if last["status"] != "completed" {
        bail!("the run is {}: {} {}", last["status"], last["reason"], last["error"]);
    }
    if !amount::gives_total(&answer, demo::SAMPLES_TOTAL) {
        bail!("the invoices add up to {}, the answer is: {answer}", amount::shown(demo::SAMPLES_TOTAL));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{amount, demo, workspace};
    use std::fs;

    #[test]
    fn the_sample_invoices_add_up_to_the_expected_total() {
        let folder = workspace::root().join(demo::SAMPLES);
        let mut amounts = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            amounts.extend(amount::all(&fs::read_to_string(entry.unwrap().path()).unwrap()));
        }
        assert_eq!((amounts.len(), amounts.iter().sum::<u64>()), (3, demo::SAMPLES_TOTAL));
    }
}
