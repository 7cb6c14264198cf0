//! The steps of a run: which are open, which outcomes wait to be delivered, which steps wait for the budget. Pure
//! state, no effects.

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;
use std::time::Duration;

use agentic_core::{
    Approval, ApprovalRule, BudgetError, CancelReason, Delivered, Digest, Done, Failed, Held, ModelErrorKind,
    Spend, StepError, StepId, StepKind, StepRequest, Ticket, Timestamp, Withheld,
};
use tokio::task::AbortHandle;

use crate::journal::{EntryKind, Seq};
use crate::store::Wait;

/// An open step.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: StepId,
    pub(super) kind: StepKind,
    /// Whether its effect may be cut off.
    pub(super) may_be_cut: bool,
    /// Whether it asks something that is answered from outside.
    pub(super) left_open: bool,
    /// What of it is told to nobody who watches.
    pub(super) withheld: Withheld,
    /// The digest of its request, if the run is recorded.
    pub(super) digest: Option<Digest>,
    pub(super) held: Held,
    pub(super) stage: Stage,
    /// What it asks a person.
    pub(super) asked: Option<Approval>,
    /// The rule that comes with the answer to that.
    pub(super) rule: Option<ApprovalRule>,
    /// Until its effect is started.
    pub(super) request: Option<Box<StepRequest>>,
    /// Which attempt this is, from 1.
    pub(super) attempt: u32,
    /// Whether an earlier attempt may have done its work, which this one asks for first.
    pub(super) in_doubt: bool,
    /// When its wait is over.
    pub(super) until: Option<Timestamp>,
    pub(super) task: Option<AbortHandle>,
    pub(super) waker: Option<Waker>,
    pub(super) answer: Option<Result<Delivered, StepError>>,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is not begun: the run repeats what its journal says, or the budget is held by others.
    Waiting,
    /// It is begun, and waits for its intent to be durable.
    Committing,
    /// Its effect is about to begin.
    Starting,
    /// Its effect is at work, or its outcome is queued.
    AtWork,
    /// It has no effect: somebody outside has to answer.
    Asking,
    /// It is unknown whether its effect happened: somebody outside has to say.
    Unknown,
    /// It is booked and told; its answer is set.
    Settled,
}

impl Slot {
    pub(super) fn new(request: Box<StepRequest>, digest: Option<Digest>) -> Self {
        Self {
            id: request.id.clone(),
            kind: request.kind,
            may_be_cut: request.class.may_be_cut(),
            left_open: false,
            withheld: request.withheld,
            digest,
            held: Held::default(),
            stage: Stage::Waiting,
            asked: request.approval().cloned(),
            rule: None,
            request: Some(request),
            attempt: 1,
            in_doubt: false,
            until: None,
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
            Stage::AtWork | Stage::Unknown => self.held.calls(),
            _ => Spend::default(),
        }
    }

    /// What to book for an outcome. A call that was cut off may have taken all that it held.
    pub(super) fn spent(&self, result: &Result<Done, Failed>) -> Spend {
        let error = match result {
            Ok(done) => return done.spend,
            Err(Failed { spend: Some(spend), .. }) => return **spend,
            Err(Failed { error, spend: None }) => error,
        };
        match error {
            // So may one that a guardrail has ended.
            StepError::Cancelled(_) | StepError::Blocked { .. } => self.held.all(),
            StepError::Model(error)
                if matches!(error.kind(), ModelErrorKind::Interrupted | ModelErrorKind::TimedOut) =>
            {
                self.held.all()
            }
            _ => self.held.calls(),
        }
    }

    /// Whether it is a question that may be answered now.
    pub(super) fn asks(&self) -> bool {
        self.asked.is_some() && matches!(self.stage, Stage::Asking | Stage::Starting | Stage::AtWork)
    }

    /// Whether what it gives is told to nobody who watches.
    pub(super) fn withholds(&self) -> bool {
        self.withheld > Withheld::Nothing
    }

    /// Whether its start was written down or told.
    fn is_begun(&self) -> bool {
        self.stage != Stage::Waiting
    }
}

/// Something that is delivered when its turn comes and it is durable.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) seq: Seq,
    pub(super) at: Timestamp,
    pub(super) what: Arrived,
}

#[derive(Debug)]
pub(super) enum Arrived {
    /// A step's outcome.
    Outcome(Outcome),
    /// The run is to end.
    Cancel(CancelReason),
    /// There may be a message for a step that waits for one.
    Message { mailbox: String, message: agentic_core::Json },
    /// The process that works on the run has changed.
    Resumed,
}

#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) ticket: Ticket,
    pub(super) answer: Result<Delivered, StepError>,
    pub(super) spend: Spend,
    /// What to tell when it is delivered, if nothing is recorded and somebody watches: itself first.
    pub(super) told: Vec<EntryKind>,
}

/// A step that was answered: what it held, and whom to wake.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) id: StepId,
    pub(super) held: Held,
    pub(super) waker: Option<Waker>,
}

/// What a step leaves behind whose outcome nobody hears.
#[derive(Debug)]
pub(super) struct Unheard {
    pub(super) id: StepId,
    pub(super) kind: StepKind,
    pub(super) withheld: bool,
    pub(super) held: Held,
    pub(super) spend: Spend,
    /// Whether its start was written down or told.
    pub(super) intended: bool,
    /// Whether its effect had begun.
    pub(super) begun: bool,
    /// The outcome that had come, if nobody may miss it.
    pub(super) late: Option<Outcome>,
    /// What is not known of its effect.
    pub(super) doubt: Option<Wait>,
    /// The rule that came with the answer, if nothing is recorded: it holds whoever hears of the answer.
    pub(super) given: Option<EntryKind>,
    /// The message that it would have given.
    pub(super) message: Option<(String, agentic_core::Json)>,
    pub(super) waker: Option<Waker>,
}

/// A step that waits for its share.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) ticket: Ticket,
    /// The limit under which it does not fit yet; without one the run is about to end, which answers it.
    pub(super) limit: Option<BudgetError>,
}

impl Queued {
    /// Whether this step has to wait behind it: no call overtakes one that waits for the same, or one that asks for much would
    /// never get it.
    pub(super) fn is_before(&self, step: &StepId) -> bool {
        self.limit.as_ref().is_none_or(|limit| limit.holds_for(step))
    }
}

#[derive(Debug, Default)]
pub(super) struct Slots {
    last: u64,
    /// Boxed: a tree keeps room for eleven, and most runs have one or two.
    open: BTreeMap<Ticket, Box<Slot>>,
    pub(super) arrivals: VecDeque<Arrival>,
    /// Steps that fit once calls in flight have given back what they hold.
    pub(super) queued: VecDeque<Queued>,
    /// Effects at work that must not be cut off.
    pub(super) uncut: usize,
    /// Who delivers: the run's root, else whichever task completes a step first.
    pub(super) driven: bool,
    pub(super) pumping: bool,
}

impl Slots {
    pub(super) fn open(&mut self, slot: Slot) -> Ticket {
        self.last += 1;
        let ticket = Ticket(self.last);
        self.open.insert(ticket, Box::new(slot));
        ticket
    }

    pub(super) fn get_mut(&mut self, ticket: Ticket) -> Option<&mut Slot> {
        self.open.get_mut(&ticket).map(|slot| &mut **slot)
    }

    pub(super) fn close(&mut self, ticket: Ticket) -> Option<Box<Slot>> {
        self.open.remove(&ticket)
    }

    /// The step, if its outcome is still awaited.
    pub(super) fn awaited(&mut self, ticket: Ticket) -> Option<&mut Slot> {
        self.get_mut(ticket).filter(|slot| slot.stage != Stage::Settled)
    }

    /// The step with this id, if its outcome is awaited.
    pub(super) fn find(&self, step: &StepId) -> Option<Ticket> {
        let mut open = self.open.iter().filter(|(_, slot)| slot.stage != Stage::Settled);
        open.find(|(_, slot)| slot.id == *step).map(|(ticket, _)| *ticket)
    }

    /// The steps whose outcome is awaited, in the order of registration.
    pub(super) fn in_order(&self) -> Vec<(Ticket, &Slot)> {
        let open = self.open.iter().filter(|(_, slot)| slot.stage != Stage::Settled);
        open.map(|(ticket, slot)| (*ticket, &**slot)).collect()
    }

    /// The effect begins, unless nobody waits for it any more.
    pub(super) fn begins(&mut self, ticket: Ticket) -> bool {
        match self.get_mut(ticket) {
            Some(slot) if slot.stage == Stage::Starting => {
                (slot.stage, slot.in_doubt) = (Stage::AtWork, false);
                true
            }
            _ => false,
        }
    }

    // ------------------------------------------------------------------------------------------- outcomes

    /// Answers a step: it is booked and told.
    pub(super) fn answer(
        &mut self,
        ticket: Ticket,
        answer: Result<Delivered, StepError>,
    ) -> Option<Answered> {
        let slot = self.awaited(ticket)?;
        slot.stage = Stage::Settled;
        slot.answer = Some(answer);
        slot.task = None;
        slot.request = None;
        Some(Answered { id: slot.id.clone(), held: std::mem::take(&mut slot.held), waker: slot.waker.take() })
    }

    /// Answers a step with an error before its outcome is delivered, and cuts its effect off if that may be.
    pub(super) fn cancel(&mut self, ticket: Ticket, error: StepError) -> Option<Unheard> {
        let late = self.take_arrival(ticket);
        let slot = self.awaited(ticket)?;
        let mut unheard = slot.unheard(late);
        slot.stage = Stage::Settled;
        slot.answer = Some(Err(error));
        slot.request = None;
        unheard.waker = slot.waker.take();
        Some(unheard)
    }

    /// Closes a step that was dropped, and cuts its effect off if that may be. Gives what is left to book, unless its
    /// outcome was delivered.
    pub(super) fn abandon(&mut self, ticket: Ticket) -> Option<Unheard> {
        let late = self.take_arrival(ticket);
        self.queued.retain(|queued| queued.ticket != ticket);
        let mut slot = self.close(ticket)?;
        (slot.stage != Stage::Settled).then(|| slot.unheard(late))
    }

    fn take_arrival(&mut self, ticket: Ticket) -> Option<Outcome> {
        let at = self.arrivals.iter().position(
            |arrival| matches!(&arrival.what, Arrived::Outcome(outcome) if outcome.ticket == ticket),
        )?;
        match self.arrivals.remove(at)?.what {
            Arrived::Outcome(outcome) => Some(outcome),
            _ => None,
        }
    }
}

impl Slot {
    fn unheard(&mut self, late: Option<Outcome>) -> Unheard {
        if let Some(task) = self.task.take().filter(|_| self.may_be_cut) {
            task.abort();
        }
        let spend = late.as_ref().map_or_else(|| self.lost(), |outcome| outcome.spend);
        let message = match &late {
            Some(Outcome { answer: Ok(Delivered::Recorded(message)), .. })
                if self.kind == StepKind::Receive =>
            {
                let mailbox = self.request.as_ref().map(|request| request.name.to_string());
                mailbox.map(|mailbox| (mailbox, message.clone()))
            }
            _ => None,
        };
        let in_doubt = self.in_doubt && late.is_none();
        let doubt = in_doubt.then(|| self.unknown_effect());
        let (given, late) = late.map_or((None, None), |mut late| {
            let is_rule = |told: &EntryKind| matches!(told, EntryKind::RuleGiven { .. });
            let rule = late.told.iter().position(is_rule).map(|at| late.told.remove(at));
            (rule, Some(late))
        });
        Unheard {
            doubt,
            id: self.id.clone(),
            kind: self.kind,
            withheld: self.withholds(),
            held: std::mem::take(&mut self.held),
            spend,
            intended: self.is_begun() || in_doubt,
            begun: self.stage == Stage::AtWork || in_doubt,
            given,
            late: late.filter(|_| !self.may_be_cut),
            message,
            waker: None,
        }
    }
}

impl Slots {
    /// Whether the run is to end before anything else is delivered that has not come yet.
    pub(super) fn is_ending(&self) -> bool {
        self.arrivals.iter().any(|arrival| matches!(arrival.what, Arrived::Cancel(_)))
    }

    /// Whether an outcome of this step waits to be delivered.
    pub(super) fn has_arrived(&self, ticket: Ticket) -> bool {
        self.arrivals
            .iter()
            .any(|arrival| matches!(&arrival.what, Arrived::Outcome(outcome) if outcome.ticket == ticket))
    }

    /// Cuts off every effect that may be cut.
    pub(super) fn cut(&mut self) {
        for slot in self.open.values_mut().filter(|slot| slot.may_be_cut) {
            if let Some(task) = slot.task.take() {
                task.abort();
            }
        }
    }
}

impl Slot {
    /// That nobody knows whether its effect happened.
    fn unknown_effect(&self) -> Wait {
        let name = self.request.as_ref().map(|request| request.name.to_string());
        let (step, digest) = (self.id.clone(), self.digest.unwrap_or_default());
        Wait::UnknownEffect { step, digest, name: name.unwrap_or_default() }
    }

    /// What it waits for, if that is somebody outside or a time that is further away than this.
    pub(super) fn waits_for(&self, now: Timestamp, far: Duration) -> Option<Wait> {
        let step = self.id.clone();
        let digest = self.digest.unwrap_or_default();
        match (self.stage, self.kind) {
            (Stage::Unknown, _) => Some(self.unknown_effect()),
            (Stage::Asking, StepKind::Receive) => {
                let mailbox = self.request.as_ref()?.name.to_string();
                Some(Wait::Message { step, mailbox })
            }
            (Stage::Asking, StepKind::Approval) => {
                let approval = self.asked.clone()?;
                Some(Wait::Approval { step, digest, approval })
            }
            (_, StepKind::Sleep) => {
                let until = self.until?;
                (until.since(now) > far).then_some(Wait::Time { step, until })
            }
            _ => None,
        }
    }
}
