//! Where the fixtures are: at `$AGENTIC_FIXTURES`, else beside the workspace.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder `name` of the fixtures, or `None` with a printed line if it is absent.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("AGENTIC_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let path = root.join(name);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: fixtures not found at {}", path.display());
    None
}

/// The JSON values of a file with one value a line.
pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
