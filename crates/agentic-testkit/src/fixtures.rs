//! Recorded data of other projects, which lie beside the checkout and are not part of it.

use std::path::PathBuf;

/// The path of a fixture, or `None`, with a line on standard error, where it is not there.
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
    eprintln!("skipped: no fixture at {} (set AGENTIC_FIXTURES)", path.display());
    None
}
