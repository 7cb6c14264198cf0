//! The ephemeral driver: effects just happen.

mod driver;
mod shared;
mod slots;
mod work;

use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    Agent, AgentError, Budget, Cancellation, EVENT_FORMAT, EventKind, EventSink, Goal, Partial, RunContext,
    RunId, Sources,
};
use futures_util::FutureExt as _;
use futures_util::future::{Either, select};

use crate::approver::{Approver, DenyAll};
use crate::driven::Driven;
use crate::report::RunReport;
use crate::sources::SystemSources;
use crate::watch::Watch;

use self::driver::EphemeralDriver;
use self::shared::Shared;

const NO_RUNTIME: &str = "there is no tokio runtime here; run the agent inside one";

/// How long an agent has to return after its run was cancelled, and an effect that must not be cut off after its time
/// limit, until nobody waits for it any more.
///
/// Every step of a cancelled agent has ended by then, so one that awaits nothing else returns at once.
pub const GRACE: Duration = Duration::from_secs(5);

/// Makes ephemeral runs: effects just happen, nothing is recorded.
///
/// Effects run as tokio tasks of their own, so a tool that is busy delays nobody, and one whose effect must not be
/// cut off ends even if its run is dropped.
#[derive(Clone, Debug)]
#[must_use]
pub struct Ephemeral {
    budget: Budget,
    sources: Arc<dyn Sources>,
    events: Option<Arc<dyn EventSink>>,
    approver: Arc<dyn Approver>,
    cancellation: Cancellation,
}

impl Default for Ephemeral {
    fn default() -> Self {
        Self {
            budget: Budget::default(),
            sources: Arc::new(SystemSources),
            events: None,
            approver: Arc::new(DenyAll),
            cancellation: Cancellation::new(),
        }
    }
}

impl Ephemeral {
    /// No limits but the default depth, the system's clock and ids, nobody who watches, every approval denied.
    pub fn new() -> Self {
        Self::default()
    }

    /// With these limits.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// With time, ids and randomness from here.
    pub fn sources(mut self, sources: impl Sources) -> Self {
        self.sources = Arc::new(sources);
        self
    }

    /// With the events going here.
    pub fn events(mut self, sink: Arc<dyn EventSink>) -> Self {
        self.events = Some(sink);
        self
    }

    /// With approvals answered by this.
    pub fn approver(mut self, approver: impl Approver) -> Self {
        self.approver = Arc::new(approver);
        self
    }

    /// Cancelled by this.
    pub fn cancellation(mut self, cancellation: Cancellation) -> Self {
        self.cancellation = cancellation;
        self
    }

    /// The context of a new run, for `agent.run(goal, &cx)`. Needs a tokio runtime once a step is polled.
    ///
    /// Outcomes are delivered one at a time, and the agent's task is given a turn between two of them. Whether
    /// it has come to rest by then can't be seen from here; [`run`](Self::run) waits until it has.
    pub fn context(self) -> RunContext {
        RunContext::new(Arc::new(EphemeralDriver(self.shared())))
    }

    /// Runs an agent from start to end: driven, with events for the start and the end, and cancelled when its
    /// time is up. A cancelled run ends after the effects that must not be cut off; an agent that has not returned
    /// [`GRACE`] after the cancellation is dropped.
    ///
    /// # Cancel safety
    /// Dropping the future ends the run; effects that must not be cut off end by themselves.
    pub async fn run(self, agent: &dyn Agent, goal: impl Into<Goal>) -> RunReport {
        let (goal, wall_time) = (goal.into(), self.budget.wall_time);
        let shared = self.shared();
        shared.drive_from_root();
        let cx = RunContext::new(Arc::new(EphemeralDriver(shared.clone())));
        let (name, text) = (agent.name().to_owned(), goal.text.clone());
        cx.emit(|| EventKind::RunStarted { format: EVENT_FORMAT, agent: name, goal: text });
        let root = Driven::new(agent.run(goal, &cx), &shared);
        let result = match select(root, shared.given_up(wall_time).boxed()).await {
            Either::Left((result, _)) => result,
            // It waits for something that is no step of its run, or it never stops asking.
            Either::Right((reason, _)) => {
                Err(AgentError::Cancelled { reason, partial: Box::new(Partial::default()) })
            }
        };
        shared.settled().await;
        let report = RunReport::new(cx.run_id(), result, shared.ledger.state().spent);
        cx.emit(|| report.event());
        report
    }

    fn shared(self) -> Arc<Shared> {
        let run = RunId(self.sources.id());
        let watch = Watch::new(run, self.sources.clone(), self.events);
        // A child: what ends one run must not end others that share the caller's flag.
        let cancellation = self.cancellation.child();
        Arc::new(Shared::new(run, self.budget, self.sources, watch, self.approver, cancellation))
    }
}

/// `RunContext::ephemeral()`, for programs that just want to run an agent.
pub trait RunContextExt {
    /// A new ephemeral run with the defaults of [`Ephemeral::new`].
    fn ephemeral() -> RunContext;
}

impl RunContextExt for RunContext {
    fn ephemeral() -> RunContext {
        Ephemeral::new().context()
    }
}
