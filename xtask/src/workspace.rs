//! Where things are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use anyhow::{Context as _, Result};

use crate::process;

/// The workspace's root folder.
pub(crate) fn root() -> &'static Path {
    // Asked when it runs: checkouts that share a build folder may share this program too.
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let crate_dir = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        crate_dir.parent().map(Path::to_owned).unwrap_or(crate_dir)
    });
    &ROOT
}

/// The build folder.
pub(crate) fn target() -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty());
    root().join(folder.map_or_else(|| PathBuf::from("target"), PathBuf::from))
}

/// Cargo, as it was called.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The files that git knows, relative to the root, with those that are new and not ignored.
pub(crate) fn files() -> Result<Vec<String>> {
    let mut git = Command::new("git");
    // In a container the folder may be somebody else's; listing it does no harm.
    git.current_dir(root()).args(["-c", "safe.directory=*"]);
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let out = process::read(&mut git).context("can't list the project's files; is git installed?")?;
    let mut files: Vec<String> =
        out.split('\0').filter(|name| root().join(name).is_file()).map(str::to_owned).collect();
    files.sort();
    files.dedup();
    Ok(files)
}
