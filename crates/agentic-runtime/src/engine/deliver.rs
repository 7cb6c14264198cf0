//! Delivering: one outcome at a time, each when the agent has come to rest and, in a recorded run, when it is durable.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::Waker;

use agentic_core::{Delivered, Done, Failed, Json, StepError, Ticket, Timestamp};

use super::slots::{Answered, Arrival, Arrived, Outcome};
use super::{Engine, Halt, Patience, State};
use crate::driven::Deliver;
use crate::journal::EntryKind;

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

impl Engine {
    // -------------------------------------------------------------------------------------------- outcomes

    /// An effect ended: its outcome is delivered when its turn comes. Gives it back if nobody waits for it any more.
    pub(super) async fn complete(
        self: &Arc<Self>,
        ticket: Ticket,
        outcome: Result<Done, Failed>,
    ) -> Result<(), Result<Done, Failed>> {
        if let Some(pump) = self.queue(ticket, outcome)? {
            pump.run().await;
        }
        Ok(())
    }

    /// Queues an outcome. Gives a pump if nobody is there to deliver it.
    fn queue(
        self: &Arc<Self>,
        ticket: Ticket,
        outcome: Result<Done, Failed>,
    ) -> Result<Option<Pump>, Result<Done, Failed>> {
        // Before any lock is taken: how a value is written is others' code.
        let value = self.keeps_values().then(|| json(&outcome));
        let mut state = self.state();
        if state.closed {
            return Ok(None);
        }
        let state = &mut *state;
        if state.slots.has_arrived(ticket) {
            return Ok(None);
        }
        let Some(slot) = state.slots.awaited(ticket) else { return Err(outcome) };
        let (spend, step, kind, rule) = (slot.spent(&outcome), slot.id.clone(), slot.kind, slot.rule.take());
        let withheld = slot.withholds() || outcome.as_ref().is_ok_and(|done| done.withheld);
        let outcome = outcome.map_err(|failed| failed.error);
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
                (
                    outcome,
                    Some(EntryKind::Outcome {
                        step,
                        kind,
                        error,
                        spend,
                        by: None,
                        rule: None,
                        withheld,
                        value,
                    }),
                )
            }
        };
        // After the answer that it comes with: that may say something else.
        let given = rule.iter().filter(|_| told.is_some());
        let given: Vec<_> = given.map(|rule| EntryKind::RuleGiven { rule: rule.clone(), by: None }).collect();
        self.arrive(state, ticket, answer, spend, told.into_iter().chain(given));
        if let Some(rule) = rule {
            self.give_rule(state, rule);
        }
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
    pub(super) fn next(self: &Arc<Self>) -> Rest {
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

    pub(super) fn step(self: &Arc<Self>, state: &mut State, wakers: &mut Vec<Waker>) -> Rest {
        loop {
            if state.halt.is_some() {
                return Rest::Halted;
            }
            if !state.unwoken.is_empty() {
                wakers.append(&mut state.unwoken);
                state.goes_on();
                return Rest::Delivered;
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
                // What it asks for may come yet: its parts may hand over to each other by other means than steps.
                if record.replay.is_missing() && !self.out_of_patience(state) {
                    return Rest::Nothing;
                }
                let Some(record) = &mut state.record else { continue };
                let went_on = match record.replay.entries.pop_front() {
                    Some(entry) => self.repeat(state, entry, wakers),
                    None => self.go_live(state).map(|()| false),
                };
                match went_on {
                    Ok(true) => {
                        state.goes_on();
                        return Rest::Delivered;
                    }
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
                    state.goes_on();
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
    pub(super) fn deliver(
        self: &Arc<Self>,
        state: &mut State,
        arrival: Arrival,
        wakers: &mut Vec<Waker>,
    ) -> bool {
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
    pub(super) fn passes(&self, state: &mut State, at: Timestamp) {
        if let Some(record) = &mut state.record {
            record.now = record.now.max(at);
        }
    }

    /// Books and tells an outcome, and sets the answer of its step.
    pub(super) fn settle(
        self: &Arc<Self>,
        state: &mut State,
        at: Timestamp,
        outcome: Outcome,
        wakers: &mut Vec<Waker>,
    ) -> bool {
        let Outcome { ticket, answer, spend, told } = outcome;
        let Some(Answered { id, held, waker }) = state.slots.answer(ticket, answer) else { return false };
        self.passes(state, at);
        self.ledger.settle(&id, held, spend);
        told.into_iter().for_each(|told| self.watch.tell(|| told));
        wakers.extend(waker);
        self.begin_queued(state);
        true
    }
}

impl State {
    /// Something was delivered.
    fn goes_on(&mut self) {
        self.delivered += 1;
        self.patience = Patience::Unspent;
    }
}

/// What a step gave, as JSON, or why it has none.
pub(super) fn json(outcome: &Result<Done, Failed>) -> Result<Json, String> {
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

    fn foreign_wakes(&self) -> Arc<AtomicU64> {
        self.foreign.clone()
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
