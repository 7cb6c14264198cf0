//! Where there is no sandbox nothing runs.

use std::path::PathBuf;

use agentic_core::{ToolError, ToolErrorKind};

use super::files::TextFile;
use super::{CodeLimits, Ran};

/// There is none.
#[derive(Debug)]
pub(super) enum Python {}

pub(super) async fn open(_: &[PathBuf], _: &[PathBuf], _: &CodeLimits) -> Result<Python, ToolError> {
    let message =
        "run_code needs the sandbox of a Linux kernel, on x86-64 or 64-bit ARM; without it it runs nothing";
    Err(ToolError::new(ToolErrorKind::Unsupported, message))
}

pub(super) async fn run(python: &Python, _: Vec<TextFile>, _: Option<String>) -> Result<Ran, ToolError> {
    match *python {}
}
