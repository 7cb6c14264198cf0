//! How work on the folder fails, and how that is told.

use std::io;

use agentic_core::{StoreError, StoreErrorKind as Kind};
use qdrant_edge::OperationError;

use crate::backend::files::{self, Cause, DAMAGED, of_io};

pub(super) type Failure = files::Failure<Trouble>;

/// Who says that it failed.
#[derive(Debug)]
pub(super) enum Trouble {
    Engine(OperationError),
    Files(io::Error),
}

impl From<OperationError> for Failure {
    fn from(error: OperationError) -> Self {
        Self::Engine(Trouble::Engine(error))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Engine(Trouble::Files(error))
    }
}

impl Cause for Trouble {
    fn told(&self, doing: &str, url: &str) -> StoreError {
        match self {
            Self::Engine(error) => {
                let (kind, what) = of_engine(error);
                StoreError::new(kind, url, format!("can't {doing} it: {what} ({})", line(error)))
            }
            Self::Files(error) => of_io(&format!("{doing} it"), url, error),
        }
    }
}

/// What the engine says when it opens its files: most of it is that these are damaged.
pub(super) fn of_opening(url: &str, error: &OperationError) -> StoreError {
    let (kind, what) = match of_engine(error) {
        (Kind::Failed, _) => DAMAGED,
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
        OperationError::InconsistentStorage { .. } | OperationError::FileNotFound { .. } => DAMAGED,
        _ => (Kind::Failed, "look at the cause, then try again"),
    }
}

fn line(error: &OperationError) -> String {
    error.to_string().replace('\n', " ")
}
