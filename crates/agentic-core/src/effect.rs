//! Effects: what they do to the world, and what a tool or an effect of an agent's own gets to work with.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cancel::{CancelReason, Cancellation};
use crate::id::{RunId, StepId};
use crate::model_context::DeltaSink;
use crate::sources::Sources;
use crate::time::Timestamp;

/// What an effect does to the world, hence what may be done when it is unknown whether it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectClass {
    /// Changes nothing: may run again.
    Pure,
    /// Running it twice is like running it once: may run again.
    Idempotent,
    /// Takes an idempotency key ([`EffectContext::key`]): runs again with the same key.
    Keyed,
    /// Can be asked whether it happened ([`Tool::check`](crate::Tool::check)).
    Checkable,
    /// Must not happen twice and can't be asked: a person or a policy decides.
    Unsafe,
}

impl EffectClass {
    /// Whether work of this class may be cut off when nobody waits for it any more.
    ///
    /// `checkable` and `unsafe` work is never cut: half of it might have happened.
    pub fn may_be_cut(self) -> bool {
        self < Self::Checkable
    }
}

/// What a tool, or an effect of an agent's own, gets to work with. Only a driver can make one, so a tool can't be
/// called around the run context. Models get a [`ModelContext`](crate::ModelContext).
#[derive(Clone, Debug)]
pub struct EffectContext(Arc<EffectGrant>);

/// What a driver gives to one effect.
#[derive(Clone, Debug)]
pub struct EffectGrant {
    /// The run; with the step the same for every attempt: an idempotency key.
    pub run: RunId,
    /// The step.
    pub step: StepId,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// When it has to be done, if there is a limit.
    pub deadline: Option<Timestamp>,
    /// The run's cancellation.
    pub cancellation: Cancellation,
    /// Time and randomness for the effect's own needs; what they give is not recorded.
    pub sources: Arc<dyn Sources>,
    /// Takes the pieces of a model's answer; `None` if nobody watches.
    pub deltas: Option<Arc<dyn DeltaSink>>,
    /// The output tokens that the budget allows a model call; `None` if it sets no limit.
    pub output_tokens: Option<u64>,
}

impl EffectContext {
    pub(crate) fn new(grant: EffectGrant) -> Self {
        Self(Arc::new(grant))
    }

    /// The idempotency key: the same for every attempt at this step, different for every other step of any run.
    pub fn key(&self) -> String {
        format!("{}/{}", self.0.run, self.0.step)
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// How much time is left, if there is a limit; zero once it is over.
    pub fn time_left(&self) -> Option<Duration> {
        self.0.deadline.map(|deadline| deadline.since(self.now()))
    }

    /// Whether the run was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancellation.is_cancelled()
    }

    /// Waits until the run is cancelled. Safe to drop.
    pub async fn cancelled(&self) -> CancelReason {
        self.0.cancellation.cancelled().await
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.0.sources.now()
    }

    /// 64 random bits, for jitter and the like; not for secrets.
    pub fn random(&self) -> u64 {
        self.0.sources.random()
    }

    /// Ends after `duration`. Safe to drop.
    pub async fn sleep(&self, duration: Duration) {
        self.0.sources.sleep(duration).await;
    }

    pub(crate) fn grant(&self) -> &EffectGrant {
        &self.0
    }
}

thread_local! {
    static INSIDE_EFFECT: Cell<bool> = const { Cell::new(false) };
}

/// Whether the current thread is polling an effect: no step may start there.
pub(crate) fn inside_effect() -> bool {
    INSIDE_EFFECT.get()
}

/// Marks the thread as being inside an effect while `poll` runs.
pub(crate) fn inside<T>(poll: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            INSIDE_EFFECT.set(self.0);
        }
    }
    let _restore = Restore(INSIDE_EFFECT.replace(true));
    poll()
}
