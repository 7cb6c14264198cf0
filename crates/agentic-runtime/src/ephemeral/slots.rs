//! The steps of a run: which are open, which outcomes wait to be delivered, which steps wait for the budget. Pure
//! state, no effects.

use std::collections::{HashMap, VecDeque};
use std::task::Waker;

use agentic_core::{
    Delivered, Done, EventKind, Held, ModelErrorKind, Spend, StepError, StepId, StepKind, StepRequest, Ticket,
};
use tokio::task::AbortHandle;

/// An open step.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: StepId,
    pub(super) kind: StepKind,
    /// Whether its effect may be cut off.
    pub(super) may_be_cut: bool,
    pub(super) held: Held,
    pub(super) stage: Stage,
    pub(super) task: Option<AbortHandle>,
    pub(super) waker: Option<Waker>,
    pub(super) answer: Option<Result<Delivered, StepError>>,
}

/// A step that asks to begin.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) request: Box<StepRequest>,
    /// What to tell when it begins, if somebody watches: made before any lock is taken.
    pub(super) started: Option<EventKind>,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It waits for the budget.
    Waiting,
    /// Its effect is about to begin.
    Starting,
    /// Its effect is at work, or its outcome is queued.
    AtWork,
    /// It is booked and the readers of events were told; its answer is set next.
    Settled,
}

impl Slot {
    pub(super) fn new(id: StepId, kind: StepKind, may_be_cut: bool) -> Self {
        Self {
            id,
            kind,
            may_be_cut,
            held: Held::default(),
            stage: Stage::Waiting,
            task: None,
            waker: None,
            answer: None,
        }
    }

    /// What to book when nobody waits for the outcome any more: an effect that is cut off may have taken all
    /// that it held, one that goes on has made its call, one that has not begun took nothing.
    fn lost(&self) -> Spend {
        match self.stage {
            Stage::AtWork if self.may_be_cut => self.held.all(),
            Stage::AtWork => self.held.calls(),
            _ => Spend::default(),
        }
    }

    /// What to book for an outcome. A call that was cut off may have taken all that it held.
    fn spent(&self, result: &Result<Done, StepError>) -> Spend {
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

/// A step that is to be booked and told.
#[derive(Debug)]
pub(super) struct Settling {
    pub(super) ticket: Ticket,
    pub(super) id: StepId,
    pub(super) kind: StepKind,
    /// Whether its effect had started.
    pub(super) started: bool,
    pub(super) held: Held,
    pub(super) spend: Spend,
    pub(super) outcome: Result<Done, StepError>,
    /// What had come of an effect that must not be cut off, if the outcome is another.
    pub(super) unheard: Option<Result<Done, StepError>>,
}

/// What a step that was dropped leaves behind.
#[derive(Debug)]
pub(super) struct Dropped {
    pub(super) id: StepId,
    pub(super) kind: StepKind,
    /// What had come of an effect that must not be cut off.
    pub(super) unheard: Option<Result<Done, StepError>>,
    pub(super) held: Held,
    pub(super) spend: Spend,
}

#[derive(Debug, Default)]
pub(super) struct Slots {
    last: u64,
    open: HashMap<Ticket, Slot>,
    completed: VecDeque<(Ticket, Result<Done, StepError>)>,
    /// Steps that fit once calls in flight have given back what they hold.
    parked: VecDeque<(Ticket, Asked)>,
    /// Effects at work that must not be cut off.
    pub(super) uncut: usize,
    /// Steps that are being booked and told.
    settling: usize,
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

    /// The step, if its outcome is still awaited.
    fn awaited(&mut self, ticket: Ticket) -> Option<&mut Slot> {
        self.get_mut(ticket).filter(|slot| slot.stage != Stage::Settled && slot.answer.is_none())
    }

    // ------------------------------------------------------------------------------ waiting for the budget

    pub(super) fn park(&mut self, ticket: Ticket, asked: Asked) {
        self.parked.push_back((ticket, asked));
    }

    pub(super) fn has_parked(&self) -> bool {
        !self.parked.is_empty()
    }

    /// Takes the step that waits longest, if `fits` says that it need not wait any more.
    pub(super) fn unpark<T>(
        &mut self,
        fits: impl FnOnce(&StepRequest) -> Option<T>,
    ) -> Option<(Ticket, Asked, T)> {
        let (_, asked) = self.parked.front()?;
        let verdict = fits(&asked.request)?;
        self.parked.pop_front().map(|(ticket, asked)| (ticket, asked, verdict))
    }

    /// The effect begins, unless nobody waits for it any more.
    pub(super) fn begins(&mut self, ticket: Ticket) -> bool {
        match self.get_mut(ticket) {
            Some(slot) if slot.stage == Stage::Starting => {
                slot.stage = Stage::AtWork;
                true
            }
            _ => false,
        }
    }

    /// Whether nothing is left to wait for, once the agent has ended.
    pub(super) fn is_settled(&self) -> bool {
        self.uncut == 0 && self.settling == 0
    }

    // ------------------------------------------------------------------------------------------- outcomes

    /// Queues an outcome. Gives it back if nobody waits for it any more.
    pub(super) fn complete(
        &mut self,
        ticket: Ticket,
        outcome: Result<Done, StepError>,
    ) -> Result<(), Result<Done, StepError>> {
        if self.awaited(ticket).is_none() {
            return Err(outcome);
        }
        self.completed.push_back((ticket, outcome));
        Ok(())
    }

    pub(super) fn has_outcome(&self) -> bool {
        !self.completed.is_empty()
    }

    /// Takes the oldest outcome. Book and tell it, then [`answer`](Self::answer) its step.
    pub(super) fn next_outcome(&mut self) -> Option<Settling> {
        while let Some((ticket, outcome)) = self.completed.pop_front() {
            // A step that was dropped or cancelled meanwhile was settled then.
            if let Some(slot) = self.awaited(ticket) {
                let spend = slot.spent(&outcome);
                let settling = settle(ticket, slot, spend, outcome, None);
                self.settling += 1;
                return Some(settling);
            }
        }
        None
    }

    /// Takes every open step, in the order of registration, to be answered with this error, and cuts off what may
    /// be cut.
    pub(super) fn cancel_all(&mut self, error: &StepError) -> Vec<Settling> {
        let mut unheard: HashMap<Ticket, _> = self.completed.drain(..).collect();
        self.parked.clear();
        let awaited =
            self.open.iter_mut().filter(|(_, slot)| slot.stage != Stage::Settled && slot.answer.is_none());
        let mut awaited: Vec<_> = awaited.collect();
        awaited.sort_unstable_by_key(|(ticket, _)| **ticket);
        let settling: Vec<_> = awaited
            .into_iter()
            .map(|(ticket, slot)| {
                if let Some(task) = slot.task.take().filter(|_| slot.may_be_cut) {
                    task.abort();
                }
                let unheard = unheard.remove(ticket);
                let spend = unheard.as_ref().map_or_else(|| slot.lost(), |outcome| slot.spent(outcome));
                let unheard = unheard.filter(|_| !slot.may_be_cut);
                settle(*ticket, slot, spend, Err(error.clone()), unheard)
            })
            .collect();
        self.settling += settling.len();
        settling
    }

    /// Sets the answer of a step that is booked and told.
    pub(super) fn answer(&mut self, ticket: Ticket, answer: Result<Delivered, StepError>) -> Option<Waker> {
        self.settling -= 1;
        let slot = self.get_mut(ticket)?;
        slot.answer = Some(answer);
        slot.waker.take()
    }

    /// Closes a step whose answer nobody took, and cuts its effect off if that may be. Gives what is left to book.
    pub(super) fn abandon(&mut self, ticket: Ticket) -> Option<Dropped> {
        let slot = self.close(ticket)?;
        self.parked.retain(|(parked, _)| *parked != ticket);
        if slot.stage == Stage::Settled {
            return None;
        }
        if let Some(task) = slot.task.as_ref().filter(|_| slot.may_be_cut) {
            task.abort();
        }
        let unheard = self.completed.iter().position(|(completed, _)| *completed == ticket);
        let unheard = unheard.and_then(|at| self.completed.remove(at)).map(|(_, outcome)| outcome);
        let spend = unheard.as_ref().map_or_else(|| slot.lost(), |outcome| slot.spent(outcome));
        let unheard = unheard.filter(|_| !slot.may_be_cut);
        Some(Dropped { id: slot.id, kind: slot.kind, unheard, held: slot.held, spend })
    }
}

fn settle(
    ticket: Ticket,
    slot: &mut Slot,
    spend: Spend,
    outcome: Result<Done, StepError>,
    unheard: Option<Result<Done, StepError>>,
) -> Settling {
    let started = slot.stage != Stage::Waiting;
    slot.stage = Stage::Settled;
    slot.task = None;
    let held = std::mem::take(&mut slot.held);
    Settling { ticket, id: slot.id.clone(), kind: slot.kind, started, held, spend, outcome, unheard }
}
