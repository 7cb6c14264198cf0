//! Delivering: one outcome at a time, each when the agent has come to rest and, in a recorded run, when it is durable.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use agentic_core::{
    CancelReason, Decision, Delivered, Done, Json, Spend, StepError, StepId, StepKind, Ticket, Timestamp,
};

use super::slots::{Arrival, Arrived, Outcome, Stage, Unheard};
use super::wait::Input;
use super::{Engine, Halt, State};
use crate::divergence::Divergence;
use crate::driven::Deliver;
use crate::journal::{Entry, EntryKind};
use crate::resolution::Resolution;

/// What there was for an agent that has come to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Something was delivered: it goes on.
    Delivered,
    /// Nothing yet.
    Nothing,
    /// Nothing ever: the run stops here, see [`Engine::halted`].
    Halted,
}

/// A run of which nothing but timers is open stops and frees its memory if the next is further away than this.
const PARK_AFTER: Duration = Duration::from_secs(2);

/// How long an agent may wait for something that is no step of its run, with no step open.
const PATIENCE: Duration = Duration::from_secs(1);

impl Engine {
    // -------------------------------------------------------------------------------------------- outcomes

    /// An effect ended: its outcome is delivered when its turn comes. Gives it back if nobody waits for it any more.
    pub(super) async fn complete(
        self: &Arc<Self>,
        ticket: Ticket,
        outcome: Result<Done, StepError>,
    ) -> Result<(), Result<Done, StepError>> {
        if let Some(pump) = self.queue(ticket, outcome)? {
            pump.run().await;
        }
        Ok(())
    }

    /// Queues an outcome. Gives a pump if nobody is there to deliver it.
    fn queue(
        self: &Arc<Self>,
        ticket: Ticket,
        outcome: Result<Done, StepError>,
    ) -> Result<Option<Pump>, Result<Done, StepError>> {
        // Before any lock is taken: how a value is written is others' code.
        let value = self.keeps_values().then(|| json(&outcome));
        let mut state = self.state();
        if state.halt.is_some() {
            return Ok(None);
        }
        let state = &mut *state;
        let Some(slot) = state.slots.awaited(ticket) else { return Err(outcome) };
        let (spend, step, kind) = (slot.spent(&outcome), slot.id.clone(), slot.kind);
        let (answer, told) = match value {
            None => (outcome.map(|done| Delivered::Value(done.value)), None),
            Some(value) => {
                let outcome = outcome.and_then(|done| match &value {
                    Ok(value) if self.recorded => Ok(Delivered::Recorded(value.clone())),
                    Err(message) if self.recorded => {
                        Err(StepError::Failed { step: step.clone(), message: message.clone() })
                    }
                    _ => Ok(Delivered::Value(done.value)),
                });
                let error = outcome.as_ref().err().cloned();
                let value = value.unwrap_or_default();
                (outcome, Some(EntryKind::Outcome { step, kind, error, spend, by: None, value }))
            }
        };
        self.arrive(state, ticket, answer, spend, told);
        Ok((!state.slots.driven && !std::mem::replace(&mut state.slots.pumping, true))
            .then(|| Pump(Some(self.clone()))))
    }

    /// Something waits to be delivered.
    pub(super) fn outcome_queued(self: &Arc<Self>, state: &mut State) {
        if state.slots.driven {
            // What is recorded can't be delivered before it is durable, and then the record wakes the root.
            if state.record.is_none() {
                self.root.wake();
            }
        } else if !state.slots.pumping
            && let Some(tokio) = self.tokio.get()
        {
            state.slots.pumping = true;
            let pump = self.clone();
            tokio.spawn(async move { Pump(Some(pump)).run().await });
        }
    }

    /// Delivers the next outcome, if it is durable; else finds out what the run waits for.
    fn next(self: &Arc<Self>) -> Rest {
        let (rest, wakers) = {
            let mut state = self.state();
            let mut wakers = Vec::new();
            let rest = self.step(&mut state, &mut wakers);
            (rest, wakers)
        };
        // Not under the lock: a wake may run others' code.
        if !wakers.is_empty() {
            wakers.into_iter().for_each(Waker::wake);
            self.settles.notify_waiters();
        }
        rest
    }

    fn step(self: &Arc<Self>, state: &mut State, wakers: &mut Vec<Waker>) -> Rest {
        loop {
            if state.halt.is_some() {
                return Rest::Halted;
            }
            let durable = match &mut state.record {
                None => None,
                Some(record) => {
                    if let Some(error) = record.failed() {
                        state.halt = Some(Halt::Journal(error.clone()));
                        return Rest::Halted;
                    }
                    record.publish(&self.watch);
                    Some(record.durable())
                }
            };
            self.launch_committed(state);
            if let Some(record) = &mut state.record
                && !record.live
            {
                let went_on = match record.replay.entries.pop_front() {
                    Some(entry) => self.repeat(state, entry, wakers),
                    None => self.go_live(state).map(|()| false),
                };
                match went_on {
                    Ok(true) => return Rest::Delivered,
                    Ok(false) => continue,
                    Err(halt) => {
                        state.halt = Some(halt);
                        return Rest::Halted;
                    }
                }
            }
            if self.take_input(state) {
                continue;
            }
            let is_due = |arrival: &mut Arrival| durable.is_none_or(|durable| arrival.seq <= durable);
            if let Some(arrival) = state.slots.arrivals.pop_front_if(is_due) {
                if self.deliver(state, arrival, wakers) {
                    state.idle_since = None;
                    return Rest::Delivered;
                }
                continue;
            }
            return match self.waits(state) {
                Some(halt) => {
                    state.halt = Some(halt);
                    Rest::Halted
                }
                None => Rest::Nothing,
            };
        }
    }

    /// Delivers this. Gives whether the agent hears of it.
    fn deliver(self: &Arc<Self>, state: &mut State, arrival: Arrival, wakers: &mut Vec<Waker>) -> bool {
        let Arrival { at, what, .. } = arrival;
        match what {
            Arrived::Outcome(outcome) => self.settle(state, at, outcome, wakers),
            Arrived::Cancel(reason) => {
                self.passes(state, at);
                self.cancel_open(state, reason, wakers);
                true
            }
            Arrived::Message { mailbox, message } => {
                if let Some(record) = &mut state.record {
                    record.mailboxes.entry(mailbox.clone()).or_default().push_back(message);
                }
                self.hand_out(state, &mailbox);
                false
            }
            Arrived::Resumed => {
                self.passes(state, at);
                false
            }
        }
    }

    /// The time as the agent sees it moves on.
    fn passes(&self, state: &mut State, at: Timestamp) {
        if let Some(record) = &mut state.record {
            record.now = record.now.max(at);
        }
    }

    /// Books and tells an outcome, and sets the answer of its step.
    fn settle(
        self: &Arc<Self>,
        state: &mut State,
        at: Timestamp,
        outcome: Outcome,
        wakers: &mut Vec<Waker>,
    ) -> bool {
        let Outcome { ticket, answer, spend, told } = outcome;
        let Some((held, waker)) = state.slots.answer(ticket, answer) else { return false };
        self.passes(state, at);
        self.ledger.settle(held, spend);
        if let Some(told) = told {
            self.watch.tell(|| told);
        }
        wakers.extend(waker);
        self.begin_queued(state);
        true
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
    fn answer(
        self: &Arc<Self>,
        state: &mut State,
        ticket: Ticket,
        step: StepId,
        kind: StepKind,
        value: Json,
        by: Option<String>,
        consumed: Option<u64>,
    ) {
        if let Some(slot) = state.slots.get_mut(ticket) {
            slot.stage = Stage::AtWork;
            if let Some(task) = slot.task.take() {
                task.abort();
            }
        }
        let at = self.sources.now();
        let Some(record) = &mut state.record else { return };
        let spend = Spend::default();
        let outcome = EntryKind::Outcome { step, kind, error: None, spend, by, value: value.clone() };
        let seq = record.append(at, outcome, consumed);
        let outcome = Outcome { ticket, answer: Ok(Delivered::Recorded(value)), spend, told: None };
        state.slots.arrivals.push_back(Arrival { seq, at, what: Arrived::Outcome(outcome) });
    }

    // -------------------------------------------------------------------------------------------- repeating

    /// Passes an entry of the journal. Gives whether the agent hears of it.
    fn repeat(
        self: &Arc<Self>,
        state: &mut State,
        entry: Entry,
        wakers: &mut Vec<Waker>,
    ) -> Result<bool, Halt> {
        let at = entry.at;
        match entry.kind {
            EntryKind::Forked { seed, effects, .. } => {
                self.passes(state, at);
                if let Some(record) = &mut state.record {
                    (record.seed, record.effects) = (seed, effects);
                }
            }
            EntryKind::Started { .. } | EntryKind::Resumed { .. } => self.passes(state, at),
            EntryKind::Intent { step, held, .. } => {
                if let Some(ticket) = self.met(state, &step)? {
                    self.ledger.hold(held);
                    if let Some(slot) = state.slots.get_mut(ticket) {
                        slot.held = held;
                    }
                }
            }
            EntryKind::Restarted { step, lost, held, .. } => {
                let ticket = self.met(state, &step)?;
                let slot = ticket.and_then(|ticket| state.slots.get_mut(ticket));
                let before = slot.map(|slot| std::mem::replace(&mut slot.held, held));
                self.ledger.settle(before.unwrap_or_default(), lost);
                if before.is_some() {
                    self.ledger.hold(held);
                }
            }
            EntryKind::Outcome { step, kind, error, spend, value, .. } => {
                let Some(ticket) = self.met(state, &step)? else { return Ok(false) };
                if kind == StepKind::Receive {
                    self.taken(state, ticket);
                }
                let answer = error.map_or(Ok(Delivered::Recorded(value)), Err);
                let outcome = Outcome { ticket, answer, spend, told: None };
                return Ok(self.settle(state, at, outcome, wakers));
            }
            EntryKind::Refused { step, error, .. } => {
                let Some(ticket) = self.met(state, &step)? else { return Ok(false) };
                let outcome = Outcome { ticket, answer: Err(error), spend: Spend::default(), told: None };
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
            | EntryKind::Ignored { .. }
            | EntryKind::Told { .. } => {}
        }
        Ok(false)
    }

    /// The step, if the agent waits for it; `None` if it did and does not any more.
    fn met(&self, state: &mut State, step: &StepId) -> Result<Option<Ticket>, Halt> {
        let open = state.slots.in_order();
        if let Some((ticket, _)) = open.iter().find(|(_, slot)| slot.id == *step) {
            return Ok(Some(*ticket));
        }
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

    // ------------------------------------------------------------------------------------------- ending early

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

    fn request_cancel(self: &Arc<Self>, state: &mut State, reason: CancelReason, post: Option<u64>) {
        let at = self.sources.now();
        let Some(record) = &mut state.record else { return };
        let asked = |arrival: &Arrival| matches!(arrival.what, Arrived::Cancel(_));
        if self.cancellation.is_cancelled() || state.slots.arrivals.iter().any(asked) {
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
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        self.settles.notify_waiters();
    }

    /// Every open step is told that the run was cancelled, in the order of registration.
    fn cancel_open(self: &Arc<Self>, state: &mut State, reason: CancelReason, wakers: &mut Vec<Waker>) {
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
        let dropped = state.slots.abandon(ticket);
        if state.halt.is_some() {
            return;
        }
        let state = &mut *state;
        if let Some(unheard) = dropped {
            self.unheard(state, unheard, None);
            self.begin_queued(state);
        }
    }

    /// Books and tells what a step leaves behind of which nobody hears the outcome.
    fn unheard(self: &Arc<Self>, state: &mut State, unheard: Unheard, cancelled: Option<StepError>) {
        let Unheard { id, kind, held, mut spend, intended, begun, late, message, .. } = unheard;
        let (known, recorded) = match &state.record {
            Some(record) if !record.live => (record.replay.known(&id), true),
            Some(_) => (None, true),
            None => (None, false),
        };
        let step = id.clone();
        match known {
            // It was dropped in the run that is repeated, too.
            Some(known) if known.dropped.is_some() => {
                spend = known.dropped.map(|(spend, _)| spend).unwrap_or_default();
            }
            // The process ended before that was written down, so the effect may have taken all.
            Some(known) if known.attempts > 0 => {
                let begun = !known.ended;
                spend = if known.ended { spend } else { held.all() };
                self.note_if_written(state, EntryKind::Dropped { step, spend, begun });
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
                    EntryKind::Outcome { step, kind, error, spend, by: None, value }
                }
                None => EntryKind::Dropped { step, spend, begun },
            }),
        }
        self.ledger.settle(held, spend);
        if let Some((mailbox, message)) = message {
            if let Some(record) = &mut state.record {
                record.mailboxes.entry(mailbox.clone()).or_default().push_front(message);
            }
            self.hand_out(state, &mailbox);
        }
        // A recorded one is in the journal as its outcome.
        if let Some(Outcome { told: Some(EntryKind::Outcome { error, value, .. }), .. }) = late {
            self.watch.tell(|| EntryKind::Late { step: id, kind, error, value });
        }
    }

    fn note_if_written(&self, state: &mut State, kind: EntryKind) {
        if let Some(record) = state.record.as_mut().filter(|record| record.is_written()) {
            record.append(self.sources.now(), kind, None);
        }
    }

    /// Tells what came of an effect for which nobody waits any more.
    pub(super) fn tell_late(&self, step: &StepId, kind: StepKind, outcome: Result<Done, StepError>) {
        let value = self.keeps_values().then(|| json(&outcome).unwrap_or_default()).unwrap_or_default();
        let (step, error) = (step.clone(), outcome.err());
        let mut state = self.state();
        if state.halt.is_none() {
            self.note(&mut state, || EntryKind::Late { step, kind, error, value });
        }
    }

    // ------------------------------------------------------------------------------------------ from outside

    /// Something came from outside; it is taken in when the run is live.
    pub(crate) fn input(&self, input: Input, post: u64) {
        let mut state = self.state();
        if let Some(record) = state.record.as_mut() {
            record.inputs.push_back((input, post));
        }
        drop(state);
        self.root.wake();
    }

    /// Takes one thing in that came from outside.
    fn take_input(self: &Arc<Self>, state: &mut State) -> bool {
        let Some(record) = &mut state.record else { return false };
        let Some((input, post)) = record.inputs.pop_front() else { return false };
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
                let asks = state.slots.in_order().into_iter().find(|(_, slot)| {
                    let open = matches!(slot.stage, Stage::Asking | Stage::Starting | Stage::AtWork);
                    slot.kind == StepKind::Approval && open && slot.id == step && slot.digest == Some(digest)
                });
                let ticket = asks.map(|(ticket, _)| ticket);
                let answered = ticket.is_some_and(|ticket| state.slots.has_arrived(ticket));
                match (ticket, Json::of(&decision)) {
                    (Some(ticket), Ok(value)) if !answered => {
                        self.answer(state, ticket, step, StepKind::Approval, value, by, Some(post));
                    }
                    // Nobody asks this any more.
                    _ => record.ignore(at, format!("an answer to `{step}`, which does not ask this any more"), post),
                }
            }
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
            record.append(at, EntryKind::Late { step, kind, error, value }, Some(post));
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
                let (spend, value) = (Spend::default(), Json::default());
                let outcome = EntryKind::Outcome { step, kind, error: Some(error.clone()), spend, by, value };
                let seq = record.append(at, outcome, Some(post));
                let outcome = Outcome { ticket, answer: Err(error), spend, told: None };
                state.slots.arrivals.push_back(Arrival { seq, at, what: Arrived::Outcome(outcome) });
            }
            Resolution::NotDone => {
                record.ignore(at, format!("`{step}` did not happen: it starts again"), post);
                let request = state.slots.get_mut(ticket).and_then(|slot| slot.request.as_ref());
                let reservation = request.map(|request| request.reservation).unwrap_or_default();
                if let Some(tokio) = self.tokio.get() {
                    self.restart(state, ticket, attempt + 1, &reservation, tokio);
                }
            }
        }
    }

    /// Nobody has answered a question in time.
    pub(super) async fn expires(self: Arc<Self>, ticket: Ticket, until: Timestamp) {
        self.sources.sleep(until.since(self.sources.now())).await;
        let decision = Decision::unanswered();
        let done = Done { value: Box::new(decision), spend: Spend::default() };
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

    // ------------------------------------------------------------------------------------------------ at rest

    /// Whether the run can only wait, for what may take long, or in vain.
    fn waits(&self, state: &mut State) -> Option<Halt> {
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

/// What a step gave, as JSON, or why it has none.
fn json(outcome: &Result<Done, StepError>) -> Result<Json, String> {
    let Ok(done) = outcome else { return Ok(Json::default()) };
    match catch_unwind(AssertUnwindSafe(|| done.value.to_json())) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(format!("its value can't be written as JSON: {error}")),
        Err(_) => Err("its value panicked when it was written as JSON".into()),
    }
}

impl Deliver for Arc<Engine> {
    fn on_outcome(&self, waker: &Waker) {
        self.root.register(waker);
    }

    fn deliver_next(&self) -> Rest {
        self.next()
    }
}

/// Delivers what is queued, where no root does it. If it is dropped before it is through, another takes over.
struct Pump(Option<Arc<Engine>>);

impl Pump {
    async fn run(mut self) {
        while let Some(engine) = &self.0 {
            engine.next();
            {
                let mut state = engine.state();
                state.slots.pumping = !state.slots.arrivals.is_empty();
                if !state.slots.pumping {
                    drop(state);
                    self.0 = None;
                    return;
                }
            }
            // Whoever got the outcome goes first.
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        if let Some(engine) = self.0.take()
            && let Some(tokio) = engine.tokio.get().cloned()
        {
            // Made within the task: one that a runtime drops at its end, unpolled, must not call for another.
            tokio.spawn(async move { Self(Some(engine)).run().await });
        }
    }
}
