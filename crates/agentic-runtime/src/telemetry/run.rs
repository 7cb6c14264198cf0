//! The spans of one run.

use std::collections::HashMap;

use agentic_core::{
    ErrorClass, Event, EventKind, GoalVerdict, Reason, RunId, RunStatus, Spend, StepId, StepKind, Timestamp,
};
use serde_json::Value;
use tracing::Span;

use super::span::{agent_span, millis, number, record_spend, word};
use super::step::{About, End, OpenStep, kind_of};
use super::{content, failure};

/// What is open in a run. What is left when this is dropped ends as `open`.
#[derive(Debug)]
pub(super) struct RunSpans {
    run: RunId,
    pub(super) content: bool,
    agent: Option<String>,
    goal: Option<String>,
    root: Option<Span>,
    /// Whether the root's start was written into it.
    begun: bool,
    /// Nested agents by the paths of their scopes.
    agents: HashMap<String, Span>,
    steps: HashMap<StepId, OpenStep>,
}

impl RunSpans {
    pub(super) fn new(run: RunId, content: bool) -> Self {
        let (agents, steps) = Default::default();
        Self { run, content, agent: None, goal: None, root: None, begun: false, agents, steps }
    }

    /// This process begins to work on the run.
    pub(super) fn take(&mut self, agent: Option<&str>) {
        if let Some(agent) = agent {
            self.agent = Some(agent.into());
        }
        self.root();
    }

    /// This process works on the run no more.
    pub(super) fn release(&mut self, reason: Option<Reason>) {
        if let Some(root) = &self.root {
            root.record("agentic.reason", reason.map(|reason| reason.to_string()));
        }
    }

    /// The run's span; it is made when something happens in it.
    fn root(&mut self) -> &Span {
        let Self { run, agent, goal, .. } = self;
        self.root.get_or_insert_with(|| {
            let root = agent_span!(agent.as_deref(), &*run, None::<&str>);
            root.record("gen_ai.input.messages", goal.take());
            root
        })
    }

    /// Whether nothing has happened in it yet.
    pub(super) fn is_new(&self) -> bool {
        self.root.is_none()
    }

    /// The span of a step that is open, or of the innermost agent where it was.
    pub(super) fn inside(&self, step: &StepId) -> Span {
        self.steps.get(step).map_or_else(|| self.place(step.scope()), |open| open.span.clone())
    }

    /// The span of the innermost agent at work in this scope.
    pub(super) fn place(&self, mut scope: &str) -> Span {
        loop {
            if let Some(span) = self.agents.get(scope) {
                return span.clone();
            }
            if scope.is_empty() {
                return self.root.clone().unwrap_or_else(Span::none);
            }
            scope = above(scope);
        }
    }

    pub(super) fn on_event(&mut self, event: &Event) {
        if let EventKind::RunStarted { agent, goal, .. } = &event.kind {
            self.accepted(agent, goal);
        } else {
            self.root();
        }
        if let Some(root) = self.root.as_ref().filter(|_| !self.begun) {
            root.record("agentic.started_at", millis(event.at));
            self.begun = true;
        }
        let (scope, at) = (event.scope.as_str(), event.at);
        match &event.kind {
            EventKind::RunResumed { attempt } => {
                self.root().record("agentic.attempt", i64::from(*attempt));
            }
            EventKind::RunFinished { status, reason, output, goal, usage, error, .. } => {
                self.finish(*status, *reason, *goal, usage, error.as_deref(), output, at);
            }
            EventKind::AgentStarted { agent } => {
                let span = self.nested(scope, agent, at);
                self.agents.insert(scope.into(), span);
            }
            EventKind::AgentFinished { agent, error, error_class } => {
                // It may have begun in an earlier process.
                let span = self.agents.remove(scope).unwrap_or_else(|| self.nested(scope, agent, at));
                if let Some(error) = error {
                    failure::record(&span, *error_class, self.content.then_some(error));
                }
                span.record("agentic.outcome", if error.is_some() { "failed" } else { "completed" });
                span.record("agentic.ended_at", millis(at));
            }
            EventKind::StepStarted { step, kind, class, detail, .. } => {
                let (run, kind, class) = (self.run, *kind, Some(*class));
                // The name of a question is what is asked.
                let name = Some(&*detail.name).filter(|_| kind != StepKind::Approval);
                let about = About { run, step, kind, class, name, attempt: Some(1), started: at };
                let open = OpenStep::new(&self.place(scope), &about);
                if self.content {
                    open.arguments(&detail.arguments);
                }
                self.steps.insert(step.clone(), open);
            }
            EventKind::ApprovalRequested { step, approval, .. } => {
                let open = self.unseen(step, StepKind::Approval, at);
                open.question(approval, self.content);
                self.steps.insert(step.clone(), open);
            }
            EventKind::StepRestarted { step, attempt, .. } => {
                let mut open =
                    self.steps.remove(step).unwrap_or_else(|| self.unseen(step, kind_of(step), at));
                open.again(*attempt, at);
                self.steps.insert(step.clone(), open);
            }
            EventKind::StepDelta { step, .. } => {
                if let Some(open) = self.steps.get_mut(step) {
                    open.streams(at);
                }
            }
            EventKind::StepFinished { step, kind, result, error, error_class, spend } => {
                let (error, class) = (error.as_deref(), *error_class);
                let end = End { kind: *kind, result, error, class, spend, at };
                self.ended(step, *kind, at).finish(&end, self.content);
            }
            EventKind::ApprovalDecided { step, decision, by } => {
                let open = self.ended(step, StepKind::Approval, at);
                open.decided(decision, by.as_deref(), self.content, at);
            }
            _ => {}
        }
        self.tell(event);
        match &event.kind {
            // Without a span it ended before, and was dropped as nobody had heard of that; or it began in an earlier
            // process, and the event must do: the two can't be told apart.
            EventKind::StepDropped { step, .. } => {
                if let Some(open) = self.steps.remove(step) {
                    open.end("dropped", Some(at));
                }
            }
            // A refused step never started, but a question or a wait may have.
            EventKind::StepRefused { step, kind, error, error_class } => {
                if let Some(open) = self.steps.remove(step) {
                    let (result, spend) = (&Value::Null, &Spend::default());
                    let (error, class) = (Some(&**error), *error_class);
                    let end = End { kind: *kind, result, error, class, spend, at };
                    open.finish(&end, self.content);
                }
            }
            _ => {}
        }
    }

    /// The run was accepted. Whether this process works on it shows later.
    fn accepted(&mut self, agent: &str, goal: &str) {
        self.agent.get_or_insert_with(|| agent.into());
        let goal = self.content.then(|| content::goal(goal));
        match &self.root {
            Some(root) => {
                root.record("gen_ai.input.messages", goal);
            }
            None => self.goal = goal,
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of the event")]
    fn finish(
        &mut self,
        status: RunStatus,
        reason: Option<Reason>,
        verdict: GoalVerdict,
        spend: &Spend,
        error: Option<&str>,
        output: &Value,
        at: Timestamp,
    ) {
        self.leave_open();
        let Some(root) = self.root.take() else { return };
        record_spend(&root, spend);
        root.record("agentic.model_calls", number(spend.model_calls));
        root.record("agentic.tool_calls", number(spend.tool_calls));
        root.record("agentic.turns", number(spend.turns));
        root.record("agentic.outcome", word(&status));
        root.record("agentic.reason", reason.map(|reason| reason.to_string()));
        root.record("agentic.verdict", word(&verdict));
        if status != RunStatus::Completed {
            failure::record(&root, reason.map(ErrorClass::Reason), error.filter(|_| self.content));
        }
        if self.content && !output.is_null() {
            root.record("gen_ai.output.messages", content::output(output));
        }
        root.record("agentic.ended_at", millis(at));
    }

    fn nested(&self, scope: &str, agent: &str, at: Timestamp) -> Span {
        let parent = if scope.is_empty() {
            self.root.clone().unwrap_or_else(Span::none)
        } else {
            self.place(above(scope))
        };
        let span = agent_span!(Some(agent), &self.run, Some(scope), parent: &parent);
        span.record("agentic.started_at", millis(at));
        span
    }

    fn unseen(&self, step: &StepId, kind: StepKind, at: Timestamp) -> OpenStep {
        OpenStep::unseen(&self.place(step.scope()), self.run, step, kind, at)
    }

    /// A step that ends. It may have begun in an earlier process.
    fn ended(&mut self, step: &StepId, kind: StepKind, at: Timestamp) -> OpenStep {
        self.steps.remove(step).unwrap_or_else(|| self.unseen(step, kind, at))
    }

    /// Ends what is open below the run.
    fn leave_open(&mut self) {
        self.steps.drain().for_each(|(_, step)| step.end("open", None));
        for (_, agent) in self.agents.drain() {
            agent.record("agentic.outcome", "open");
        }
    }
}

impl Drop for RunSpans {
    fn drop(&mut self) {
        self.leave_open();
        if let Some(root) = self.root.take() {
            root.record("agentic.outcome", "open");
        }
    }
}

/// The path of the scope above this one.
fn above(scope: &str) -> &str {
    scope.rsplit_once('/').map_or("", |(above, _)| above)
}
