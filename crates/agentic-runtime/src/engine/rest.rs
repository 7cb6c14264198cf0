//! At rest: what a run waits for, why it stops, how it ends.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use agentic_core::{CancelReason, StepKind, Timestamp};

use super::record::Ending;
use super::slots::Arrived;
use super::wait::Input;
use super::{Engine, Halt, Patience, Record, State};
use crate::divergence::Divergence;
use crate::journal::EntryKind;
use crate::store::JournalErrorKind;

/// A run of which nothing but timers is open stops and frees its memory if the next is further away than this.
const PARK_AFTER: Duration = Duration::from_secs(2);

/// How long an agent may wait for something that is no step of its run, with no step open.
const PATIENCE: Duration = Duration::from_secs(1);

impl Engine {
    /// Whether the run can only wait, for what may take long, or in vain.
    pub(super) fn waits(self: &Arc<Self>, state: &mut State) -> Option<Halt> {
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
            // One that was cancelled is given up in its time.
            let idle = !self.cancellation.is_cancelled() && self.out_of_patience(state);
            return idle.then_some(Halt::Foreign);
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

    /// Whether the agent has waited too long for something that is no step of its run.
    pub(super) fn out_of_patience(self: &Arc<Self>, state: &mut State) -> bool {
        if state.patience == Patience::Unspent
            && let Some(tokio) = self.tokio.get()
        {
            state.patience = Patience::Running;
            let (engine, delivered) = (self.clone(), state.delivered);
            let patience = self.sources.sleep(PATIENCE);
            tokio.spawn(async move {
                patience.await;
                let mut state = engine.state();
                if state.delivered == delivered {
                    state.patience = Patience::Spent;
                }
                drop(state);
                engine.root.wake();
            });
        }
        // Without a runtime nothing else could come.
        state.patience == Patience::Spent || self.tokio.get().is_none()
    }

    /// Why the run stopped, once [`Rest::Halted`] was given.
    pub(crate) fn halted(&self) -> Halt {
        self.state().halt.clone().unwrap_or(Halt::HandBack)
    }

    /// Whether the run was given back, and its effects were told to end.
    pub(super) fn is_interrupted(&self) -> bool {
        self.cancellation.is_cancelled() && self.state().halt.is_some()
    }

    /// The run stops here: nothing is started or delivered any more, and what may be cut is cut. What must not be cut goes
    /// on, and its outcome is written.
    pub(crate) fn stop(&self) {
        let mut state = self.state();
        state.halt.get_or_insert(Halt::HandBack);
        state.slots.cut();
        drop(state);
        self.root.wake();
    }

    /// From now on nothing is written, as if the process were gone.
    pub(crate) fn close(&self) {
        self.stop();
        self.state().closed = true;
    }

    /// The agent has ended. What the journal has beyond that, or what of its effects is unknown, keeps the run from
    /// ending.
    ///
    /// Gives why it was to end, if it was.
    pub(crate) fn ends(self: &Arc<Self>) -> Result<Option<CancelReason>, Halt> {
        let mut state = self.state();
        if let Some(halt) = &state.halt {
            return Err(halt.clone());
        }
        let Some(record) = &mut state.record else { return Ok(self.cancellation.reason()) };
        if let Some(error) = record.failed() {
            return Err(Halt::Journal(error.clone()));
        }
        let before = record.replay.cancelled();
        if !record.live {
            if let Some(step) = record.replay.unmet() {
                return Err(Halt::Diverged(Divergence::Ended { step }));
            }
            let lost = record.replay.lost();
            record.goes_live();
            self.ledger.book(lost);
        }
        // Somebody may have said what became of an effect, or asked for the end.
        while self.take_input(&mut state) {}
        let asked = state.slots.arrivals.iter().find_map(|arrival| match arrival.what {
            Arrived::Cancel(reason) => Some(reason),
            _ => None,
        });
        // The first that asked counts, as when this is repeated.
        let cancel = self.cancellation.reason().or(before).or(asked);
        match &state.record {
            Some(record) if record.is_written() && !record.orphans.is_empty() => {
                let halt = Halt::Waits { waits: record.orphans.clone(), wake_at: None };
                state.halt = Some(halt.clone());
                Err(halt)
            }
            _ => Ok(cancel),
        }
    }

    /// The last post that the run has taken in, with all that came before.
    pub(crate) fn seen(&self) -> u64 {
        self.state().record.as_ref().map_or(0, Record::seen)
    }

    /// A post that asks for the run's end, and was not taken in.
    pub(crate) fn unheard_cancel(&self) -> Option<u64> {
        let state = self.state();
        let inputs = &state.record.as_ref()?.inputs;
        inputs.iter().find_map(|(input, post)| matches!(input, Some(Input::Cancel { .. })).then_some(*post))
    }

    /// Writes the run's end, once the agent has ended, and tells it when it is durable. Gives `false` if the run has not
    /// ended: something was posted to it that was not taken in. `whatever` came from outside, it ends all the same.
    pub(crate) async fn finish(&self, end: EntryKind, whatever: bool) -> Result<bool, Halt> {
        let ending = {
            let mut state = self.state();
            let Some(record) = state.record.as_mut() else { return Ok(true) };
            let seen = (!whatever).then(|| record.seen());
            record.append_end(self.sources.now(), end, seen)
        };
        let Some(Ending { entry, told }) = ending else { return Ok(true) };
        match told.await {
            Ok(Ok(())) => {
                if let Some(record) = self.state().record.as_mut() {
                    record.ended(entry);
                    record.publish(&self.watch);
                }
                Ok(true)
            }
            Ok(Err(error)) if error.kind() == JournalErrorKind::Unseen => Ok(false),
            Ok(Err(error)) => Err(Halt::Journal(error)),
            Err(_) => Err(Halt::HandBack),
        }
    }

    /// Writes an entry that belongs to the run's end, once the agent has ended.
    pub(crate) fn write(&self, kind: EntryKind, consumed: u64) {
        let mut state = self.state();
        if let Some(record) = state.record.as_mut() {
            record.append(self.sources.now(), kind, Some(consumed));
        }
    }

    /// Waits until all that was written is durable, and tells it.
    pub(crate) async fn durable(&self) -> Result<(), Halt> {
        std::future::poll_fn(|cx| {
            self.root.register(cx.waker());
            let mut state = self.state();
            let Some(record) = &mut state.record else { return Poll::Ready(Ok(())) };
            // First whether, then what: more may become durable between the two.
            let all = record.is_durable();
            record.publish(&self.watch);
            match record.failed() {
                Some(error) => Poll::Ready(Err(Halt::Journal(error.clone()))),
                None if all => Poll::Ready(Ok(())),
                None => Poll::Pending,
            }
        })
        .await
    }
}
