//! What has passed needs not be run again while nothing it depends on has changed.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::workspace;

/// A file in the build folder that says of which sources something passed last.
#[derive(Debug)]
pub(super) struct Stamp {
    file: PathBuf,
    hash: String,
}

impl Stamp {
    /// Of what depends on the files that begin with one of these paths.
    pub(super) fn of(name: &str, depends: &[&str]) -> Result<Self> {
        // The same in each process; whoever wants to deceive it deceives himself.
        let mut hasher = DefaultHasher::new();
        for path in
            workspace::files()?.into_iter().filter(|path| depends.iter().any(|one| path.starts_with(one)))
        {
            let text =
                fs::read(workspace::root().join(&path)).with_context(|| format!("can't read {path}"))?;
            (path, text).hash(&mut hasher);
        }
        let hash = format!("{:016x}\n", hasher.finish());
        Ok(Self { file: workspace::target().join(format!("{name}.passed")), hash })
    }

    pub(super) fn has_passed(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|hash| hash == self.hash)
    }

    pub(super) fn pass(&self) -> Result<()> {
        fs::write(&self.file, &self.hash).with_context(|| format!("can't write {}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::Stamp;

    #[test]
    fn what_changes_is_noticed() {
        let of = |depends: &[&str]| Stamp::of("test", depends).unwrap().hash;
        assert_eq!(of(&["xtask/"]), of(&["xtask/"]));
        assert_ne!(of(&["xtask/"]), of(&["xtask/src/integration"]));
        assert!(!Stamp::of("test of nothing", &["xtask/"]).unwrap().has_passed());
    }
}
