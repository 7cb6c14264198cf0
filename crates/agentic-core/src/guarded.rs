//! Agents behind guardrails.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use futures_core::future::BoxFuture;

use crate::agent::{Agent, AgentError, Partial};
use crate::context::RunContext;
use crate::goal::{Goal, GoalVerdict, Outcome};
use crate::guardrail::{Blocked, Gate, Guardrail, Guards, Layer, Passage, Stop};
use crate::step::StepError;
use crate::usage::Spend;

/// An agent behind guardrails: an agent around an agent, with its name.
///
/// Its [guardrails](Guardrail) hold for its goal, for all that it and the agents below it ask of models and tools, and for
/// its outcome. They stand in the order in which they were added, and each sees what the one before made of the content.
/// Nested ones add up: what comes in passes the outer ones first, what goes out the inner ones.
///
/// What the agent gives is blocked as [`AgentError::Blocked`], whose partial work is empty; so is what a model says to
/// it. A tool call that is blocked is an error of the tool, which the model gets to read.
#[derive(Clone, Debug)]
pub struct Guarded<A> {
    agent: A,
    guardrails: Guardrails,
}

impl<A: Agent> Guarded<A> {
    /// An agent, so far without guardrails.
    pub fn new(agent: A) -> Self {
        Self { agent, guardrails: Guardrails::default() }
    }

    /// The same agent behind one more.
    #[must_use]
    pub fn guardrail(mut self, guardrail: impl Guardrail) -> Self {
        self.guardrails.push(guardrail);
        self
    }
}

#[async_trait]
impl<A: Agent> Agent for Guarded<A> {
    fn name(&self) -> &str {
        self.agent.name()
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        self.guardrails.run(&self.agent, goal, cx).await
    }
}

/// Guardrails in their order, for those who run agents.
#[derive(Clone, Debug, Default)]
pub struct Guardrails(Vec<Arc<dyn Guardrail>>);

impl Guardrails {
    /// Adds one.
    pub fn push(&mut self, guardrail: impl Guardrail) {
        self.0.push(Arc::new(guardrail));
    }

    /// Runs an agent behind them.
    ///
    /// # Errors
    /// The agent's, and [`AgentError::Blocked`].
    ///
    /// # Cancel safety
    /// As [`Agent::run`].
    pub fn run<'a>(
        &'a self,
        agent: &'a dyn Agent,
        goal: Goal,
        cx: &'a RunContext,
    ) -> BoxFuture<'a, Result<Outcome, AgentError>> {
        if self.0.is_empty() {
            return agent.run(goal, cx);
        }
        Box::pin(async move {
            let layer = Arc::new(Layer::new(self.0.clone()));
            let own = Guards::of(layer.clone());
            let goal = own.input(goal, cx).await?;
            match agent.run(goal, &cx.guarded(layer)).await {
                Ok(outcome) => own.outcome(outcome, cx).await,
                Err(error) => Err(own.error(error, cx).await),
            }
        })
    }

    /// The context in which they hold, for programs that await an agent themselves. Its goal and its outcome then pass
    /// no gate.
    pub fn hold_in(&self, cx: RunContext) -> RunContext {
        if self.0.is_empty() { cx } else { cx.guarded(Arc::new(Layer::new(self.0.clone()))) }
    }
}

/// What passes around an agent.
impl Guards {
    /// What the agent is asked.
    async fn input(&self, mut goal: Goal, cx: &RunContext) -> Result<Goal, AgentError> {
        let mut passage = Passage::new(Gate::Input, goal.prompt());
        if self.admitted(&mut passage, cx, "input").await.map_err(|stop| stopped(stop, Spend::default()))? {
            // All that a model reads of it is part of what was replaced.
            goal.text = passage.text();
            goal.inputs.clear();
            goal.lookups.clear();
        }
        Ok(goal)
    }

    /// What the agent gives.
    async fn outcome(&self, mut outcome: Outcome, cx: &RunContext) -> Result<Outcome, AgentError> {
        let spend = outcome.spend;
        let mut passage = Passage::new(Gate::Output, outcome.output.take());
        if self.admitted(&mut passage, cx, "output").await.map_err(|stop| stopped(stop, spend))? {
            // Nobody has checked this one.
            (outcome.verdict, outcome.evidence) = (GoalVerdict::Unverified, Vec::new());
        }
        outcome.output = passage.content;
        for line in std::mem::take(&mut outcome.evidence) {
            let mut passage = Passage::new(Gate::Output, line);
            match self.admitted(&mut passage, cx, "evidence").await {
                Ok(_) => outcome.evidence.push(passage.text()),
                // The output has passed; what nobody can judge any more is left out.
                Err(Stop::Step(StepError::Budget(_))) => break,
                Err(stop) => return Err(stopped(stop, spend)),
            }
        }
        Ok(outcome)
    }

    /// What the agent leaves when it fails: nothing, if that may not pass.
    async fn error(&self, mut error: AgentError, cx: &RunContext) -> AgentError {
        for text in error.written().into_iter().filter(|text| !text.is_empty()) {
            let mut passage = Passage::new(Gate::Output, std::mem::take(text));
            if self.admitted(&mut passage, cx, "output").await.is_ok() {
                *text = passage.text();
            }
        }
        error
    }

    async fn admitted(&self, passage: &mut Passage, cx: &RunContext, of: &str) -> Result<bool, Stop> {
        self.admit(passage, cx, &cx.judging(of), false).await
    }
}

fn stopped(stop: Stop, spend: Spend) -> AgentError {
    let partial = Partial { text: String::new(), spend };
    match stop {
        Stop::Blocked(Blocked { guardrail, gate, reason }) => {
            AgentError::Blocked { guardrail, gate, reason, partial: Box::new(partial) }
        }
        Stop::Step(error) => AgentError::from_step(error, partial),
    }
}
