//! What the memories find with the embedded model. Each is a program that prints figures and fails if a bar is missed.

use std::process::Command;

use anyhow::Result;

use crate::{demo, process, workspace};

/// Evidence in long conversations.
pub(super) fn locomo() -> Result<()> {
    program("locomo")
}

/// Abstracts by questions.
pub(super) fn vaswani() -> Result<()> {
    program("vaswani")
}

fn program(name: &str) -> Result<()> {
    let mut build = workspace::cargo();
    build.args(["build", "--release", "-p", "agentic-retrieval", "--bin", name]);
    process::run(&mut Command::new(demo::executable(&mut build)?))
}
