//! Keeps the invariants of docs/ARCHITECTURE.md that a machine can see. It is an ordinary test too, so that
//! `cargo test` is the whole gate.

mod crates;
mod docs;
mod once;
mod sources;

use std::fs;

use anyhow::{Result, bail};

use crate::metadata::Metadata;
use crate::workspace;

/// A tracked text file.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path below the root, with `/`.
    path: String,
    text: String,
}

/// Checks everything.
pub(crate) fn run() -> Result<()> {
    let problems = problems()?;
    if !problems.is_empty() {
        bail!("{} problems\n{}", problems.len(), problems.join("\n"));
    }
    println!("tidy: all invariants hold");
    Ok(())
}

fn problems() -> Result<Vec<String>> {
    let (metadata, files) = (Metadata::load()?, texts()?);
    let mut problems = crates::check(&metadata)?;
    problems.extend(once::check()?);
    problems.extend(crates::check_files(&files));
    problems.extend(sources::check(&files));
    problems.extend(docs::check(&files)?);
    Ok(problems)
}

/// The project's text files; lock files and fuzzing inputs are nobody's text.
fn texts() -> Result<Vec<File>> {
    let other = |path: &str| {
        path.ends_with("Cargo.lock") || path.starts_with("fuzz/corpus/") || path.starts_with("fuzz/seeds/")
    };
    let paths = workspace::files()?.into_iter().filter(|path| !other(path));
    Ok(paths
        .filter_map(|path| {
            let text = fs::read_to_string(workspace::root().join(&path)).ok()?;
            Some(File { path, text })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_workspace_is_tidy() {
        let problems = super::problems().unwrap();
        assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
    }
}
