//! The driver's shared state and its side of the contract.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use agentic_core::{
    Budget, BudgetError, CancelReason, Cancellation, Delivered, Done, Driver, EffectGrant, EventKind, Held,
    Launch, Ledger, Resource, RunId, Sources, Spend, StepError, StepId, StepRequest, Ticket, Timestamp,
    ToolError, ToolErrorKind,
};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Either, select};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use uuid::Uuid;

use super::GRACE;
use super::slots::{Delivery, Root, Slot, Slots};
use crate::approver::Approver;
use crate::driven::Deliver;
use crate::watch::Watch;

/// One ephemeral run.
#[derive(Debug)]
pub(super) struct EphemeralDriver(pub(super) Arc<Shared>);

/// What the driver and its effects share.
#[derive(Debug)]
pub(super) struct Shared {
    run: RunId,
    started: Timestamp,
    watch: Arc<Watch>,
    approver: Arc<dyn Approver>,
    slots: Mutex<Slots>,
    uncut_ended: Notify,
    pub(super) sources: Arc<dyn Sources>,
    pub(super) ledger: Ledger,
    pub(super) cancellation: Cancellation,
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
            watch: Arc::new(watch),
            approver,
            slots: Mutex::default(),
            uncut_ended: Notify::new(),
            sources,
            ledger: Ledger::new(budget),
            cancellation,
        }
    }

    /// From now on outcomes are delivered when the run's root has come to rest.
    pub(super) fn drive_from_root(&self) {
        self.slots().root = Root::Driven(None);
    }

    /// Waits for the effects that must not be cut off.
    pub(super) async fn settled(&self) {
        loop {
            let ended = self.uncut_ended.notified();
            if self.slots().uncut == 0 {
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

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.ledger.budget().wall_time.map(|time| self.started.after(time))
    }

    /// What the step may take, or why it is refused.
    fn reserve(&self, request: &StepRequest) -> Result<Held, StepError> {
        if let Some(reason) = self.cancellation.reason() {
            return Err(StepError::Cancelled(reason));
        }
        if let Some(limit) = self.ledger.budget().wall_time {
            let spent = self.sources.now().since(self.started);
            if spent >= limit {
                let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
                let (what, limit, spent) = (Resource::WallTimeMs, ms(limit), ms(spent));
                return Err(BudgetError { what, limit, spent, reserved: 0, asked: 0 }.into());
            }
        }
        Ok(self.ledger.reserve(&request.reservation)?)
    }

    /// An effect ended, or was refused: its outcome is delivered when its turn comes.
    async fn complete(&self, ticket: Ticket, result: Result<Done, StepError>, may_be_cut: bool) {
        if !self.enqueue(ticket, result, may_be_cut) {
            return;
        }
        loop {
            self.deliver_next();
            if !self.more() {
                return;
            }
            // Whoever got the outcome goes first.
            tokio::task::yield_now().await;
        }
    }

    /// Queues an outcome; whether the caller is to deliver what is queued.
    fn enqueue(&self, ticket: Ticket, result: Result<Done, StepError>, may_be_cut: bool) -> bool {
        let mut slots = self.slots();
        if let Err(unheard) = slots.complete(ticket, result) {
            drop(slots);
            // Nobody is told, but it was spent. What may be cut off was booked when it was.
            if let Ok(done) = unheard
                && !may_be_cut
            {
                self.ledger.settle(Held::default(), done.spend);
            }
            return false;
        }
        if let Root::Driven(root) = &mut slots.root {
            let root = root.take();
            drop(slots);
            root.into_iter().for_each(Waker::wake);
            return false;
        }
        !std::mem::replace(&mut slots.pumping, true)
    }

    /// Whether there is more to deliver; if not, the pump stops.
    fn more(&self) -> bool {
        let mut slots = self.slots();
        slots.pumping = slots.has_outcome();
        slots.pumping
    }

    fn told(&self, delivery: Delivery) {
        let Delivery { id, kind, held, spend, result, error, waker } = delivery;
        self.ledger.settle(held, spend);
        let scope = scope_of(&id);
        self.watch.emit(scope, || EventKind::StepFinished { step: id.clone(), kind, result, error, spend });
        waker.into_iter().for_each(Waker::wake);
    }

    /// The run was cancelled: every open step is told, in the order of registration.
    fn cancel_open(&self, reason: CancelReason) {
        let told = self.slots().cancel_all(&StepError::Cancelled(reason));
        told.into_iter().for_each(|delivery| self.told(delivery));
    }
}

impl Deliver for Shared {
    fn on_outcome(&self, waker: &Waker) {
        self.slots().root = Root::Driven(Some(waker.clone()));
    }

    fn deliver_next(&self) -> bool {
        let delivery = self.slots().deliver(self.watch.is_watched());
        delivery.map(|delivery| self.told(delivery)).is_some()
    }
}

/// The path of the scope that a step is in.
fn scope_of(step: &StepId) -> &str {
    step.as_str().rsplit_once('/').map_or("", |(scope, _)| scope)
}

impl Driver for EphemeralDriver {
    fn run_id(&self) -> RunId {
        self.0.run
    }

    fn register(&self, request: StepRequest) -> Ticket {
        let shared = &self.0;
        let (id, kind, class) = (request.id.clone(), request.kind, request.class);
        let mut slot = Slot {
            id: id.clone(),
            kind,
            held: Held::default(),
            may_be_cut: class.may_be_cut(),
            task: None,
            waker: None,
            answer: None,
        };
        let Ok(tokio) = Handle::try_current() else {
            let message = "there is no tokio runtime here; run the agent inside one".to_owned();
            slot.answer = Some(Err(StepError::Driver { step: id, message }));
            return shared.slots().open(slot);
        };
        let may_be_cut = slot.may_be_cut;
        let held = match shared.reserve(&request) {
            Ok(held) => held,
            Err(refused) => {
                let ticket = shared.slots().open(slot);
                let shared = shared.clone();
                tokio.spawn(async move { shared.complete(ticket, Err(refused), true).await });
                return ticket;
            }
        };
        slot.held = held;
        shared.watch.emit(scope_of(&id), || EventKind::StepStarted {
            step: id.clone(),
            kind,
            class,
            digest: request.digest,
            detail: request.detail.clone(),
        });
        let limit =
            shorter(request.timeout.map(|timeout| shared.sources.now().after(timeout)), shared.deadline());
        let name = request.detail.name.clone();
        let launch = request.launch(EffectGrant {
            key: format!("{}/{id}", shared.run),
            attempt: 1,
            deadline: limit,
            cancellation: shared.cancellation.clone(),
            sources: shared.sources.clone(),
            deltas: shared.watch.deltas(&id),
            output_tokens: held.output_tokens(),
        });
        // The slot is opened and its task noted under one lock: the task can't end before that.
        let mut slots = shared.slots();
        let ticket = slots.open(slot);
        slots.uncut += usize::from(!may_be_cut);
        let work = perform(shared.clone(), id, launch);
        let task = Effect { shared: shared.clone(), ticket, name, may_be_cut, limit };
        let task = tokio.spawn(task.run(work)).abort_handle();
        if let Some(slot) = slots.get_mut(ticket) {
            slot.task = Some(task);
        }
        ticket
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
        let (slot, spend) = {
            let mut slots = self.0.slots();
            let Some(slot) = slots.close(ticket).filter(|slot| slot.answer.is_none()) else { return };
            let spend = slots.unheard(ticket).map_or_else(|| slot.lost(), |result| slot.spent(&result));
            (slot, spend)
        };
        if let Some(task) = slot.task.as_ref().filter(|_| slot.may_be_cut) {
            task.abort();
        }
        self.0.ledger.settle(slot.held, spend);
        self.0.watch.emit(scope_of(&slot.id), || EventKind::StepDropped { step: slot.id.clone() });
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

    fn cancellation(&self) -> &Cancellation {
        &self.0.cancellation
    }
}

fn shorter(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

type Work = BoxFuture<'static, Result<Done, StepError>>;

/// The work of a step as one future.
fn perform(shared: Arc<Shared>, step: StepId, launch: Launch) -> Work {
    match launch {
        Launch::Effect(effect) => effect,
        Launch::Sleep(duration) => {
            let sleep = shared.sources.sleep(duration);
            sleep.map(|()| Ok(Done { value: Box::new(()), spend: Spend::default() })).boxed()
        }
        Launch::Approval(approval) => async move {
            let scope = scope_of(&step);
            let asked = approval.clone();
            shared.watch.emit(scope, || EventKind::ApprovalRequested { step: step.clone(), approval: asked });
            let decision = shared.approver.decide(&step, &approval).await;
            let answer = decision.clone();
            shared.watch.emit(scope, || EventKind::ApprovalDecided { step: step.clone(), decision: answer });
            Ok(Done { value: Box::new(decision), spend: Spend::default() })
        }
        .boxed(),
    }
}

/// One effect at work, in a task of its own.
struct Effect {
    shared: Arc<Shared>,
    ticket: Ticket,
    name: Arc<str>,
    may_be_cut: bool,
    limit: Option<Timestamp>,
}

impl Effect {
    async fn run(self, work: Work) {
        let uncut = (!self.may_be_cut).then(|| Uncut(self.shared.clone()));
        // Cancelled before its first moment: nothing has happened yet, and nothing will.
        if let Some(reason) = self.shared.cancellation.reason() {
            self.shared.cancel_open(reason);
            return;
        }
        let shared = self.shared.clone();
        let work = AssertUnwindSafe(work).catch_unwind();
        let cancelled = std::pin::pin!(async move { shared.cancellation.cancelled().await });
        let result = match select(self.limited(work).boxed(), cancelled).await {
            Either::Left((result, _)) => result,
            Either::Right((reason, work)) => {
                self.shared.cancel_open(reason);
                if self.may_be_cut {
                    return;
                }
                work.await
            }
        };
        self.shared.complete(self.ticket, result, self.may_be_cut).await;
        // Only now: a run that waits for it finds it booked.
        drop(uncut);
    }

    /// The work within its time. What must not be cut off is told its deadline and left to keep it.
    async fn limited(
        &self,
        work: impl Future<Output = std::thread::Result<Result<Done, StepError>>> + Send,
    ) -> Result<Done, StepError> {
        let sources = &self.shared.sources;
        let outcome = match self.limit.filter(|_| self.may_be_cut) {
            None => work.await,
            Some(limit) => {
                let time = limit.since(sources.now());
                match select(std::pin::pin!(work), sources.sleep(time)).await {
                    Either::Left((outcome, _)) => outcome,
                    Either::Right(_) => return Err(self.too_late(time)),
                }
            }
        };
        outcome.unwrap_or_else(|panic| Err(self.panicked(&*panic)))
    }

    fn too_late(&self, time: Duration) -> StepError {
        let out_of_time =
            self.shared.deadline().is_some_and(|deadline| self.shared.sources.now() >= deadline);
        if out_of_time {
            self.shared.cancellation.cancel(CancelReason::TimedOut);
            return StepError::Cancelled(CancelReason::TimedOut);
        }
        let message =
            format!("`{}` took longer than its {:.1} s and was stopped", self.name, time.as_secs_f64());
        ToolError::new(ToolErrorKind::TimedOut, message).into()
    }

    fn panicked(&self, panic: &(dyn std::any::Any + Send)) -> StepError {
        let said = panic.downcast_ref::<&str>().copied().map(str::to_owned);
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        ToolError::failed(format!("`{}` panicked: {said}", self.name)).into()
    }
}

/// An effect that must not be cut off is at work while this lives.
struct Uncut(Arc<Shared>);

impl Drop for Uncut {
    fn drop(&mut self) {
        self.0.slots().uncut -= 1;
        self.0.uncut_ended.notify_waiters();
    }
}
