//! How work on the database fails, and how that is told.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use agentic_core::{StoreError, StoreErrorKind as Kind};
use deadpool_postgres::{HookError, PoolError};
use tokio_postgres::Error;

/// Why a piece of work failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// It may not be done.
    Refused(StoreError),
    /// What is wrong is known, but not yet which store is meant.
    Told(Kind, String),
    /// Somebody else wrote the same record in the same moment. Nothing was changed.
    Raced,
    /// Whether it was written is not known.
    Unknown(Error),
    /// No connection was free for so long.
    Busy(Duration),
    /// The server, or the driver, says so.
    Sql(Error),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

impl Failure {
    /// What the pool says. It waits so long for a connection that is free.
    pub(super) fn of_pool(error: PoolError, patience: Duration) -> Self {
        match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                Self::Sql(error)
            }
            PoolError::Timeout(deadpool_postgres::TimeoutType::Wait) => Self::Busy(patience),
            PoolError::Timeout(_) | PoolError::PostCreateHook(_) => {
                Self::Told(Kind::Unreachable, UNREACHABLE.into())
            }
            other => Self::Told(Kind::Failed, format!("there is no connection to be had ({other})")),
        }
    }

    /// A change that could not be confirmed.
    pub(super) fn of_commit(error: Error) -> Self {
        if is_lost(&error) { Self::Unknown(error) } else { Self::Sql(error) }
    }

    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// Whether the connection is gone, and with it all that was not finished.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Self::Sql(error) if is_lost(error))
    }

    /// Whether somebody else was in the way, and nothing was changed.
    pub(super) fn is_collision(&self) -> bool {
        match self {
            Self::Raced => true,
            Self::Sql(error) => matches!(code(error), "40001" | "40P01"),
            _ => false,
        }
    }

    /// The error for whoever asked for the work.
    pub(super) fn told(self, doing: &str, url: &str) -> StoreError {
        let (kind, what) = match self {
            Self::Refused(error) => return error,
            Self::Told(kind, message) => return StoreError::new(kind, url, message),
            Self::Raced => (Kind::Unreachable, "others keep writing the same records; try again".into()),
            Self::Busy(patience) => (
                Kind::Unreachable,
                format!("all connections were in use for {} s; try again, or allow more", patience.as_secs()),
            ),
            Self::Unknown(error) => (
                Kind::Unreachable,
                format!(
                    "the connection was lost while it was confirmed; read again whether it is there ({})",
                    cause(&error)
                ),
            ),
            Self::Sql(error) => {
                let (kind, what) = of_sql(&error);
                (kind, format!("{what} ({})", cause(&error)))
            }
        };
        StoreError::new(kind, url, format!("can't {doing} it: {what}"))
    }
}

/// What is said of a server that does not answer.
pub(super) const UNREACHABLE: &str =
    "the server does not answer; look whether it runs and can be reached, then try again";

/// SQLSTATE of the error, or nothing.
fn code(error: &Error) -> &str {
    error.code().map_or("", |code| code.code())
}

fn is_lost(error: &Error) -> bool {
    let io = error.source().is_some_and(|source| source.is::<io::Error>());
    error.is_closed()
        || io
        || matches!(code(error), "57P01" | "57P02" | "57P03")
        || code(error).starts_with("08")
}

/// The cause in one line. What the server says of values is left out: they are somebody's.
fn cause(error: &Error) -> String {
    let text = match error.as_db_error() {
        Some(error) => format!("{}: {}", error.code().code(), error.message()),
        None => {
            let mut text = error.to_string();
            let mut next = error.source();
            while let Some(source) = next {
                text = format!("{text}: {source}");
                next = source.source();
            }
            text
        }
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the server says, by what can be done about it.
fn of_sql(error: &Error) -> (Kind, &'static str) {
    match code(error) {
        "28P01" | "28000" => {
            (Kind::Invalid, "the server does not take this user with this password; mend the address")
        }
        "3D000" => (Kind::Invalid, "there is no such database; make it, or mend the address"),
        "53300" => (Kind::Unreachable, "the server has no connection left; try again, or allow it more"),
        "57014" | "55P03" | "25P03" => {
            (Kind::Unreachable, "it took too long; try again, or allow more by statement_timeout")
        }
        "40001" | "40P01" => (Kind::Unreachable, "others keep writing the same records; try again"),
        "53100" => (Kind::Unwritable, "no space is left; free some"),
        "25006" => (Kind::Unwritable, "the server may only be read; name one that may be written"),
        "42501" => (Kind::Unwritable, "this user may not do that; grant it, or name another user"),
        "54000" | "54011" | "54023" => {
            (Kind::Invalid, "a value is larger than the server can keep; make it smaller")
        }
        "42P01" | "42703" | "42804" | "42883" | "42704" => (
            Kind::Corrupt,
            "its tables are not what they were; bring them back from a backup, or name another schema",
        ),
        state if state.starts_with("XX00") => (Kind::Corrupt, "it is damaged; bring it back from a backup"),
        _ if is_lost(error) => (Kind::Unreachable, UNREACHABLE),
        "" => match error.to_string() {
            text if text.starts_with("error performing TLS") => (
                Kind::Unreachable,
                "the connection can't be encrypted as sslmode wants it; mend the address or the server",
            ),
            text if text.starts_with("error connecting") || text.starts_with("timeout") => {
                (Kind::Unreachable, UNREACHABLE)
            }
            text if text.starts_with("authentication") || text.starts_with("invalid configuration") => {
                (Kind::Invalid, "the server wants another way to prove who it is; mend the address")
            }
            text if text.starts_with("error deserializing") => {
                (Kind::Corrupt, "its tables are not what they were; bring them back from a backup")
            }
            _ => (Kind::Failed, "look at the cause, then try again"),
        },
        _ => (Kind::Failed, "look at the cause, then try again"),
    }
}
