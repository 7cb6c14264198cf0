//! Ctrl-C, and what else asks a program to end, for the whole program.
//!
//! Once anybody has listened for that it no longer ends the program by itself, so one listener is there from start
//! to end, and all that takes long looks at its flag.

use std::future::Future;

use agentic::core::{CancelReason, Cancellation};

use crate::exit::{self, Failure};

/// The first signal raises the flag, so that what runs ends cleanly; the second ends the program at once.
pub(crate) fn listen() -> Cancellation {
    let interrupt = Cancellation::new();
    let raised = interrupt.clone();
    tokio::spawn(async move {
        if signal().await.is_ok() {
            raised.cancel(CancelReason::Requested);
            if signal().await.is_ok() {
                std::process::exit(i32::from(exit::CANCELLED));
            }
        }
    });
    interrupt
}

/// Ctrl-C, a request to end, or the end of the terminal.
#[cfg(unix)]
async fn signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut hangup) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        _ = terminate.recv() => Ok(()),
        _ = hangup.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// Does this work, which is safe to drop, unless Ctrl-C comes first.
pub(crate) async fn unless_raised<T>(
    interrupt: &Cancellation,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        _ = interrupt.cancelled() => Err(Failure::cancelled()),
        done = work => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_never_ends_is_left() {
        let interrupt = Cancellation::new();
        assert_eq!(unless_raised(&interrupt, async { Ok(1) }).await.unwrap(), 1);
        interrupt.cancel(CancelReason::Requested);
        let left = unless_raised(&interrupt, std::future::pending::<Result<(), _>>()).await.unwrap_err();
        assert_eq!(left.status(), agentic::core::RunStatus::Cancelled);
    }
}
