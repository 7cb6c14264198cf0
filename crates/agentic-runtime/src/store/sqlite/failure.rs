//! How work on the database fails, and how that is told.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode as Code;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;

use crate::store::error::{JournalError, JournalErrorKind as Kind};

/// Why a piece of work failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// It may not be done, and nothing was written.
    Refused(JournalError),
    /// The database failed: what the transaction wrote is void.
    Sql(rusqlite::Error),
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        Self::Refused(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Failure {
    /// The error for whoever asked for the work.
    pub(super) fn told(self, doing: &str, path: &Path) -> JournalError {
        match self {
            Self::Refused(error) => error,
            Self::Sql(error) => of_sql(doing, path, error),
        }
    }
}

/// What SQLite says, by what can be done about it.
pub(super) fn of_sql(doing: &str, path: &Path, error: rusqlite::Error) -> JournalError {
    let (kind, what) = match error.sqlite_error_code() {
        // The index of the log does not fit on the disk.
        _ if error.sqlite_error().is_some_and(|it| it.extended_code == SQLITE_IOERR_SHMSIZE) => {
            (Kind::Unwritable, "no space is left; free some, or delete runs")
        }
        Some(Code::DiskFull) => (Kind::Unwritable, "no space is left; free some, or delete runs"),
        Some(Code::ReadOnly) => (Kind::Unwritable, "it may not be written; change its permissions"),
        Some(Code::CannotOpen | Code::PermissionDenied) => {
            (Kind::Unwritable, "it can't be opened; check the permissions of the file and of its folder")
        }
        Some(Code::NotADatabase) => (Kind::Corrupt, "it is no SQLite database; name another file"),
        Some(Code::DatabaseCorrupt) => (Kind::Corrupt, "it is damaged; bring it back from a backup"),
        Some(Code::DatabaseBusy | Code::DatabaseLocked | Code::FileLockingProtocolFailed) => {
            (Kind::Unavailable, "another process keeps it locked; try again, or end that process")
        }
        Some(Code::SystemIoFailure) => {
            (Kind::Unavailable, "the disk fails; look at the system's log, then try again")
        }
        Some(Code::TooBig) => {
            (Kind::Invalid, "a value is larger than SQLite can keep (1 GB); make it smaller")
        }
        Some(Code::OutOfMemory) => (Kind::Unavailable, "no memory is left; try again with more"),
        Some(Code::ConstraintViolation | Code::TypeMismatch) => {
            (Kind::Corrupt, "its rows contradict each other; bring it back from a backup")
        }
        Some(_) => (Kind::Unavailable, "SQLite refuses; the cause says why"),
        None => match error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..) => {
                (Kind::Corrupt, "a row has another form than it should; bring it back from a backup")
            }
            rusqlite::Error::NulError(_) | rusqlite::Error::InvalidPath(_) => {
                (Kind::Invalid, "this is no path of a file; name another")
            }
            _ => (Kind::Unavailable, "SQLite refuses; the cause says why"),
        },
    };
    JournalError::new(kind, format!("can't {doing} `{}`: {what}", path.display())).with_source(error)
}

/// What the file system says, by what can be done about it.
pub(super) fn of_io(doing: &str, path: &Path, error: io::Error) -> JournalError {
    use io::ErrorKind as Io;
    let (kind, what) = match error.kind() {
        Io::PermissionDenied | Io::ReadOnlyFilesystem => {
            (Kind::Unwritable, "the folder may not be written; change its permissions, or name another")
        }
        Io::StorageFull | Io::QuotaExceeded => (Kind::Unwritable, "no space is left; free some"),
        Io::NotADirectory | Io::AlreadyExists | Io::InvalidInput | Io::InvalidFilename => {
            (Kind::Invalid, "this is no path of a file; name another")
        }
        _ => (Kind::Unavailable, "the file system refuses; the cause says why"),
    };
    JournalError::new(kind, format!("can't {doing} `{}`: {what}", path.display())).with_source(error)
}

/// The writer is gone.
pub(super) fn closed(path: &Path) -> JournalError {
    let message =
        format!("the writer of the journals in `{}` has stopped; open the store again", path.display());
    JournalError::new(Kind::Unavailable, message)
}
