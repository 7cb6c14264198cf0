//! Work that blocks (hashing, copying, unpacking), on a blocking thread with progress.

use std::{io, sync::Arc};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::catalog::lock::StoreLock;

/// What blocking work sees of the fetch: whether to stop, and where to tell how far it is.
#[derive(Debug)]
pub(super) struct Watch {
    stop: CancellationToken,
    done: mpsc::UnboundedSender<u64>,
}

/// Which side of a copy failed: the source's fault, or this machine's.
#[derive(Debug)]
pub(super) enum CopyError {
    Read(io::Error),
    Write(io::Error),
}

impl Watch {
    /// Tells how far the work is; `false` asks it to stop.
    pub(super) fn go_on(&self, done: u64) -> bool {
        // Nobody listens only when the fetch is being dropped, and then `stop` says so.
        self.done.send(done).ok();
        !self.stop.is_cancelled()
    }

    /// Copies all of `from`, at most `limit` bytes, telling `before` plus what was copied. Returns
    /// the bytes copied.
    pub(super) fn copy(
        &self,
        from: &mut dyn io::Read,
        to: &mut dyn io::Write,
        before: u64,
        limit: u64,
    ) -> Result<u64, CopyError> {
        let mut buffer = vec![0; 1 << 20];
        let mut copied = 0;
        loop {
            let read = match from.read(&mut buffer) {
                Ok(0) => return Ok(copied),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(CopyError::Read(error)),
            };
            copied += read as u64;
            if copied > limit {
                let error = io::Error::new(io::ErrorKind::FileTooLarge, "more data than expected");
                return Err(CopyError::Read(error));
            }
            to.write_all(buffer.get(..read).unwrap_or_default()).map_err(CopyError::Write)?;
            if !self.go_on(before + copied) {
                return Err(CopyError::Write(io::Error::other("cancelled")));
            }
        }
    }
}

/// Runs `work` on a blocking thread; `told` hears its progress in the task that waits for it.
///
/// The lock lives as long as the work, even when the fetch is dropped: no other fetch of the same
/// model starts while a thread of this one still writes.
pub(super) async fn run<T: Send + 'static>(
    lock: &Arc<StoreLock>,
    stop: &CancellationToken,
    mut told: impl FnMut(u64),
    work: impl FnOnce(&Watch) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let watch = Watch { stop: stop.clone(), done: sender };
    let lock = Arc::clone(lock);
    let work = tokio::task::spawn_blocking(move || {
        let result = work(&watch);
        drop(lock);
        result
    });
    while let Some(done) = receiver.recv().await {
        told(done);
    }
    work.await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
