//! How work on the file fails, and how that is told.

use std::io;

use agentic_core::{StoreError, StoreErrorKind as Kind};
use rusqlite::ErrorCode as Code;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;

/// Why a piece of work failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// It may not be done.
    Refused(StoreError),
    /// What is wrong is known, but not yet which store is meant.
    Told(Kind, String),
    /// SQLite says so.
    Sql(rusqlite::Error),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
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
    pub(super) fn told(self, doing: &str, url: &str) -> StoreError {
        match self {
            Self::Refused(error) => error,
            Self::Told(kind, message) => StoreError::new(kind, url, message),
            Self::Sql(error) => of_sql(doing, url, &error),
        }
    }
}

/// What SQLite says, by what can be done about it.
fn of_sql(doing: &str, url: &str, error: &rusqlite::Error) -> StoreError {
    let (kind, what) = match error.sqlite_error_code() {
        // The index of the log does not fit on the disk.
        _ if error.sqlite_error().is_some_and(|it| it.extended_code == SQLITE_IOERR_SHMSIZE) => {
            (Kind::Unwritable, "no space is left; free some")
        }
        Some(Code::DiskFull) => (Kind::Unwritable, "no space is left; free some"),
        Some(Code::ReadOnly) => (Kind::Unwritable, "it may not be written; change its permissions"),
        Some(Code::CannotOpen | Code::PermissionDenied) => {
            (Kind::Unwritable, "check the permissions of the file and of its folder")
        }
        Some(Code::NotADatabase) => (Kind::Corrupt, "it is no SQLite database; name another file"),
        Some(Code::DatabaseCorrupt | Code::ConstraintViolation | Code::TypeMismatch) => {
            (Kind::Corrupt, "it is damaged; bring it back from a backup")
        }
        Some(Code::DatabaseBusy | Code::DatabaseLocked | Code::FileLockingProtocolFailed) => {
            (Kind::Unreachable, "another process keeps it locked; try again, or end that process")
        }
        Some(Code::TooBig) => {
            (Kind::Invalid, "a value is larger than SQLite can keep (1 GB); make it smaller")
        }
        _ => match error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..) => (Kind::Corrupt, "it is damaged; bring it back from a backup"),
            rusqlite::Error::NulError(_) | rusqlite::Error::InvalidPath(_) => {
                (Kind::Invalid, "this is no path of a file; name another")
            }
            _ => (Kind::Failed, "look at the cause, then try again"),
        },
    };
    let cause = error.to_string().replace('\n', " ");
    StoreError::new(kind, url, format!("can't {doing} it: {what} ({cause})"))
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
            (Kind::Invalid, "this is no path of a file; name another")
        }
        _ => (Kind::Failed, "look at the cause, then try again"),
    };
    StoreError::new(kind, url, format!("can't {doing}: {what} ({error})"))
}
