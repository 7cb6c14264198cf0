//! How work on the folder fails, and how that is told.

use std::io;

use agentic_core::{StoreError, StoreErrorKind as Kind};
use qdrant_edge::OperationError;

/// Why a piece of work failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// It may not be done.
    Refused(StoreError),
    /// What is wrong is known, but not yet which store is meant.
    Told(Kind, String),
    /// The engine says so.
    Engine(OperationError),
    /// The file system says so.
    Io(io::Error),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<OperationError> for Failure {
    fn from(error: OperationError) -> Self {
        Self::Engine(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Failure {
    /// The error for whoever asked for the work.
    pub(super) fn told(self, doing: &str, url: &str) -> StoreError {
        match self {
            Self::Refused(error) => error,
            Self::Told(kind, message) => StoreError::new(kind, url, message),
            Self::Engine(error) => {
                let (kind, what) = of_engine(&error);
                StoreError::new(kind, url, format!("can't {doing} it: {what} ({})", line(&error)))
            }
            Self::Io(error) => of_io(&format!("{doing} it"), url, &error),
        }
    }
}

/// What the engine says when it opens its files: most of it is that these are damaged.
pub(super) fn of_opening(url: &str, error: &OperationError) -> StoreError {
    let (kind, what) = match of_engine(error) {
        (Kind::Failed, _) => (Kind::Corrupt, "it is damaged; bring it back from a backup"),
        known => known,
    };
    StoreError::new(kind, url, format!("can't open it: {what} ({})", line(error)))
}

fn of_engine(error: &OperationError) -> (Kind, &'static str) {
    let text = error.to_string();
    // Errors of files come as texts, those of the operating system at their ends.
    let says = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    match error {
        _ if says(&["No space left", "StorageFull", "quota exceeded"]) => {
            (Kind::Unwritable, "no space is left; free some")
        }
        _ if says(&["Permission denied", "Read-only file system"]) => {
            (Kind::Unwritable, "the folder may not be written; change its permissions, or name another")
        }
        OperationError::InconsistentStorage { .. } | OperationError::FileNotFound { .. } => {
            (Kind::Corrupt, "it is damaged; bring it back from a backup")
        }
        _ => (Kind::Failed, "look at the cause, then try again"),
    }
}

fn line(error: &OperationError) -> String {
    error.to_string().replace('\n', " ")
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
            (Kind::Invalid, "this is no path of a folder; name another")
        }
        _ => (Kind::Failed, "look at the cause, then try again"),
    };
    StoreError::new(kind, url, format!("can't {doing}: {what} ({error})"))
}
