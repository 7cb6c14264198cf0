//! The ephemeral driver: effects just happen.

use std::sync::Arc;

use agentic_core::{
    Agent, AgentError, ApprovalRule, Budget, Cancellation, Digest, EventSink, Goal, Guardrail, Guardrails,
    RunContext, RunId, Sources,
};
use futures_util::FutureExt as _;
use futures_util::future::{Either, select};

use crate::approver::{Approver, DenyAll};
use crate::driven::Driven;
use crate::engine::Engine;
use crate::journal::{Begin, EntryKind};
use crate::report::{RunError, RunReport};
use crate::rules::Rules;
use crate::sources::SystemSources;
use crate::watch::Watch;

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
    rules: Vec<ApprovalRule>,
    guardrails: Guardrails,
    cancellation: Cancellation,
}

impl Default for Ephemeral {
    fn default() -> Self {
        Self {
            budget: Budget::default(),
            sources: Arc::new(SystemSources),
            events: None,
            approver: Arc::new(DenyAll),
            rules: Vec::new(),
            guardrails: Guardrails::default(),
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

    /// With approvals answered by this, if no rule does.
    pub fn approver(mut self, approver: impl Approver) -> Self {
        self.approver = Arc::new(approver);
        self
    }

    /// With this rule, which answers approvals before anybody is asked.
    pub fn rule(mut self, rule: ApprovalRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// With agents behind this guardrail, as if they were [`Guarded`](agentic_core::Guarded).
    pub fn guardrail(mut self, guardrail: impl Guardrail) -> Self {
        self.guardrails.push(guardrail);
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
    ///
    /// Guardrails hold for what the agent asks of models and tools; its goal and its outcome pass by none here.
    pub fn context(self) -> RunContext {
        let guardrails = self.guardrails.clone();
        let engine = self.engine();
        engine.watch.take(None);
        guardrails.hold_in(engine.context())
    }

    /// Runs an agent from start to end: driven, with events for the start and the end, and cancelled when its
    /// time is up. A cancelled run ends after the effects that must not be cut off; an agent that has not returned
    /// [`GRACE`](crate::GRACE) after the cancellation is dropped.
    ///
    /// # Cancel safety
    /// Dropping the future ends the run; effects that must not be cut off end by themselves.
    pub async fn run(self, agent: &dyn Agent, goal: impl Into<Goal>) -> RunReport {
        let (goal, budget, rules) = (goal.into(), self.budget, self.rules.clone());
        let guardrails = self.guardrails.clone();
        let engine = self.engine();
        engine.drive_from_root();
        let cx = engine.context();
        engine.watch.take(Some(agent.name()));
        let (name, begin) = (agent.name(), Begin { goal: goal.clone(), rules, ..Begin::default() });
        // A goal is plain data: it has a JSON form.
        if let Ok(started) = EntryKind::started(name, String::new(), Digest::default(), budget, &begin) {
            engine.watch.tell(|| started);
        }
        let root = Driven::new(guardrails.run(agent, goal, &cx), &engine);
        let result = match select(root, engine.given_up(budget.wall_time).boxed()).await {
            Either::Left((Some(result), _)) => result.map_err(RunError::Agent),
            // What is not recorded never stops short.
            Either::Left((None, _)) => Err(RunError::HandedBack),
            // It waits for something that is no step of its run, or it never stops asking.
            Either::Right((reason, _)) => {
                Err(AgentError::Cancelled { reason, partial: Box::default() }.into())
            }
        };
        engine.settled().await;
        engine.tell_foreign();
        let report = RunReport::new(cx.run_id(), result, engine.ledger.state().spent);
        if let Some(end) = report.entry(false) {
            engine.watch.tell(|| end);
        }
        engine.watch.release(report.reason);
        report
    }

    fn engine(self) -> Arc<Engine> {
        let run = RunId(self.sources.id());
        let watch = Watch::new(run, self.sources.clone(), self.events);
        // A child: what ends one run must not end others that share the caller's flag.
        let cancellation = self.cancellation.child();
        let rules: Rules = self.rules.into_iter().collect();
        let (budget, sources, approver) = (self.budget, self.sources, self.approver);
        Arc::new(Engine::ephemeral(run, budget, sources, watch, approver, cancellation, rules))
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
