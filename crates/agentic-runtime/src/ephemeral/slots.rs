//! The steps of a run: which are open, which outcomes wait to be delivered. Pure state, no effects.

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;

use agentic_core::{Delivered, Done, Held, ModelErrorKind, Spend, StepError, StepId, StepKind, Ticket};
use tokio::task::AbortHandle;

/// An open step.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: StepId,
    pub(super) kind: StepKind,
    pub(super) held: Held,
    /// Whether its effect may be cut off.
    pub(super) may_be_cut: bool,
    pub(super) task: Option<AbortHandle>,
    pub(super) waker: Option<Waker>,
    pub(super) answer: Option<Result<Delivered, StepError>>,
}

impl Slot {
    /// What to book when nobody waits for the outcome any more: an effect that is cut off may have taken all
    /// that it held, one that goes on is booked when it ends.
    pub(super) fn lost(&self) -> Spend {
        if self.may_be_cut { self.held.all() } else { Spend::default() }
    }

    /// What to book for an outcome. A call that was cut off may have taken all that it held.
    pub(super) fn spent(&self, result: &Result<Done, StepError>) -> Spend {
        match result {
            Ok(done) => done.spend,
            Err(StepError::Cancelled(_)) => self.held.all(),
            Err(StepError::Model(error))
                if matches!(error.kind(), ModelErrorKind::Interrupted | ModelErrorKind::TimedOut) =>
            {
                self.held.all()
            }
            Err(_) => self.held.calls(),
        }
    }
}

/// An outcome that waits for its turn.
#[derive(Debug)]
pub(super) struct Completed {
    ticket: Ticket,
    result: Result<Done, StepError>,
}

/// An outcome that has just been delivered.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) id: StepId,
    pub(super) kind: StepKind,
    pub(super) held: Held,
    pub(super) spend: Spend,
    pub(super) result: serde_json::Value,
    pub(super) error: Option<String>,
    pub(super) waker: Option<Waker>,
}

#[derive(Debug, Default)]
pub(super) struct Slots {
    last: u64,
    /// In the order of registration.
    open: BTreeMap<Ticket, Slot>,
    completed: VecDeque<Completed>,
    /// Effects at work that must not be cut off.
    pub(super) uncut: usize,
    /// Who delivers: the run's root if there is one, else whichever task completes a step first.
    pub(super) root: Root,
    pub(super) pumping: bool,
}

/// Whether a root future is driven, and how to wake it.
#[derive(Debug, Default)]
pub(super) enum Root {
    #[default]
    None,
    Driven(Option<Waker>),
}

impl Slots {
    pub(super) fn open(&mut self, slot: Slot) -> Ticket {
        self.last += 1;
        let ticket = Ticket(self.last);
        self.open.insert(ticket, slot);
        ticket
    }

    pub(super) fn get_mut(&mut self, ticket: Ticket) -> Option<&mut Slot> {
        self.open.get_mut(&ticket)
    }

    pub(super) fn close(&mut self, ticket: Ticket) -> Option<Slot> {
        self.open.remove(&ticket)
    }

    /// Queues an outcome. Gives it back if nobody waits for it any more.
    pub(super) fn complete(
        &mut self,
        ticket: Ticket,
        result: Result<Done, StepError>,
    ) -> Result<(), Result<Done, StepError>> {
        match self.open.get(&ticket) {
            Some(slot) if slot.answer.is_none() => {
                self.completed.push_back(Completed { ticket, result });
                Ok(())
            }
            _ => Err(result),
        }
    }

    /// Takes an outcome that was queued and will not be delivered.
    pub(super) fn unheard(&mut self, ticket: Ticket) -> Option<Result<Done, StepError>> {
        let at = self.completed.iter().position(|completed| completed.ticket == ticket)?;
        self.completed.remove(at).map(|completed| completed.result)
    }

    pub(super) fn has_outcome(&self) -> bool {
        !self.completed.is_empty()
    }

    /// Delivers the oldest outcome to its step. `watched`: also gives its JSON, for an event.
    pub(super) fn deliver(&mut self, watched: bool) -> Option<Delivery> {
        loop {
            let Completed { ticket, result } = self.completed.pop_front()?;
            // A step that was dropped or cancelled meanwhile was settled then.
            let Some(slot) = self.open.get_mut(&ticket).filter(|slot| slot.answer.is_none()) else {
                continue;
            };
            let spend = slot.spent(&result);
            let (json, error, answer) = match result {
                Ok(Done { value, .. }) => {
                    let json = if watched { value.to_json().unwrap_or_default() } else { Default::default() };
                    (json, None, Ok(Delivered::Value(value)))
                }
                Err(error) => (Default::default(), Some(error.to_string()), Err(error)),
            };
            slot.answer = Some(answer);
            slot.task = None;
            return Some(Delivery {
                id: slot.id.clone(),
                kind: slot.kind,
                held: std::mem::take(&mut slot.held),
                spend,
                result: json,
                error,
                waker: slot.waker.take(),
            });
        }
    }

    /// Answers every open step with this error, in the order of registration, and cuts off what may be cut.
    pub(super) fn cancel_all(&mut self, error: &StepError) -> Vec<Delivery> {
        let mut unheard: BTreeMap<Ticket, _> =
            self.completed.drain(..).map(|completed| (completed.ticket, completed.result)).collect();
        let unanswered = self.open.iter_mut().filter(|(_, slot)| slot.answer.is_none());
        unanswered
            .map(|(ticket, slot)| {
                if let Some(task) = slot.task.take().filter(|_| slot.may_be_cut) {
                    task.abort();
                }
                slot.answer = Some(Err(error.clone()));
                Delivery {
                    id: slot.id.clone(),
                    kind: slot.kind,
                    spend: unheard.remove(ticket).map_or_else(|| slot.lost(), |result| slot.spent(&result)),
                    held: std::mem::take(&mut slot.held),
                    result: serde_json::Value::Null,
                    error: Some(error.to_string()),
                    waker: slot.waker.take(),
                }
            })
            .collect()
    }
}
