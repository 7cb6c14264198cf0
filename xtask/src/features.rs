//! The feature matrix: each feature of each crate compiles alone.

use anyhow::Result;

use crate::metadata::Metadata;
use crate::{process, workspace};

/// Features whose crates are so many that they are built by `cargo xtask integration` alone: crate and feature.
pub(crate) const HEAVY: &[(&str, &str)] = &[
    ("agentic", "edge"),
    ("agentic", "qdrant"),
    ("agentic-cli", "edge"),
    ("agentic-cli", "qdrant"),
    ("agentic-memory", "edge"),
    ("agentic-memory", "qdrant"),
    ("agentic-testkit", "qdrant-server"),
];

/// Checks each crate without features, then with each of its features alone but for the [heavy](HEAVY) ones.
pub(crate) fn check() -> Result<()> {
    for package in Metadata::load()?.members().filter(|package| package.published) {
        let heavy = |name: &&String| HEAVY.contains(&(package.name.as_str(), name.as_str()));
        let alone = package.features.keys().filter(|name| *name != "default" && !heavy(name)).map(Some);
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
