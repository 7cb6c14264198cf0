//! Cancellation: one flag that a run and everything it started share.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

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

/// A flag that is raised once and never lowered; clones share it, [children](Self::child) follow it.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    reason: OnceLock<CancelReason>,
    raised: Notify,
    children: Mutex<Vec<Weak<Inner>>>,
}

impl Inner {
    fn raise(&self, reason: CancelReason) {
        if self.reason.set(reason).is_err() {
            return;
        }
        self.raised.notify_waiters();
        let children = std::mem::take(&mut *self.children.lock().unwrap_or_else(PoisonError::into_inner));
        children.iter().filter_map(Weak::upgrade).for_each(|child| child.raise(reason));
    }
}

impl Cancellation {
    /// A flag that is not raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises the flag. Only the first reason counts.
    pub fn cancel(&self, reason: CancelReason) {
        self.0.raise(reason);
    }

    /// A flag that is raised with this one, and can be raised alone.
    pub fn child(&self) -> Self {
        let child = Self::new();
        {
            let mut children = self.0.children.lock().unwrap_or_else(PoisonError::into_inner);
            children.retain(|child| child.strong_count() > 0);
            children.push(Arc::downgrade(&child.0));
        }
        // If it was raised meanwhile, the list had been taken before.
        if let Some(reason) = self.reason() {
            child.cancel(reason);
        }
        child
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

#[cfg(test)]
mod tests {
    use super::{CancelReason, Cancellation};

    #[test]
    fn a_child_follows_its_parent_and_not_the_other_way_round() {
        let parent = Cancellation::new();
        let (one, other) = (parent.child(), parent.child());
        one.cancel(CancelReason::TimedOut);
        assert_eq!((parent.reason(), other.reason()), (None, None));
        parent.cancel(CancelReason::Requested);
        assert_eq!(one.reason(), Some(CancelReason::TimedOut), "the first reason counts");
        assert_eq!(other.reason(), Some(CancelReason::Requested));
        assert_eq!(parent.child().reason(), Some(CancelReason::Requested));
    }
}
