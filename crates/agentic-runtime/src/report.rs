//! How a run ended.

use agentic_core::{AgentError, EventKind, GoalVerdict, Outcome, Reason, RunId, RunStatus, Spend};

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RunReport {
    /// The run.
    pub run: RunId,
    /// What the agent gave.
    pub result: Result<Outcome, AgentError>,
    /// How it ended.
    pub status: RunStatus,
    /// Why, if it is not completed.
    pub reason: Option<Reason>,
    /// What the whole run spent.
    pub spend: Spend,
}

impl RunReport {
    pub(crate) fn new(run: RunId, result: Result<Outcome, AgentError>, spend: Spend) -> Self {
        let (status, reason) = match &result {
            Ok(_) => (RunStatus::Completed, None),
            Err(error) => (error.status(), Some(error.reason())),
        };
        Self { run, result, status, reason, spend }
    }

    /// Whether the goal was met; unverified if there is no outcome.
    pub fn verdict(&self) -> GoalVerdict {
        self.result.as_ref().map_or(GoalVerdict::Unverified, |outcome| outcome.verdict)
    }

    pub(crate) fn event(&self) -> EventKind {
        let output = match &self.result {
            Ok(outcome) => outcome.output.clone(),
            Err(error) => error.partial().map(|partial| partial.text.clone().into()).unwrap_or_default(),
        };
        EventKind::RunFinished {
            status: self.status,
            reason: self.reason,
            output,
            goal: self.verdict(),
            usage: self.spend,
            error: self.result.as_ref().err().map(ToString::to_string),
        }
    }
}
