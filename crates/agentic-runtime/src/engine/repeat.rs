//! Repeating: what a journal has is delivered as it was.

use std::sync::Arc;
use std::task::Waker;

use agentic_core::{Delivered, Spend, StepId, StepKind, Ticket};

use super::slots::Outcome;
use super::{Engine, Halt, State};
use crate::divergence::Divergence;
use crate::journal::{Entry, EntryKind};

impl Engine {
    /// Passes an entry of the journal. Gives whether the agent hears of it.
    pub(super) fn repeat(
        self: &Arc<Self>,
        state: &mut State,
        entry: Entry,
        wakers: &mut Vec<Waker>,
    ) -> Result<bool, Halt> {
        let at = entry.at;
        state.rules.learn(&entry.kind);
        match entry.kind {
            EntryKind::Forked { seed, effects, .. } => {
                self.passes(state, at);
                if let Some(record) = &mut state.record {
                    (record.seed, record.effects) = (seed, effects);
                }
            }
            EntryKind::Started { .. } | EntryKind::Resumed { .. } => self.passes(state, at),
            EntryKind::Intent { step, .. } => drop(self.met(state, &step)?),
            EntryKind::Restarted { step, lost, held, .. } => {
                let ticket = self.met(state, &step)?;
                let slot = ticket.and_then(|ticket| state.slots.get_mut(ticket));
                let before = slot.map(|slot| std::mem::replace(&mut slot.held, held));
                self.ledger.settle(&step, before.unwrap_or_default(), lost);
                if before.is_some() {
                    self.ledger.hold(&step, held);
                }
            }
            EntryKind::Outcome { step, kind, error, spend, value, .. } => {
                let Some(ticket) = self.met(state, &step)? else { return Ok(false) };
                if kind == StepKind::Receive {
                    self.taken(state, ticket);
                }
                let answer = error.map_or(Ok(Delivered::Recorded(value)), Err);
                let outcome = Outcome { ticket, answer, spend, told: Vec::new() };
                return Ok(self.settle(state, at, outcome, wakers));
            }
            EntryKind::Refused { step, error, .. } => {
                let Some(ticket) = self.met(state, &step)? else { return Ok(false) };
                let outcome =
                    Outcome { ticket, answer: Err(error), spend: Spend::default(), told: Vec::new() };
                return Ok(self.settle(state, at, outcome, wakers));
            }
            EntryKind::Dropped { step, .. } => {
                if self.met(state, &step)?.is_some() {
                    return Err(Halt::Diverged(Divergence::NotDropped { step }));
                }
            }
            EntryKind::Message { mailbox, content, .. } => {
                if let Some(record) = &mut state.record {
                    record.mailboxes.entry(mailbox).or_default().push_back(content);
                }
            }
            EntryKind::CancelRequested { reason } => {
                self.passes(state, at);
                self.cancel_open(state, reason, wakers);
                return Ok(true);
            }
            EntryKind::Finished { .. } => {
                let found = state.slots.in_order().into_iter().map(|(_, slot)| slot.id.clone()).collect();
                return Err(Halt::Diverged(Divergence::NotEnded { found }));
            }
            EntryKind::Late { .. }
            | EntryKind::Version { .. }
            | EntryKind::RuleGiven { .. }
            | EntryKind::RuleRevoked { .. }
            | EntryKind::Ignored { .. }
            | EntryKind::Foreign { .. }
            | EntryKind::Told { .. } => {}
        }
        Ok(false)
    }

    /// The step, if the agent waits for it; `None` if it did and does not any more.
    fn met(&self, state: &mut State, step: &StepId) -> Result<Option<Ticket>, Halt> {
        if let Some(ticket) = state.slots.find(step) {
            return Ok(Some(ticket));
        }
        let open = state.slots.in_order();
        let found = open.into_iter().map(|(_, slot)| slot.id.clone()).collect();
        match &state.record {
            Some(record) if record.replay.has_met(step) => Ok(None),
            _ => Err(Halt::Diverged(Divergence::Missing { step: step.clone(), found })),
        }
    }

    /// A step has taken a message: it is no longer in its mailbox.
    fn taken(&self, state: &mut State, ticket: Ticket) {
        let request = state.slots.get_mut(ticket).and_then(|slot| slot.request.as_ref());
        let mailbox = request.map(|request| request.name.clone()).unwrap_or_default();
        if let Some(record) = &mut state.record
            && let Some(messages) = record.mailboxes.get_mut(&*mailbox)
        {
            messages.pop_front();
        }
    }
}
