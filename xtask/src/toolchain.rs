//! Compilers beside the one that this program was built with.

use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{process, workspace};

/// Qdrant's engine needs this one: 1.96 made a part of the standard library stable that it uses.
const ENGINE: u32 = 96;

/// Cargo for what has Qdrant's engine in it: as it was called, if its compiler is new enough, or that of a toolchain of
/// rustup that is.
///
/// # Errors
/// If there is none.
pub(crate) fn cargo_for_engine() -> Result<Command> {
    let minor = |cargo: &mut Command| minor(&process::read(cargo.arg("--version")).ok()?);
    if minor(&mut workspace::cargo()).is_some_and(|minor| minor >= ENGINE) {
        return Ok(workspace::cargo());
    }
    let listed =
        process::read(Command::new("rustup").args(["toolchain", "list", "--quiet"])).unwrap_or_default();
    let of = |name: &str| {
        let mut cargo = Command::new("rustup");
        cargo.current_dir(workspace::root()).args(["run", name, "cargo"]);
        // Cargo tells these to what it starts; another one has its own.
        cargo.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
        cargo
    };
    let fitting = listed.lines().find(|name| minor(&mut of(name)).is_some_and(|minor| minor >= ENGINE));
    fitting.map(of).with_context(|| {
        format!("Qdrant's engine needs Rust 1.{ENGINE} or newer, and there is none: `rustup toolchain install stable`")
    })
}

/// The second number of a version: `cargo 1.95.0 (f2d3ce0bd 2026-03-21)` has 95.
fn minor(version: &str) -> Option<u32> {
    version.split(' ').nth(1)?.split('.').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::minor;

    #[test]
    fn versions_are_read() {
        assert_eq!(minor("cargo 1.95.0 (f2d3ce0bd 2026-03-21)"), Some(95));
        assert_eq!(minor("cargo 1.97.0-nightly (abc 2026-05-19)"), Some(97));
        assert_eq!(minor("cargo"), None);
    }
}
