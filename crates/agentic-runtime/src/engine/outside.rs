//! What comes from outside: answers, messages, cancellation.

use std::sync::Arc;

use agentic_core::{Decision, Delivered, Done, Json, Spend, StepError, StepId, StepKind, Ticket, Timestamp};

use super::slots::{Arrival, Arrived, Outcome, Stage};
use super::wait::Input;
use super::{Engine, State};
use crate::journal::EntryKind;
use crate::resolution::Resolution;

impl Engine {
    /// Something came from outside; it is taken in when the run is live. What can't be read is passed over.
    pub(crate) fn input(&self, input: Option<Input>, post: u64) {
        let mut state = self.state();
        if let Some(record) = state.record.as_mut() {
            record.inputs.push_back((input, post));
        }
        drop(state);
        self.root.wake();
    }

    /// Takes one thing in that came from outside.
    pub(super) fn take_input(self: &Arc<Self>, state: &mut State) -> bool {
        if self.take_rules(state) {
            return true;
        }
        let Some(record) = &mut state.record else { return false };
        let Some((input, post)) = record.inputs.pop_front() else { return false };
        record.taken = record.taken.max(post);
        let Some(input) = input else { return true };
        let at = self.sources.now();
        match input {
            Input::Cancel { reason } => self.request_cancel(state, reason, Some(post)),
            Input::Message { mailbox, key, content } => {
                let message = EntryKind::Message { mailbox: mailbox.clone(), key, content: content.clone() };
                let seq = record.append(at, message, Some(post));
                let what = Arrived::Message { mailbox, message: content };
                state.slots.arrivals.push_back(Arrival { seq, at, what });
            }
            Input::Decide { step, digest, decision, by } => {
                let asks = state
                    .slots
                    .in_order()
                    .into_iter()
                    .find(|(_, slot)| slot.asks() && slot.id == step && slot.digest == Some(digest));
                let ticket = asks.map(|(ticket, _)| ticket);
                let answered = ticket.is_some_and(|ticket| state.slots.has_arrived(ticket));
                match (ticket, Json::of(&decision)) {
                    (Some(ticket), Ok(value)) if !answered => {
                        self.answer(state, ticket, step, StepKind::Approval, value, by, Some(post));
                    }
                    // Nobody asks this any more.
                    _ => record.ignore(
                        at,
                        format!("an answer to `{step}`, which does not ask this any more"),
                        post,
                    ),
                }
            }
            // Taken in before all else.
            Input::Rule { .. } | Input::RevokeRule { .. } => {}
            Input::Resolve { step, resolution, by } => self.resolve(state, step, resolution, by, post),
        }
        true
    }

    /// Somebody says what became of an effect.
    fn resolve(
        self: &Arc<Self>,
        state: &mut State,
        step: StepId,
        resolution: Resolution,
        by: Option<String>,
        post: u64,
    ) {
        let at = self.sources.now();
        let Some(record) = &mut state.record else { return };
        let failed = |message: String| StepError::Failed { step: step.clone(), message };
        if let Some(place) = record.orphans.iter().position(|wait| wait.step() == Some(&step)) {
            record.orphans.remove(place);
            let kind = StepKind::Tool;
            let (error, value) = match resolution {
                Resolution::Done(value) => (None, value),
                Resolution::Failed(message) => (Some(failed(message)), Json::default()),
                Resolution::NotDone => (Some(failed("it did not happen".into())), Json::default()),
            };
            let late = EntryKind::Late { step, kind, error, withheld: false, value };
            record.append(at, late, Some(post));
            return;
        }
        let unknown = state
            .slots
            .in_order()
            .into_iter()
            .find(|(_, slot)| slot.id == step && slot.stage == Stage::Unknown);
        let Some((ticket, kind, attempt)) = unknown.map(|(ticket, slot)| (ticket, slot.kind, slot.attempt))
        else {
            let what = format!("what became of `{step}`, of which nobody is in doubt");
            return record.ignore(at, what, post);
        };
        match resolution {
            Resolution::Done(value) => self.answer(state, ticket, step, kind, value, by, Some(post)),
            Resolution::Failed(message) => {
                let error = match kind {
                    StepKind::Tool => agentic_core::ToolError::failed(message).into(),
                    _ => failed(message),
                };
                let slot = state.slots.get_mut(ticket);
                let (held, withheld) = slot.map(|slot| (slot.held, slot.withholds())).unwrap_or_default();
                let (spend, value) = (held.calls(), Json::default());
                let error_told = Some(error.clone());
                let outcome = EntryKind::Outcome {
                    step,
                    kind,
                    error: error_told,
                    spend,
                    by,
                    rule: None,
                    withheld,
                    value,
                };
                let seq = record.append(at, outcome, Some(post));
                let outcome = Outcome { ticket, answer: Err(error), spend, told: Vec::new() };
                state.slots.arrivals.push_back(Arrival { seq, at, what: Arrived::Outcome(outcome) });
            }
            Resolution::NotDone => {
                record.ignore(at, format!("`{step}` did not happen: it starts again"), post);
                let Some(slot) = state.slots.get_mut(ticket) else { return };
                slot.in_doubt = false;
                let reservation = slot.request.as_ref().map(|request| request.reservation);
                let reservation = reservation.unwrap_or_default();
                self.restart(state, ticket, attempt + 1, &reservation);
            }
        }
    }

    /// Nobody has answered a question in time.
    pub(super) async fn expires(self: Arc<Self>, ticket: Ticket, until: Timestamp) {
        self.sources.sleep(until.since(self.sources.now())).await;
        let decision = Decision::unanswered();
        let done = Done::new(decision, Spend::default());
        let _ = self.complete(ticket, Ok(done)).await;
    }

    /// The process that works on the run is another one now.
    pub(crate) fn resumed(&self, attempt: u32, code: String) {
        let mut state = self.state();
        let at = self.sources.now();
        if let Some(record) = &mut state.record {
            let seq = record.append(at, EntryKind::Resumed { attempt, code }, None);
            state.slots.arrivals.push_back(Arrival { seq, at, what: Arrived::Resumed });
        }
    }

    /// A message for each step that waits for one, as long as there are any.
    pub(super) fn hand_out(self: &Arc<Self>, state: &mut State, mailbox: &str) {
        loop {
            let waiting = state.slots.in_order().into_iter().find(|(_, slot)| {
                let name = slot.request.as_ref().map(|request| &*request.name);
                slot.kind == StepKind::Receive && slot.stage == Stage::Asking && name == Some(mailbox)
            });
            let Some((ticket, step)) = waiting.map(|(ticket, slot)| (ticket, slot.id.clone())) else {
                return;
            };
            let Some(record) = &mut state.record else { return };
            let Some(message) = record.mailboxes.get_mut(mailbox).and_then(|it| it.pop_front()) else {
                return;
            };
            self.answer(state, ticket, step, StepKind::Receive, message, None, None);
        }
    }

    /// Somebody outside has answered a step.
    #[expect(clippy::too_many_arguments, reason = "the fields of one entry")]
    pub(super) fn answer(
        self: &Arc<Self>,
        state: &mut State,
        ticket: Ticket,
        step: StepId,
        kind: StepKind,
        value: Json,
        by: Option<String>,
        consumed: Option<u64>,
    ) {
        let (mut spend, mut withheld) = (Spend::default(), false);
        if let Some(slot) = state.slots.get_mut(ticket) {
            // An effect of which somebody says that it happened was a call.
            (spend, withheld) = (slot.held.calls(), slot.withholds());
            slot.stage = Stage::AtWork;
            if let Some(task) = slot.task.take() {
                task.abort();
            }
        }
        let at = self.sources.now();
        let Some(record) = &mut state.record else { return };
        let (error, told) = (None, value.clone());
        let outcome = EntryKind::Outcome { step, kind, error, spend, by, rule: None, withheld, value: told };
        let seq = record.append(at, outcome, consumed);
        let outcome = Outcome { ticket, answer: Ok(Delivered::Recorded(value)), spend, told: Vec::new() };
        state.slots.arrivals.push_back(Arrival { seq, at, what: Arrived::Outcome(outcome) });
    }
}
