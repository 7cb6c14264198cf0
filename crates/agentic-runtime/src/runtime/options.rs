//! What a runtime and a run can be set up with.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::{ApprovalRule, Budget, EventSink, Guardrail, Guardrails, RunId, Sources};
use serde_json::Value;

use super::agents::{AgentSource, Agents};
use super::{Inner, Runtime};
use crate::approver::Approver;
use crate::sources::SystemSources;
use crate::store::JournalStore;

/// Sets up a [`Runtime`].
#[derive(Debug)]
#[must_use]
pub struct RuntimeBuilder {
    store: Arc<dyn JournalStore>,
    sources: Arc<dyn Sources>,
    events: Option<Arc<dyn EventSink>>,
    approver: Option<Arc<dyn Approver>>,
    guardrails: Guardrails,
    agents: Option<Arc<dyn AgentSource>>,
    code: String,
    lease: Duration,
    poll: Duration,
    max_attempts: u32,
}

impl RuntimeBuilder {
    pub(super) fn new(store: Arc<dyn JournalStore>) -> Self {
        Self {
            store,
            sources: Arc::new(SystemSources),
            events: None,
            approver: None,
            guardrails: Guardrails::default(),
            agents: None,
            code: String::new(),
            lease: Duration::from_secs(30),
            poll: Duration::from_millis(100),
            max_attempts: 5,
        }
    }

    /// With time, ids and randomness from here.
    pub fn sources(mut self, sources: impl Sources) -> Self {
        self.sources = Arc::new(sources);
        self
    }

    /// With the events of all runs going here, once each: what a run repeats is not told again.
    pub fn events(mut self, sink: Arc<dyn EventSink>) -> Self {
        self.events = Some(sink);
        self
    }

    /// With approvals answered at once by this, if no rule of the run does. Without it a run waits until somebody
    /// [decides](Runtime::decide), and frees its memory meanwhile.
    pub fn approver(mut self, approver: impl Approver) -> Self {
        self.approver = Some(Arc::new(approver));
        self
    }

    /// With each agent behind this guardrail, as if it were [`Guarded`](agentic_core::Guarded). Those of a run must stay
    /// the same until it has ended, as its agent must.
    pub fn guardrail(mut self, guardrail: impl Guardrail) -> Self {
        self.guardrails.push(guardrail);
        self
    }

    /// With agents from here, for runs whose agent is not registered.
    pub fn agents(mut self, agents: impl AgentSource) -> Self {
        self.agents = Some(Arc::new(agents));
        self
    }

    /// The program's version, kept with each run.
    pub fn code(mut self, version: impl Into<String>) -> Self {
        self.code = version.into();
        self
    }

    /// How long a run stays this process's without a sign of life. Default: 30 s.
    pub fn lease(mut self, time: Duration) -> Self {
        self.lease = time;
        self
    }

    /// How often is looked for what other processes have posted. Default: 100 ms.
    pub fn poll(mut self, every: Duration) -> Self {
        self.poll = every;
        self
    }

    /// How often a run may take its process down before it is set aside as a dead letter. Default: 5.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// The runtime.
    pub fn build(self) -> Runtime {
        let Self { store, sources, events, approver, guardrails, agents, code, lease, poll, max_attempts } =
            self;
        let owner = sources.id().to_string();
        let agents = Agents::new(agents);
        Runtime(Arc::new(Inner {
            store,
            sources,
            events,
            approver,
            guardrails,
            agents,
            code,
            owner,
            lease,
            poll,
            max_attempts,
            active: Default::default(),
            supervised: Default::default(),
            unwritten: Default::default(),
            stopped: Default::default(),
            stopping: Default::default(),
            tended: Default::default(),
            tending: tokio::sync::Notify::new(),
        }))
    }
}

/// What a run is started with.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RunOptions {
    /// Its id; a new one if there is none. A second run with the same id is refused, so a caller that does not know
    /// whether it was heard can ask again.
    pub id: Option<RunId>,
    /// The queue that it waits in. Default: `default`.
    pub queue: String,
    /// Its limits.
    pub budget: Budget,
    /// What the [source of agents](AgentSource) needs to make its agent again.
    pub config: Value,
    /// Rules that answer its questions before anybody is asked. They are kept with it.
    pub rules: Vec<ApprovalRule>,
}

impl Default for RunOptions {
    fn default() -> Self {
        let (id, queue, budget) = (None, "default".into(), Budget::default());
        Self { id, queue, budget, config: Value::Null, rules: Vec::new() }
    }
}

impl RunOptions {
    /// The same options with this id.
    pub fn with_id(mut self, id: RunId) -> Self {
        self.id = Some(id);
        self
    }

    /// The same options with this queue.
    pub fn with_queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = queue.into();
        self
    }

    /// The same options with these limits.
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// The same options with this configuration.
    pub fn with_config(mut self, config: Value) -> Self {
        self.config = config;
        self
    }

    /// The same options with this rule more.
    pub fn with_rule(mut self, rule: ApprovalRule) -> Self {
        self.rules.push(rule);
        self
    }
}
