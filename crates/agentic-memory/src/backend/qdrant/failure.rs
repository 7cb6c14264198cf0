//! How calls fail, and how that is told.

use agentic_core::{StoreError, StoreErrorKind as Kind};
use tonic::{Code, Status};

/// What a server says, or why it can't be reached, by what can be done about it.
pub(super) fn of(doing: &str, url: &str, status: &Status) -> StoreError {
    let (kind, what) = match status.code() {
        Code::Unavailable | Code::Aborted => {
            (Kind::Unreachable, "look whether the server runs there, then try again")
        }
        Code::DeadlineExceeded | Code::Cancelled => {
            (Kind::Unreachable, "it took too long; try again, or give it more time with `timeout=SECONDS`")
        }
        Code::ResourceExhausted => (Kind::Unreachable, "the server has too much to do; try again later"),
        Code::Unauthenticated => (Kind::Unwritable, "the API key is missing or wrong; set `QDRANT_API_KEY`"),
        Code::PermissionDenied => (Kind::Unwritable, "the API key may not do this; use another"),
        Code::NotFound => (Kind::NotFound, "the collection is not there any more; open it again"),
        _ => (Kind::Failed, "look at the cause, then try again"),
    };
    let mut cause = status.message().replace(['\n', '\r'], " ");
    // What lies below often says more.
    let mut below = std::error::Error::source(status);
    while let Some(error) = below {
        let text = error.to_string().replace(['\n', '\r'], " ");
        if !cause.contains(&text) {
            cause = format!("{cause}: {text}");
        }
        below = error.source();
    }
    StoreError::new(kind, url, format!("can't {doing} it: {what} ({cause})"))
}

/// A point that is not what this version writes.
pub(super) fn damaged(url: &str, what: &str) -> StoreError {
    StoreError::new(Kind::Corrupt, url, format!("{what} is damaged; bring it back from a backup"))
}
