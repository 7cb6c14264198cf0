//! The ephemeral driver's side of the contract.

use std::sync::Arc;
use std::task::{Context, Poll};

use agentic_core::{
    Delivered, Driver, EventKind, Ledger, RunId, StepError, StepId, StepRequest, Ticket, Timestamp,
};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::shared::Shared;
use super::slots::{Slot, Stage};

/// One ephemeral run.
#[derive(Debug)]
pub(super) struct EphemeralDriver(pub(super) Arc<Shared>);

impl Driver for EphemeralDriver {
    fn run_id(&self) -> RunId {
        self.0.run
    }

    fn register(&self, request: Box<StepRequest>) -> Ticket {
        if let Ok(tokio) = Handle::try_current() {
            return self.0.register(request, &tokio);
        }
        let mut slot = Slot::new(request.id.clone(), request.kind, request.class.may_be_cut());
        let message = super::NO_RUNTIME.to_owned();
        slot.stage = Stage::Settled;
        slot.answer = Some(Err(StepError::Driver { step: request.id, message }));
        self.0.slots().open(slot)
    }

    fn poll(&self, ticket: Ticket, cx: &mut Context<'_>) -> Poll<Result<Delivered, StepError>> {
        let mut slots = self.0.slots();
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

    fn now(&self, _: &StepId) -> Timestamp {
        self.0.sources.now()
    }

    fn next_id(&self, _: &StepId) -> Uuid {
        self.0.sources.id()
    }

    fn random(&self, _: &StepId) -> u64 {
        self.0.sources.random()
    }

    fn version(&self, _: &StepId, newest: u32) -> u32 {
        newest
    }

    fn is_watched(&self) -> bool {
        self.0.watch.is_watched()
    }

    fn emit(&self, path: &str, event: EventKind) {
        self.0.watch.emit(path, || event);
    }

    fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }
}
