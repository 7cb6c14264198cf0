//! Whether a loop is worth its calls.

use std::fmt::{self, Debug};
use std::sync::Arc;

use agentic_core::{Agent, AgentError, Goal, Outcome, RunContext};
use serde_json::Value;

use crate::again::best;
use crate::consistency::majority;
use crate::share::Share;

/// An agent that asks another one again and again.
pub trait Wraps: Agent {
    /// The other one.
    fn inner(&self) -> &Arc<dyn Agent>;
}

/// Compares a loop with what the same agent gives without it for the same number of model calls: the majority of independent
/// answers. For evaluation: it costs both.
///
/// The agent has to draw its words (a temperature above 0), else all answers are one.
#[derive(Clone, Debug)]
pub struct EqualCompute {
    method: Arc<dyn Agent>,
    plain: Arc<dyn Agent>,
}

/// What a loop gives on a goal, and what independent answers give.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Compared {
    /// The loop's result.
    pub own: Result<Outcome, AgentError>,
    /// The model calls that it took, reflections and critiques included.
    pub calls: u64,
    /// Independent answers, until they had taken as many calls; at least one.
    pub samples: Vec<Result<Outcome, AgentError>>,
}

impl EqualCompute {
    /// This loop, and the agent in it.
    pub fn new(method: impl Wraps) -> Self {
        let plain = method.inner().clone();
        Self { method: Arc::new(method), plain }
    }

    /// Works on the goal in both ways.
    ///
    /// # Errors
    /// What [ends](AgentError::ends) all here: the budget, a cancellation.
    pub async fn compare(&self, goal: Goal, cx: &RunContext) -> Result<Compared, AgentError> {
        let own = cx.counted("own");
        let calls = |cx: &RunContext| cx.spent().model_calls;
        let result = going_on(own.call(self.method.name(), &*self.method, goal.clone()).await, cx)?;
        let (own, taken) = (result, calls(&own));
        let (mut samples, mut sampled) = (Vec::new(), 0);
        while samples.is_empty() || sampled < taken {
            let sample = cx.counted("sample");
            samples.push(going_on(sample.call(self.plain.name(), &*self.plain, goal.clone()).await, cx)?);
            // An agent that calls no model would never have taken as many.
            if calls(&sample) == 0 {
                break;
            }
            sampled += calls(&sample);
        }
        Ok(Compared { own, calls: taken, samples })
    }
}

fn going_on(
    result: Result<Outcome, AgentError>,
    cx: &RunContext,
) -> Result<Result<Outcome, AgentError>, AgentError> {
    match result {
        Err(error) if error.ends(cx) => Err(error),
        result => Ok(result),
    }
}

impl Compared {
    /// The most frequent of the independent answers; of equally frequent ones the first. Where answers were verified only those
    /// count that stand best against the criteria, as in [`SelfConsistencyAgent`](crate::SelfConsistencyAgent).
    pub fn majority(&self) -> Option<&Value> {
        let mut answers: Vec<&Outcome> = self.samples.iter().flatten().collect();
        best(&mut answers, |outcome| outcome.verdict);
        let outputs: Vec<&Value> = answers.iter().map(|outcome| &outcome.output).collect();
        majority(&outputs).map(|(place, _)| outputs[place])
    }
}

/// What was compared over many goals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Comparison {
    /// Goals on which the loop was right.
    pub own: Share,
    /// Goals on which the majority was right.
    pub majority: Share,
    /// Goals on which one of the independent answers was right: what somebody gets who can tell right from wrong.
    pub any: Share,
    /// The model calls of the loops.
    pub calls: u64,
}

impl Comparison {
    /// Adds what was compared on one goal.
    pub fn add(&mut self, compared: &Compared, is_right: impl Fn(&Value) -> bool) {
        self.calls += compared.calls;
        self.own.add(compared.own.as_ref().is_ok_and(|outcome| is_right(&outcome.output)));
        self.majority.add(compared.majority().is_some_and(&is_right));
        self.any.add(compared.samples.iter().flatten().any(|outcome| is_right(&outcome.output)));
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { own, majority, any, calls } = self;
        write!(f, "the loop: {own}; the majority of as many calls ({calls}): {majority}; any of them: {any}")
    }
}
