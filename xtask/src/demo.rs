//! The main job, and the binary with any arguments.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{process, setup, workspace};

/// The main job's goal.
pub(crate) const GOAL: &str = "Add up the invoices in this folder. Read every invoice file, add the amounts due \
                               with the calculator, and give the grand total.";

/// The default model.
pub(crate) const MODEL: &str = "local:qwen2.5-coder-1.5b";

/// The sample invoices, below the root.
pub(crate) const SAMPLES: &str = "examples/data/invoices";

/// Their grand total, in cents.
pub(crate) const SAMPLES_TOTAL: u64 = 18_347 + 41_575 + 9_136;

/// Runs the main job on the sample invoices with the default model.
pub(crate) fn demo() -> Result<ExitCode> {
    let (whole, cents) = (SAMPLES_TOTAL / 100, SAMPLES_TOTAL % 100);
    eprintln!("the sample invoices ask for {whole}.{cents:02} EUR together; an agent is to find that out");
    run(&["run".into(), GOAL.into(), "--workdir".into(), workspace::root().join(SAMPLES).into()])
}

/// Builds the program and runs it with these arguments; its exit code is the result.
pub(crate) fn run(args: &[OsString]) -> Result<ExitCode> {
    setup::ensure()?;
    let binary = binary()?;
    let mut command = Command::new(&binary);
    command.args(args);
    eprintln!("$ {}", process::shown(&command));
    become_it(&mut command).with_context(|| format!("can't start {}", binary.display()))
}

/// The program takes this one's place, and so gets the terminal's signals and keeps its exit code.
#[cfg(unix)]
fn become_it(command: &mut Command) -> std::io::Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    Err(command.exec())
}

#[cfg(not(unix))]
fn become_it(command: &mut Command) -> std::io::Result<ExitCode> {
    let code = command.status()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Builds the program and gives its path.
pub(crate) fn binary() -> Result<PathBuf> {
    built(&["--bin", "agentic"])
}

/// Builds a binary or an example and gives its path.
///
/// The whole workspace is named, though only one target is built: so dependencies have the features that the tests
/// give them, and are compiled once.
pub(crate) fn built(target: &[&str]) -> Result<PathBuf> {
    eprintln!("building `{}` (the first time takes minutes: llama.cpp is compiled too)", target.join(" "));
    executable(workspace::cargo().args(["build", "--workspace"]).args(target))
}

/// Runs a cargo command that builds one program, and gives the program's path.
pub(crate) fn executable(cargo: &mut Command) -> Result<PathBuf> {
    let messages = process::read(cargo.arg("--message-format=json-render-diagnostics"))?;
    let mut programs = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    });
    match programs.next_back() {
        Some(program) => Ok(program),
        None => bail!("`{}` built no program", process::shown(cargo)),
    }
}
