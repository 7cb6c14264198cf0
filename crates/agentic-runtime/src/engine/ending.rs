//! Steps that end without their outcome being delivered: the run was cancelled, or the agent dropped them.

use std::sync::Arc;
use std::task::Waker;

use agentic_core::{CancelReason, Done, Failed, Json, StepError, StepId, StepKind, Ticket};

use super::deliver::json;
use super::slots::{Arrival, Arrived, Unheard};
use super::{Engine, State};
use crate::journal::EntryKind;

impl Engine {
    /// The run is to end, in its place among the outcomes. `post` is what it was posted as.
    pub(crate) fn cancel(self: &Arc<Self>, reason: CancelReason, post: Option<u64>) {
        let mut state = self.state();
        if state.halt.is_some() {
            return;
        }
        if self.recorded {
            self.request_cancel(&mut state, reason, post);
        } else {
            drop(state);
            self.cancellation.cancel(reason);
        }
    }

    pub(super) fn request_cancel(
        self: &Arc<Self>,
        state: &mut State,
        reason: CancelReason,
        post: Option<u64>,
    ) {
        let at = self.sources.now();
        let Some(record) = &mut state.record else { return };
        // Its journal may say so beyond the point at which the agent ended, or has come to.
        let before = record.replay.cancelled().is_some();
        if before || self.cancellation.is_cancelled() || state.slots.is_ending() {
            post.into_iter().for_each(|post| record.ignore(at, "it was to be cancelled already", post));
            return;
        }
        let seq = record.append(at, EntryKind::CancelRequested { reason }, post);
        state.slots.arrivals.push_back(Arrival { seq, at, what: Arrived::Cancel(reason) });
    }

    /// The run was cancelled, and it is not recorded: an effect has noticed.
    pub(super) fn cancelled(self: &Arc<Self>, reason: CancelReason) {
        let mut wakers = Vec::new();
        let mut state = self.state();
        if !self.recorded && state.halt.is_none() {
            self.cancel_open(&mut state, reason, &mut wakers);
        }
        if state.slots.driven {
            state.unwoken.append(&mut wakers);
            self.root.wake();
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        self.settles.notify_waiters();
    }

    /// Every open step is told that the run was cancelled, in the order of registration.
    pub(super) fn cancel_open(
        self: &Arc<Self>,
        state: &mut State,
        reason: CancelReason,
        wakers: &mut Vec<Waker>,
    ) {
        self.cancellation.cancel(reason);
        state.slots.queued.clear();
        let open: Vec<_> = state.slots.in_order().into_iter().map(|(ticket, _)| ticket).collect();
        for ticket in open {
            let error = StepError::Cancelled(reason);
            let Some(mut unheard) = state.slots.cancel(ticket, error.clone()) else { continue };
            wakers.extend(unheard.waker.take());
            self.unheard(state, unheard, Some(error));
        }
    }

    /// A step was dropped.
    pub(super) fn abandon(self: &Arc<Self>, ticket: Ticket) {
        let mut state = self.state();
        // An agent that goes because its run stops drops nothing: what is at work for it may still be written down.
        if state.halt.is_some() {
            return;
        }
        let dropped = state.slots.abandon(ticket);
        let state = &mut *state;
        if let Some(unheard) = dropped {
            self.unheard(state, unheard, None);
            self.begin_queued(state);
        }
    }

    /// Books and tells what a step leaves behind of which nobody hears the outcome.
    pub(super) fn unheard(
        self: &Arc<Self>,
        state: &mut State,
        unheard: Unheard,
        cancelled: Option<StepError>,
    ) {
        let Unheard {
            id, kind, withheld, held, mut spend, intended, begun, late, message, doubt, given, ..
        } = unheard;
        let recorded = state.record.is_some();
        let step = id.clone();
        if let Some(record) = &mut state.record {
            record.orphans.extend(doubt);
        }
        let known = state.record.as_ref().filter(|record| !record.live);
        let known = known.and_then(|record| record.replay.known(&id));
        match known.map(|known| (known.dropped, known.attempts, known.ended, known.spend, known.holds)) {
            // It was dropped in the run that is repeated, too.
            Some((Some((before, _)), ..)) => spend = before,
            // The process ended before that was written down, so its last attempt may have taken all. Those before it are
            // booked by entries that say so, some of them yet to come.
            Some((None, 1.., ended, taken, holds)) => {
                spend = if ended { taken } else { holds.all() };
                if let Some(record) = &mut state.record {
                    record.replay.close(&id, spend, !ended);
                }
                self.note_if_written(state, EntryKind::Dropped { step, spend, begun: !ended });
            }
            Some(_) => {}
            None if recorded => {
                if intended {
                    self.note_if_written(state, EntryKind::Dropped { step, spend, begun });
                }
            }
            None => self.watch.tell(|| match cancelled {
                Some(error) if !intended => EntryKind::Refused { step, kind, digest: None, error },
                Some(error) => {
                    let (value, error) = (Json::default(), Some(error));
                    EntryKind::Outcome { step, kind, error, spend, by: None, rule: None, withheld, value }
                }
                None => EntryKind::Dropped { step, spend, begun },
            }),
        }
        given.into_iter().for_each(|given| self.watch.tell(|| given));
        self.ledger.settle(&id, held, spend);
        if let Some((mailbox, message)) = message {
            if let Some(record) = &mut state.record {
                record.mailboxes.entry(mailbox.clone()).or_default().push_front(message);
            }
            self.hand_out(state, &mailbox);
        }
        // A recorded one is in the journal as its outcome.
        if let Some(EntryKind::Outcome { error, withheld, value, .. }) =
            late.and_then(|late| late.told.into_iter().next())
        {
            self.watch.tell(|| EntryKind::Late { step: id, kind, error, withheld, value });
        }
    }

    fn note_if_written(&self, state: &mut State, kind: EntryKind) {
        if let Some(record) = state.record.as_mut().filter(|record| record.is_written()) {
            record.append(self.sources.now(), kind, None);
        }
    }

    /// Tells what came of an effect for which nobody waits any more.
    pub(super) fn tell_late(
        &self,
        step: &StepId,
        kind: StepKind,
        withheld: bool,
        outcome: Result<Done, Failed>,
    ) {
        let value = if self.keeps_values() { json(&outcome).unwrap_or_default() } else { Json::default() };
        let (step, error) = (step.clone(), outcome.err().map(|failed| failed.error));
        let mut state = self.state();
        if !state.closed {
            self.note(&mut state, || EntryKind::Late { step, kind, error, withheld, value });
        }
    }
}
