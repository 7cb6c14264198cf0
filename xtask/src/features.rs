//! The feature matrix: each feature of each crate compiles alone.

use anyhow::Result;

use crate::metadata::Metadata;
use crate::{process, workspace};

/// Checks each crate without features, then with each of its features alone.
pub(crate) fn check() -> Result<()> {
    for package in Metadata::load()?.members().filter(|package| package.published) {
        let alone = package.features.keys().filter(|name| *name != "default").map(Some);
        for feature in std::iter::once(None).chain(alone) {
            let mut cargo = workspace::cargo();
            cargo.args(["check", "--quiet", "-p", &package.name, "--no-default-features"]);
            if let Some(feature) = feature {
                cargo.args(["--features", feature]);
            }
            process::run(&mut cargo)?;
        }
    }
    Ok(())
}
