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
        let Ok(mut signals) = Signals::listen() else { return };
        signals.next().await;
        raised.cancel(CancelReason::Requested);
        signals.next().await;
        std::process::exit(i32::from(exit::CANCELLED));
    });
    interrupt
}

/// Ctrl-C and a request to end. The end of the terminal is left alone: `nohup` has its way.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self(tokio::signal::windows::ctrl_c()?))
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
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
