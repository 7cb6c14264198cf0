//! Stores of files on this machine: their work is done where it may wait, and how it fails is told.

use std::io;

use agentic_core::{StoreError, StoreErrorKind as Kind};

/// What is said of something that can't be read.
pub(super) const DAMAGED: (Kind, &str) = (Kind::Corrupt, "it is damaged; bring it back from a backup");

/// Why a piece of work failed.
#[derive(Debug)]
pub(super) enum Failure<E> {
    /// It may not be done.
    Refused(StoreError),
    /// What is wrong is known, but not yet which store is meant.
    Told(Kind, String),
    /// The engine says so.
    Engine(E),
}

/// What an engine says.
pub(super) trait Cause {
    /// The error for whoever asked for the work, by what can be done about it.
    fn told(&self, doing: &str, url: &str) -> StoreError;
}

impl<E> From<StoreError> for Failure<E> {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl<E: Cause> Failure<E> {
    /// The error for whoever asked for the work.
    pub(super) fn told(self, doing: &str, url: &str) -> StoreError {
        match self {
            Self::Refused(error) => error,
            Self::Told(kind, message) => StoreError::new(kind, url, message),
            Self::Engine(cause) => cause.told(doing, url),
        }
    }
}

/// What the file system says, by what can be done about it.
pub(super) fn of_io(doing: &str, url: &str, error: &io::Error) -> StoreError {
    use io::ErrorKind as Io;
    let (kind, what) = match error.kind() {
        Io::PermissionDenied | Io::ReadOnlyFilesystem => {
            (Kind::Unwritable, "the folder may not be written; change its permissions, or name another")
        }
        Io::StorageFull | Io::QuotaExceeded => (Kind::Unwritable, "no space is left; free some"),
        Io::NotADirectory | Io::AlreadyExists | Io::InvalidInput | Io::InvalidFilename => {
            (Kind::Invalid, "no store can be at this path; name another")
        }
        _ => (Kind::Failed, "look at the cause, then try again"),
    };
    StoreError::new(kind, url, format!("can't {doing}: {what} ({error})"))
}

/// Does something that may take a while, on a thread that may.
pub(super) async fn blocking<T: Send + 'static>(
    url: &str,
    work: impl FnOnce(&str) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let of = url.to_owned();
    tokio::task::spawn_blocking(move || work(&of)).await.unwrap_or_else(|error| {
        let message = format!("the work on it has stopped ({error}); open it again");
        Err(StoreError::new(Kind::Failed, url, message))
    })
}
