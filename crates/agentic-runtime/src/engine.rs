//! The driver: makes the effects of one run happen, and delivers their outcomes one at a time.
//!
//! A run that is recorded writes what happens into its [`Record`] and delivers only what is durable; one that is not
//! delivers at once. All else is the same for both.

mod deliver;
mod driver;
mod effect;
mod ending;
mod outside;
mod record;
mod repeat;
mod replay;
mod rest;
mod rules;
mod slots;
mod start;
mod wait;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::Duration;

use agentic_core::{
    Budget, CancelReason, Cancellation, Digest, Ledger, RunContext, RunId, Sources, Timestamp,
};
use futures_util::future::{Either, select};
use futures_util::task::AtomicWaker;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use self::driver::EngineDriver;
use self::slots::Slots;
use crate::approver::Approver;
use crate::journal::{EntryKind, Seq};
use crate::rules::Rules;
use crate::watch::Watch;

pub(crate) use self::deliver::Rest;
pub(crate) use self::record::Record;
pub(crate) use self::wait::{Halt, Input};

/// How long an agent has to return after its run was cancelled, and an effect that must not be cut off after its time
/// limit, until nobody waits for it any more.
///
/// Every step of a cancelled agent has ended by then, so one that awaits nothing else returns at once.
pub const GRACE: Duration = Duration::from_secs(5);

/// What the driver and its effects share.
#[derive(Debug)]
pub(crate) struct Engine {
    run: RunId,
    sources: Arc<dyn Sources>,
    pub(crate) ledger: Ledger,
    pub(crate) watch: Arc<Watch>,
    /// Who answers at once; without one, questions stay open until somebody answers from outside.
    approver: Option<Arc<dyn Approver>>,
    pub(crate) cancellation: Cancellation,
    /// Told when an effect that must not be cut off has ended, or a step is booked and told.
    settles: Notify,
    /// Whoever polls the run's root future.
    root: Arc<AtomicWaker>,
    /// How often the root was woken by something that is no step of the run.
    foreign: Arc<AtomicU64>,
    started: Timestamp,
    /// Whether a time limit is kept here, effect by effect, or by whoever drives the run.
    recorded: bool,
    /// The runtime of the first step, for what is started where there may be none.
    tokio: OnceLock<Handle>,
    state: Mutex<State>,
}

/// What changes while a run is at work.
#[derive(Debug)]
struct State {
    slots: Slots,
    /// They answer questions before anybody is asked.
    rules: Rules,
    record: Option<Record>,
    /// Why the run can't go on now. From then on nothing is started, delivered or recorded.
    halt: Option<Halt>,
    /// Nothing is written any more.
    closed: bool,
    patience: Patience,
    /// How often something was delivered.
    delivered: u64,
    /// Of steps that were answered beside a delivery: the next one wakes them.
    unwoken: Vec<Waker>,
}

/// With an agent that waits for something that is no step of its run: a channel, a lock, a timer that is not the run's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    Unspent,
    /// Since the last delivery it is waited for.
    Running,
    Spent,
}

impl Engine {
    /// A run that is not recorded.
    pub(crate) fn ephemeral(
        run: RunId,
        budget: Budget,
        sources: Arc<dyn Sources>,
        watch: Watch,
        approver: Arc<dyn Approver>,
        cancellation: Cancellation,
        rules: Rules,
    ) -> Self {
        let started = sources.now();
        Self::new(run, budget, sources, watch, Some(approver), cancellation, started, rules, None)
    }

    /// A run that is recorded. Its rules are in its journal.
    pub(crate) fn recorded(
        run: RunId,
        budget: Budget,
        sources: Arc<dyn Sources>,
        watch: Watch,
        approver: Option<Arc<dyn Approver>>,
        record: Record,
    ) -> Self {
        let (started, rules, cancellation) = (record.started(), Rules::default(), Cancellation::new());
        Self::new(run, budget, sources, watch, approver, cancellation, started, rules, Some(record))
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of the struct")]
    fn new(
        run: RunId,
        budget: Budget,
        sources: Arc<dyn Sources>,
        watch: Watch,
        approver: Option<Arc<dyn Approver>>,
        cancellation: Cancellation,
        started: Timestamp,
        rules: Rules,
        record: Option<Record>,
    ) -> Self {
        let tokio = OnceLock::new();
        if let Ok(handle) = Handle::try_current() {
            let _ = tokio.set(handle);
        }
        Self {
            run,
            started,
            sources,
            ledger: Ledger::new(budget),
            watch: Arc::new(watch),
            approver,
            cancellation,
            settles: Notify::new(),
            root: record.as_ref().map_or_else(Arc::default, Record::waker),
            foreign: Arc::default(),
            recorded: record.is_some(),
            tokio,
            state: Mutex::new(State {
                slots: Slots::default(),
                rules,
                record,
                halt: None,
                closed: false,
                patience: Patience::Unspent,
                delivered: 0,
                unwoken: Vec::new(),
            }),
        }
    }

    /// The context for the run's agent.
    pub(crate) fn context(self: &Arc<Self>) -> RunContext {
        RunContext::new(Arc::new(EngineDriver(self.clone())))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on outcomes are delivered when the run's root has come to rest.
    pub(crate) fn drive_from_root(&self) {
        self.state().slots.driven = true;
    }

    /// Tells if the root was woken by something that is no step of the run.
    pub(crate) fn tell_foreign(&self) {
        let wakes = self.foreign.load(Ordering::Relaxed);
        if wakes > 0 {
            self.note(&mut self.state(), || EntryKind::Foreign { wakes });
        }
    }

    /// Waits for the effects that must not be cut off.
    pub(crate) async fn settled(&self) {
        loop {
            let ended = self.settles.notified();
            if self.state().slots.uncut == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Ends [`GRACE`] after the run was cancelled, which it is when its time is up.
    pub(crate) async fn given_up(self: &Arc<Self>, wall_time: Option<Duration>) -> CancelReason {
        let cancelled = std::pin::pin!(self.cancellation.cancelled());
        let reason = match wall_time {
            None => cancelled.await,
            Some(time) => match select(cancelled, self.sources.sleep(time)).await {
                Either::Left((reason, _)) => reason,
                Either::Right((_, cancelled)) => {
                    self.cancel(CancelReason::TimedOut, None);
                    cancelled.await
                }
            },
        };
        self.sources.sleep(GRACE).await;
        reason
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.ledger.budget().wall_time.map(|time| self.started.after(time))
    }

    /// How much of the run's time is left.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let written = self.state().record.as_ref().is_some_and(Record::is_written);
        // A run that is repeated was cancelled when its time was up, if it was: that is an entry.
        let limited = written || !self.recorded;
        self.deadline().filter(|_| limited).map(|deadline| deadline.since(self.sources.now()))
    }

    /// Writes down what happened, or tells it if nothing is recorded.
    fn note(&self, state: &mut State, kind: impl FnOnce() -> EntryKind) -> Seq {
        match &mut state.record {
            Some(record) => record.append(self.sources.now(), kind(), None),
            None => {
                self.watch.tell(kind);
                Seq::default()
            }
        }
    }

    /// Whether what steps give is needed as JSON.
    fn keeps_values(&self) -> bool {
        self.recorded || self.watch.is_watched()
    }
}

/// What a run draws for a step: made of the run's seed and the step's id, so that it is the same each time the run is
/// repeated, and nothing has to be recorded.
fn drawn(seed: Digest, step: &agentic_core::StepId) -> [u8; 16] {
    Digest::of(&(seed, step)).unwrap_or_default().to_bytes()
}
