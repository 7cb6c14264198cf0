//! The feature matrix: each feature of each crate compiles alone.

use std::path::PathBuf;

use anyhow::Result;

use crate::metadata::{self, Metadata};
use crate::{process, workspace};

/// The crate whose build script compiles llama.cpp.
const LLAMA: &str = "llama-cpp-sys-2";

/// Checks each crate without features, then with each of its features alone.
pub(crate) fn check() -> Result<()> {
    let metadata = Metadata::load()?;
    for package in metadata.members().filter(|package| package.published) {
        let alone = package.features.keys().filter(|name| *name != "default").map(|name| vec![name.as_str()]);
        for features in std::iter::once(vec![]).chain(alone) {
            let mut cargo = workspace::cargo();
            cargo.args(["check", "--quiet", "-p", &package.name, "--no-default-features"]);
            if !features.is_empty() {
                cargo.args(["--features", &features.join(",")]);
            }
            if metadata::has(&metadata::tree(&package.manifest, &features)?, LLAMA) {
                cargo.args(compiled_llama()?);
            }
            process::run(&mut cargo)?;
        }
    }
    Ok(())
}

/// Settings that let a check use the llama.cpp bindings of the build that is there.
///
/// A crate alone gives the dependencies of the build script other features than the whole workspace does, so the
/// build script would run again and compile llama.cpp a second time, for a check that links nothing.
fn compiled_llama() -> Result<Vec<String>> {
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--workspace", "--bin", "agentic", "--message-format=json-render-diagnostics"]);
    let messages = process::read(&mut cargo)?;
    let out_dir = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let ours = message["reason"] == "build-script-executed"
            && message["package_id"].as_str().is_some_and(|id| id.contains(LLAMA));
        ours.then(|| message["out_dir"].as_str().map(PathBuf::from)).flatten()
    });
    let (Some(out_dir), Some(host)) = (out_dir, host()?) else { return Ok(Vec::new()) };
    // A TOML literal string: backslashes in it are plain.
    let setting = format!("target.{host}.llama.rustc-env.OUT_DIR='{}'", out_dir.display());
    Ok(vec!["--config".into(), setting])
}

fn host() -> Result<Option<String>> {
    let text = process::read(std::process::Command::new("rustc").arg("-vV"))?;
    Ok(text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned))
}
