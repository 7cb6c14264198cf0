//! What the driver and its effects share: booking, telling and delivering outcomes.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::Duration;

use agentic_core::{
    Budget, BudgetError, CancelReason, Cancellation, Delivered, Done, EffectGrant, EventKind, Held, Ledger,
    Reservation, Resource, RunId, Sources, Spend, StepError, StepId, StepKind, StepRequest, Ticket,
    Timestamp,
};
use futures_util::future::{Either, select};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::GRACE;
use super::slots::{Asked, Dropped, Root, Settling, Slot, Slots, Stage};
use super::work::{Effect, perform};
use crate::approver::Approver;
use crate::driven::Deliver;
use crate::watch::Watch;

/// What the driver and its effects share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) run: RunId,
    pub(super) sources: Arc<dyn Sources>,
    pub(super) ledger: Ledger,
    pub(super) watch: Arc<Watch>,
    pub(super) approver: Arc<dyn Approver>,
    pub(super) cancellation: Cancellation,
    /// Told when an effect that must not be cut off has ended, or a step is booked and told.
    pub(super) settles: Notify,
    started: Timestamp,
    /// The runtime of the first step, for what is started where there may be none.
    tokio: OnceLock<Handle>,
    slots: Mutex<Slots>,
}

/// What becomes of a step that asks for its share of the budget.
enum Admission {
    /// It may take this.
    Granted(Held),
    /// It fits once calls in flight have given back what they hold.
    Waits,
    Refused(StepError),
}

impl Shared {
    pub(super) fn new(
        run: RunId,
        budget: Budget,
        sources: Arc<dyn Sources>,
        watch: Watch,
        approver: Arc<dyn Approver>,
        cancellation: Cancellation,
    ) -> Self {
        Self {
            run,
            started: sources.now(),
            sources,
            ledger: Ledger::new(budget),
            watch: Arc::new(watch),
            approver,
            cancellation,
            settles: Notify::new(),
            tokio: OnceLock::new(),
            slots: Mutex::default(),
        }
    }

    /// From now on outcomes are delivered when the run's root has come to rest.
    pub(super) fn drive_from_root(&self) {
        self.slots().root = Root::Driven(None);
    }

    /// Waits for the effects that must not be cut off, and until all is booked and told.
    pub(super) async fn settled(&self) {
        loop {
            let ended = self.settles.notified();
            if self.slots().is_settled() {
                return;
            }
            ended.await;
        }
    }

    /// Ends [`GRACE`] after the run was cancelled, which it is when its time is up.
    pub(super) async fn given_up(&self, wall_time: Option<Duration>) -> CancelReason {
        let cancelled = std::pin::pin!(self.cancellation.cancelled());
        let reason = match wall_time {
            None => cancelled.await,
            Some(time) => match select(cancelled, self.sources.sleep(time)).await {
                Either::Left((reason, _)) => reason,
                Either::Right(_) => {
                    self.cancellation.cancel(CancelReason::TimedOut);
                    CancelReason::TimedOut
                }
            },
        };
        self.sources.sleep(GRACE).await;
        reason
    }

    pub(super) fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.ledger.budget().wall_time.map(|time| self.started.after(time))
    }

    // ------------------------------------------------------------------------------------------- starting

    /// Takes a step: its effect starts, or waits for the budget, or is refused.
    pub(super) fn register(self: &Arc<Self>, request: Box<StepRequest>, tokio: &Handle) -> Ticket {
        self.tokio.get_or_init(|| tokio.clone());
        let slot = Slot::new(request.id.clone(), request.kind, request.class.may_be_cut());
        let started = self.watch.is_watched().then(|| EventKind::StepStarted {
            step: request.id.clone(),
            kind: request.kind,
            class: request.class,
            digest: request.digest(),
            detail: request.detail(),
        });
        let mut asked = Asked { request, started };
        let mut slots = self.slots();
        let ticket = slots.open(slot);
        // No call overtakes one that waits, or one that asks for much would never get it.
        let queues = slots.has_parked() && matches!(asked.request.reservation, Reservation::Model { .. });
        match if queues { Admission::Waits } else { self.admit(&asked.request) } {
            Admission::Granted(held) => {
                self.admitted(&mut slots, ticket, &mut asked, held);
                drop(slots);
                self.start(ticket, asked.request, held, tokio);
            }
            Admission::Waits => slots.park(ticket, asked),
            Admission::Refused(error) => {
                drop(slots);
                let shared = self.clone();
                tokio.spawn(async move { shared.complete(ticket, Err(error)).await.ok() });
            }
        }
        ticket
    }

    /// Whether the step may start, and with what.
    fn admit(&self, request: &StepRequest) -> Admission {
        if let Some(reason) = self.cancellation.reason() {
            return Admission::Refused(StepError::Cancelled(reason));
        }
        if let Some(limit) = self.ledger.budget().wall_time {
            let spent = self.sources.now().since(self.started);
            if spent >= limit {
                let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
                let (what, limit, spent) = (Resource::WallTimeMs, ms(limit), ms(spent));
                let error = BudgetError { what, limit, spent, reserved: 0, asked: 0 };
                return Admission::Refused(error.into());
            }
        }
        match self.ledger.reserve(&request.reservation) {
            Ok(held) => Admission::Granted(held),
            Err(error) if error.may_fit_later() => Admission::Waits,
            Err(error) => Admission::Refused(error.into()),
        }
    }

    /// The step holds its share and is told of: under the lock, so that its end can't be told before.
    fn admitted(&self, slots: &mut Slots, ticket: Ticket, asked: &mut Asked, held: Held) {
        let Some(slot) = slots.get_mut(ticket) else { return self.ledger.settle(held, Spend::default()) };
        slot.held = held;
        slot.stage = Stage::Starting;
        if let Some(started) = asked.started.take() {
            self.watch.emit(asked.request.id.scope(), || started);
        }
    }

    fn start(self: &Arc<Self>, ticket: Ticket, request: Box<StepRequest>, held: Held, tokio: &Handle) {
        let (id, kind, may_be_cut) = (request.id.clone(), request.kind, request.class.may_be_cut());
        let limit = request.timeout.map(|timeout| self.sources.now().after(timeout));
        let name = request.name.clone();
        let launch = request.launch(EffectGrant {
            run: self.run,
            step: id.clone(),
            attempt: 1,
            deadline: limit.into_iter().chain(self.deadline()).min(),
            cancellation: self.cancellation.clone(),
            sources: self.sources.clone(),
            deltas: self.watch.deltas(&id),
            output_tokens: held.output_tokens(),
        });
        let work = perform(self.clone(), id.clone(), launch);
        let effect = Effect { shared: self.clone(), ticket, id, kind, name, may_be_cut, limit };
        // The task is noted under the lock under which it is spawned: it can't end before that.
        let mut slots = self.slots();
        slots.uncut += usize::from(!may_be_cut);
        let task = tokio.spawn(effect.run(work)).abort_handle();
        // If the step was dropped or cancelled since, the task sees it and ends at once.
        if let Some(slot) = slots.get_mut(ticket).filter(|slot| slot.stage == Stage::Starting) {
            slot.task = Some(task);
        }
    }

    /// Something was given back: steps that waited for it start.
    fn start_parked(self: &Arc<Self>) {
        let Some(tokio) = self.tokio.get() else { return };
        loop {
            let mut slots = self.slots();
            let unparked = slots.unpark(|request| match self.admit(request) {
                Admission::Granted(held) => Some(Ok(held)),
                Admission::Refused(error) => Some(Err(error)),
                Admission::Waits => None,
            });
            match unparked {
                Some((ticket, mut asked, Ok(held))) => {
                    self.admitted(&mut slots, ticket, &mut asked, held);
                    drop(slots);
                    self.start(ticket, asked.request, held, tokio);
                }
                Some((ticket, _, Err(error))) => {
                    drop(slots);
                    // A pump that is dropped is run by another task.
                    drop(self.queue(ticket, Err(error)));
                }
                None => return,
            }
        }
    }

    // ----------------------------------------------------------------------------------------- delivering

    /// An effect ended, or was refused: its outcome is delivered when its turn comes. Gives it back if nobody waits
    /// for it any more.
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
        let mut slots = self.slots();
        slots.complete(ticket, outcome)?;
        if let Root::Driven(root) = &mut slots.root {
            let root = root.take();
            drop(slots);
            root.into_iter().for_each(Waker::wake);
            return Ok(None);
        }
        let pumped = std::mem::replace(&mut slots.pumping, true);
        Ok((!pumped).then(|| Pump(Some(self.clone()))))
    }

    /// Books and tells an outcome, then sets the answer of its step.
    fn settle(self: &Arc<Self>, settling: Settling) {
        let Settling { ticket, id, kind, started, held, spend, outcome, unheard } = settling;
        self.ledger.settle(held, spend);
        self.watch.emit(id.scope(), || {
            let step = id.clone();
            match &outcome {
                Ok(done) => {
                    let result = done.value.to_json().unwrap_or_default();
                    EventKind::StepFinished { step, kind, result, error: None, spend }
                }
                Err(error) if started => {
                    let error = Some(error.to_string());
                    EventKind::StepFinished { step, kind, result: serde_json::Value::Null, error, spend }
                }
                Err(error) => EventKind::StepRefused { step, kind, error: error.to_string() },
            }
        });
        if let Some(unheard) = unheard {
            self.tell_late(&id, kind, unheard);
        }
        let answer = outcome.map(|done| Delivered::Value(done.value));
        let (waker, parked) = {
            let mut slots = self.slots();
            (slots.answer(ticket, answer), slots.has_parked())
        };
        waker.into_iter().for_each(Waker::wake);
        self.settles.notify_waiters();
        if parked {
            self.start_parked();
        }
    }

    /// Tells what came of an effect for which nobody waits any more.
    pub(super) fn tell_late(&self, step: &StepId, kind: StepKind, outcome: Result<Done, StepError>) {
        self.watch.emit(step.scope(), || {
            let (result, error) = match outcome {
                Ok(done) => (done.value.to_json().unwrap_or_default(), None),
                Err(error) => (serde_json::Value::Null, Some(error.to_string())),
            };
            EventKind::StepLate { step: step.clone(), kind, result, error }
        });
    }

    /// The run was cancelled: every open step is told, in the order of registration.
    pub(super) fn cancel_open(self: &Arc<Self>, reason: CancelReason) {
        let open = self.slots().cancel_all(&StepError::Cancelled(reason));
        open.into_iter().for_each(|settling| self.settle(settling));
    }

    /// A step was dropped.
    pub(super) fn abandon(self: &Arc<Self>, ticket: Ticket) {
        // Taken before anything else: what follows takes the lock again.
        let dropped = self.slots().abandon(ticket);
        let Some(Dropped { id, kind, unheard, held, spend }) = dropped else { return };
        self.ledger.settle(held, spend);
        self.watch.emit(id.scope(), || EventKind::StepDropped { step: id.clone(), spend });
        if let Some(unheard) = unheard {
            self.tell_late(&id, kind, unheard);
        }
        self.start_parked();
    }
}

impl Deliver for Arc<Shared> {
    fn on_outcome(&self, waker: &Waker) {
        self.slots().root = Root::Driven(Some(waker.clone()));
    }

    fn deliver_next(&self) -> bool {
        let next = self.slots().next_outcome();
        next.map(|settling| self.settle(settling)).is_some()
    }
}

/// Delivers what is queued, where no root does it. If it is dropped before it is through, another takes over.
struct Pump(Option<Arc<Shared>>);

impl Pump {
    async fn run(mut self) {
        while let Some(shared) = &self.0 {
            shared.deliver_next();
            {
                let mut slots = shared.slots();
                slots.pumping = slots.has_outcome();
                if !slots.pumping {
                    drop(slots);
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
        if let Some(shared) = self.0.take()
            && let Some(tokio) = shared.tokio.get().cloned()
        {
            // Made within the task: one that a runtime drops at its end, unpolled, must not call for another.
            tokio.spawn(async move { Self(Some(shared)).run().await });
        }
    }
}
