//! The driver's side of the contract.

use std::sync::Arc;
use std::task::{Context, Poll};

use agentic_core::{
    Delivered, Driver, EventKind, Ledger, RunId, StepError, StepId, StepRequest, Ticket, Timestamp,
};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::slots::{Slot, Stage};
use super::{Engine, drawn};
use crate::journal::EntryKind;

const NO_RUNTIME: &str = "there is no tokio runtime here; run the agent inside one";

/// One run, as its context sees it.
#[derive(Debug)]
pub(super) struct EngineDriver(pub(super) Arc<Engine>);

impl Driver for EngineDriver {
    fn run_id(&self) -> RunId {
        self.0.run
    }

    fn register(&self, request: Box<StepRequest>) -> Ticket {
        if let Some(tokio) = self.0.tokio.get() {
            return self.0.register(request, tokio);
        }
        if let Ok(tokio) = Handle::try_current() {
            return self.0.register(request, self.0.tokio.get_or_init(|| tokio));
        }
        let id = request.id.clone();
        let mut slot = Slot::new(request, None);
        slot.stage = Stage::Settled;
        slot.answer = Some(Err(StepError::Driver { step: id, message: NO_RUNTIME.to_owned() }));
        self.0.state().slots.open(slot)
    }

    fn poll(&self, ticket: Ticket, cx: &mut Context<'_>) -> Poll<Result<Delivered, StepError>> {
        let slots = &mut self.0.state().slots;
        let Some(slot) = slots.get_mut(ticket) else { return Poll::Pending };
        match slot.answer.take() {
            Some(answer) => {
                slots.close(ticket);
                Poll::Ready(answer)
            }
            None => {
                if !slot.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                    slot.waker = Some(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    fn abandon(&self, ticket: Ticket) {
        self.0.abandon(ticket);
    }

    fn now(&self) -> Timestamp {
        match &self.0.state().record {
            Some(record) => record.now,
            None => self.0.sources.now(),
        }
    }

    fn next_id(&self, step: &StepId) -> Uuid {
        match &self.0.state().record {
            Some(record) => Uuid::new_v8(drawn(record.seed, step)),
            None => self.0.sources.id(),
        }
    }

    fn random(&self, step: &StepId) -> u64 {
        match &self.0.state().record {
            Some(record) => {
                let [a, b, c, d, e, f, g, h, ..] = drawn(record.seed, step);
                u64::from_le_bytes([a, b, c, d, e, f, g, h])
            }
            None => self.0.sources.random(),
        }
    }

    fn version(&self, change: &StepId, newest: u32) -> u32 {
        let mut state = self.0.state();
        let halted = state.halt.is_some();
        match &mut state.record {
            Some(record) if !halted => record.version(self.0.sources.now(), change, newest),
            _ => newest,
        }
    }

    fn is_watched(&self) -> bool {
        self.0.recorded || self.0.watch.is_watched()
    }

    fn emit(&self, path: &str, event: EventKind) {
        let mut state = self.0.state();
        if state.halt.is_some() {
            return;
        }
        match &mut state.record {
            Some(record) => record.told(self.0.sources.now(), path, &event),
            None => {
                // Not under the lock: those who watch are others' code.
                drop(state);
                self.0.watch.tell(|| EntryKind::told(path, &event));
            }
        }
    }

    fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }
}
