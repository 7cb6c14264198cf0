//! A crate outside of the workspace that depends on one middle crate alone: what does that cost it?

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::{metadata, process, workspace};

const FOLDER: &str = "examples/outside-crate";

/// What must not come along unless asked for: the local model, HTTP clients and servers.
const UNASKED: &[&str] =
    &["llama-cpp-2", "llama-cpp-sys-2", "reqwest", "hyper", "rustls", "native-tls", "ureq", "axum"];

/// Checks that it compiles, and prints how many crates it needs.
pub(crate) fn check() -> Result<()> {
    let folder = workspace::root().join(FOLDER);
    // The workspace's own versions; cargo drops what the crate does not need.
    fs::copy(workspace::root().join("Cargo.lock"), folder.join("Cargo.lock"))
        .with_context(|| format!("can't copy Cargo.lock into {FOLDER}"))?;
    let manifest = folder.join("Cargo.toml");
    let manifest = manifest.to_str().context("the project's path is not UTF-8; move it")?;
    let tree = metadata::tree(manifest, &[])?;
    let unasked: Vec<_> = UNASKED.iter().filter(|name| metadata::has(&tree, name)).copied().collect();
    println!("outside crate: {} crates besides itself", tree.len().saturating_sub(1));
    if !unasked.is_empty() {
        bail!("{FOLDER} gets {} without asking for it; `cargo tree` there says by whom", unasked.join(", "));
    }
    process::run(workspace::cargo().args(["check", "--quiet", "--manifest-path", manifest]))
}
