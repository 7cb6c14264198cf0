//! Durable runs, killed, simulated and measured, and plans. Each is an example that prints figures and fails if a bar is missed.

use std::process::Command;

use anyhow::Result;

use crate::{demo, process, workspace};

/// How fast and how small durable runs are.
pub(crate) fn speed() -> Result<()> {
    example("agentic-runtime", "durable_speed", true, &[])
}

/// Kills a process at work again and again, and counts what it did.
pub(crate) fn kills(count: u64, release: bool) -> Result<()> {
    example("agentic-runtime", "kills", release, &[&count.to_string()])
}

/// Simulates systems that crash: this many.
pub(crate) fn simulation(seeds: u64) -> Result<()> {
    example("agentic-testkit", "simulate", true, &["--seeds", &seeds.to_string()])
}

/// Simulates systems that crash, for so long.
pub(crate) fn simulation_for(seconds: u64) -> Result<()> {
    example("agentic-testkit", "simulate", false, &["--seconds", &seconds.to_string()])
}

/// How soon plans are done, beside a loop.
pub(crate) fn schedule() -> Result<()> {
    example("agentic-plan", "schedule", true, &[])
}

/// How many states a search for plans expands, beside a plain one.
pub(crate) fn game24() -> Result<()> {
    example("agentic-plan", "game24", true, &[])
}

/// Whether runs that end well and miss their goals are found out.
pub(crate) fn false_done() -> Result<()> {
    example("agentic-plan", "false_done", false, &[])
}

/// What is kept when a plan is planned again.
pub(crate) fn replan() -> Result<()> {
    example("agentic-plan", "replan", false, &[])
}

fn example(package: &str, name: &str, release: bool, args: &[&str]) -> Result<()> {
    let mut build = workspace::cargo();
    build.args(["build", "--example", name]);
    if release {
        build.args(["--release", "-p", package, "--all-features"]);
    } else {
        // With the features of the tests, so that nothing is compiled a second time.
        build.arg("--workspace");
    }
    process::run(Command::new(demo::executable(&mut build)?).args(args))
}
