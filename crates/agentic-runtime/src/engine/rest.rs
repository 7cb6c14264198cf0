//! At rest: what a run waits for, why it stops, how it ends.

use std::time::Duration;

use agentic_core::{CancelReason, StepKind, Timestamp};

use super::slots::Arrived;
use super::{Engine, Halt, State};
use crate::divergence::Divergence;
use crate::journal::EntryKind;

/// A run of which nothing but timers is open stops and frees its memory if the next is further away than this.
const PARK_AFTER: Duration = Duration::from_secs(2);

/// How long an agent may wait for something that is no step of its run, with no step open.
const PATIENCE: Duration = Duration::from_secs(1);

impl Engine {
    /// Whether the run can only wait, for what may take long, or in vain.
    pub(super) fn waits(&self, state: &mut State) -> Option<Halt> {
        let record = state.record.as_ref()?;
        let nothing_comes = state.slots.arrivals.is_empty()
            && state.slots.uncut == 0
            && record.is_durable()
            && record.inputs.is_empty()
            && record.committing.is_empty();
        if !nothing_comes {
            return None;
        }
        let now = self.sources.now();
        let open = state.slots.in_order();
        if open.is_empty() {
            // What it waits for may come yet: a channel, a lock, a timer that is not the run's.
            let since = *state.idle_since.get_or_insert_with(|| {
                if let Some(tokio) = self.tokio.get() {
                    let (root, patience) = (self.root.clone(), self.sources.sleep(PATIENCE));
                    tokio.spawn(async move {
                        patience.await;
                        root.wake();
                    });
                }
                now
            });
            return (now.since(since) >= PATIENCE).then_some(Halt::Foreign);
        }
        let mut waits = Vec::with_capacity(open.len());
        let mut wake_at: Option<Timestamp> = self.deadline();
        for (_, slot) in open {
            let wait = slot.waits_for(now, PARK_AFTER)?;
            let until = slot.until.filter(|_| matches!(slot.kind, StepKind::Sleep | StepKind::Approval));
            wake_at = wake_at.into_iter().chain(until).min();
            waits.push(wait);
        }
        waits.extend(record.orphans.iter().cloned());
        // What is due comes in a moment: the end of the run's time, of a question's.
        if wake_at.is_some_and(|at| at <= now) {
            return None;
        }
        Some(Halt::Waits { waits, wake_at })
    }

    /// Why the run stopped, once [`Rest::Halted`] was given.
    pub(crate) fn halted(&self) -> Halt {
        self.state().halt.clone().unwrap_or(Halt::HandBack)
    }

    /// The run stops here: nothing is started, delivered or written any more, and what may be cut is cut.
    pub(crate) fn stop(&self) {
        let mut state = self.state();
        state.halt.get_or_insert(Halt::HandBack);
        state.slots.cut();
        drop(state);
        self.root.wake();
    }

    /// The agent has ended. What the journal has beyond that, or what of its effects is unknown, keeps the run from
    /// ending.
    ///
    /// Gives why it was to end, if it was.
    pub(crate) fn ends(&self) -> Result<Option<CancelReason>, Halt> {
        let state = self.state();
        if let Some(halt) = &state.halt {
            return Err(halt.clone());
        }
        let Some(record) = &state.record else { return Ok(self.cancellation.reason()) };
        if let Some(error) = record.failed() {
            return Err(Halt::Journal(error.clone()));
        }
        let asked = state.slots.arrivals.iter().find_map(|arrival| match arrival.what {
            Arrived::Cancel(reason) => Some(reason),
            _ => None,
        });
        let cancel = self.cancellation.reason().or(asked).or(record.replay.cancelled());
        if let Some(step) = record.replay.unmet().filter(|_| !record.live) {
            return Err(Halt::Diverged(Divergence::Ended { step }));
        }
        if record.orphans.is_empty() {
            return Ok(cancel);
        }
        Err(Halt::Waits { waits: record.orphans.clone(), wake_at: None })
    }

    /// Writes an entry of the run's end, once the agent has ended.
    pub(crate) fn write(&self, kind: EntryKind) {
        let mut state = self.state();
        if let Some(record) = state.record.as_mut() {
            record.append(self.sources.now(), kind, None);
        }
    }

    /// Waits until all that was written is durable, and tells it.
    pub(crate) async fn durable(&self) -> Result<(), Halt> {
        std::future::poll_fn(|cx| {
            self.root.register(cx.waker());
            let mut state = self.state();
            let Some(record) = &mut state.record else { return std::task::Poll::Ready(Ok(())) };
            record.publish(&self.watch);
            match record.failed() {
                Some(error) => std::task::Poll::Ready(Err(Halt::Journal(error.clone()))),
                None if record.is_durable() => std::task::Poll::Ready(Ok(())),
                None => std::task::Poll::Pending,
            }
        })
        .await
    }
}
