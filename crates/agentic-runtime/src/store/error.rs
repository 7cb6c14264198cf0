//! How a store of journals fails.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// A failed call of a [`JournalStore`](super::JournalStore). One line: what failed, on what, what to do.
#[derive(Clone, Debug)]
pub struct JournalError {
    kind: JournalErrorKind,
    message: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What went wrong, by what a caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JournalErrorKind {
    /// There is no such run.
    NotFound,
    /// There is such a run, or such a post, already.
    Exists,
    /// Another process owns the run now: stop working on it.
    Fenced,
    /// Another process is at work on the run: wait, or ask it.
    Busy,
    /// The run has ended: nothing changes it any more.
    Ended,
    /// Something was posted to the run that its owner has not seen: take it in, then end the run.
    Unseen,
    /// A newer version of this library wrote it: use that one.
    Format,
    /// It is no store of ours, or it is damaged.
    Corrupt,
    /// No space left, or not allowed to write.
    Unwritable,
    /// The store can't be reached now.
    Unavailable,
    /// The caller's mistake: the address, or entries out of order.
    Invalid,
}

impl JournalError {
    /// An error of this kind; `message` says what failed, on what, and what to do.
    pub fn new(kind: JournalErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same error with its cause.
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> JournalErrorKind {
        self.kind
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for JournalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}
