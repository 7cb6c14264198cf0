//! One fetch at a time per model, across processes.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
};

/// An exclusive lock on a file, held until dropped (or until the process ends).
///
/// The file stays: removing it while another process waits for it would give two holders.
#[derive(Debug)]
pub(crate) struct StoreLock {
    file: File,
}

impl StoreLock {
    /// Takes the lock if nobody holds it.
    pub(crate) fn try_acquire(path: &Path) -> io::Result<Option<Self>> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Drop for StoreLock {
    /// Closing alone would not do: a child process being started by another thread holds a copy
    /// of the handle for a moment, and with it the lock.
    fn drop(&mut self) {
        self.file.unlock().ok();
    }
}
