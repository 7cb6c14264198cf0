//! Recorded data of other projects, which lie beside the checkout and are not part of it.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The path of a fixture, a file or a folder, or `None`, with a line on standard error, where it is not there.
///
/// Looked for in `$AGENTIC_FIXTURES`, else in `../shared/fixtures` beside the workspace.
#[allow(clippy::print_stderr)]
pub fn fixture(name: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures");
    let root = std::env::var_os("AGENTIC_FIXTURES").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: fixtures not found at {} (set AGENTIC_FIXTURES)", path.display());
    None
}

/// The JSON values of a file that has one a line.
///
/// # Panics
/// If the file can't be read, or a line is not JSON.
pub fn json_lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        .collect()
}
