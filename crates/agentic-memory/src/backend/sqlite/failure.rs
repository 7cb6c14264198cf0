//! How SQLite fails, and how that is told.

use agentic_core::{StoreError, StoreErrorKind as Kind};
use rusqlite::ErrorCode as Code;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;

use crate::backend::files::{self, Cause, DAMAGED};

pub(super) type Failure = files::Failure<rusqlite::Error>;

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

impl Cause for rusqlite::Error {
    fn told(&self, doing: &str, url: &str) -> StoreError {
        let (kind, what) = match self.sqlite_error_code() {
            // The index of the log does not fit on the disk.
            _ if self.sqlite_error().is_some_and(|it| it.extended_code == SQLITE_IOERR_SHMSIZE) => {
                (Kind::Unwritable, "no space is left; free some")
            }
            Some(Code::DiskFull) => (Kind::Unwritable, "no space is left; free some"),
            Some(Code::ReadOnly) => (Kind::Unwritable, "it may not be written; change its permissions"),
            Some(Code::CannotOpen | Code::PermissionDenied) => {
                (Kind::Unwritable, "check the permissions of the file and of its folder")
            }
            Some(Code::NotADatabase) => (Kind::Corrupt, "it is no SQLite database; name another file"),
            Some(Code::DatabaseCorrupt | Code::ConstraintViolation | Code::TypeMismatch) => DAMAGED,
            Some(Code::DatabaseBusy | Code::DatabaseLocked | Code::FileLockingProtocolFailed) => {
                (Kind::Unreachable, "another process keeps it locked; try again, or end that process")
            }
            Some(Code::TooBig) => {
                (Kind::Invalid, "a value is larger than SQLite can keep (1 GB); make it smaller")
            }
            _ => match self {
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::Utf8Error(..) => DAMAGED,
                rusqlite::Error::NulError(_) | rusqlite::Error::InvalidPath(_) => {
                    (Kind::Invalid, "this is no path of a file; name another")
                }
                _ => (Kind::Failed, "look at the cause, then try again"),
            },
        };
        let cause = self.to_string().replace('\n', " ");
        StoreError::new(kind, url, format!("can't {doing} it: {what} ({cause})"))
    }
}
