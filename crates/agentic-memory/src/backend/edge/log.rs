//! The engine's log: what is in it is not lost.

use std::io;
use std::path::{Path, PathBuf};

use qdrant_edge::WAL_PATH;

/// The folder of the log.
#[derive(Debug)]
pub(super) struct Log(PathBuf);

impl Log {
    /// The log of the engine in this folder.
    pub(super) fn of(engine: &Path) -> Self {
        Self(engine.join(WAL_PATH))
    }

    /// Returns when all that was written to the log is on the disk. The engine maps its files into memory, and would tell
    /// the disk of them only together with all others, which takes long; whoever syncs a mapped file syncs what was written
    /// to the mapping too.
    #[cfg(unix)]
    pub(super) fn sync(&self) -> io::Result<()> {
        use std::fs::{self, File};
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            // Others are not written any more; the engine has synced them, or does so meanwhile.
            if entry.file_name().to_string_lossy().starts_with("open-") {
                File::open(entry.path())?.sync_data()?;
            }
        }
        File::open(&self.0)?.sync_all()
    }

    /// Does nothing: elsewhere a file's mapping is not synced with the file.
    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "it is the same everywhere")]
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
