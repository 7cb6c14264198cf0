//! Cancellation: one flag that a run and everything it started share.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// Why a run was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CancelReason {
    /// Somebody asked for it.
    Requested,
    /// The run's time was up.
    TimedOut,
}

/// A flag that is raised once and never lowered; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    reason: OnceLock<CancelReason>,
    raised: Notify,
}

impl Cancellation {
    /// A flag that is not raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises the flag. Only the first reason counts.
    pub fn cancel(&self, reason: CancelReason) {
        if self.0.reason.set(reason).is_ok() {
            self.0.raised.notify_waiters();
        }
    }

    /// Whether the flag is raised.
    pub fn is_cancelled(&self) -> bool {
        self.reason().is_some()
    }

    /// Why it was raised, once it is.
    pub fn reason(&self) -> Option<CancelReason> {
        self.0.reason.get().copied()
    }

    /// Waits until the flag is raised.
    ///
    /// # Cancel safety
    /// Safe to drop.
    pub async fn cancelled(&self) -> CancelReason {
        loop {
            // Registered before the flag is read, so that no raise between the two is missed.
            let raised = self.0.raised.notified();
            if let Some(reason) = self.reason() {
                return reason;
            }
            raised.await;
        }
    }
}
