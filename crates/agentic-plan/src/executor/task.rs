//! One task: its tries.

use agentic_core::{
    Agent, AgentError, EventKind, Goal, GoalVerdict, Lookup, Purpose, Reflection, RunContext, Task,
    TaskStatus,
};
use serde_json::Value;

use super::{PlanExecutor, only};
use crate::verify::is_unknown;

/// The input in which an agent reads why the try before failed.
const FAILED_BEFORE: &str = "failed_before";

/// How a task goes on with what it is a part of.
pub(super) fn purpose(purpose: Purpose<'_>) -> String {
    let is = if purpose.is_whole {
        "This is the last step: what comes of it has to answer this:"
    } else {
        "This is a part of what all of it is for:"
    };
    format!("{is}\n{}", purpose.text)
}

/// What came of a task.
pub(super) struct Ended {
    pub(super) path: String,
    pub(super) result: Result<Done, Failed>,
}

/// What it gave, and what is said of criteria of which nobody could say whether they hold.
pub(super) struct Done {
    pub(super) output: Value,
    pub(super) open: Vec<String>,
}

/// How it failed, the last time.
pub(super) struct Failed {
    pub(super) error: AgentError,
    pub(super) reflection: Option<Reflection>,
    /// Whether no other try can get anywhere: nothing is left of its share of the budget.
    pub(super) is_over: bool,
}

/// A task that is to be worked on.
pub(super) struct Job<'a> {
    pub(super) executor: &'a PlanExecutor,
    pub(super) path: String,
    /// As it is [assigned](agentic_core::Plan::assigned).
    pub(super) task: Task,
    /// What it is a part of, in words, if that is read.
    pub(super) purpose: Option<String>,
    /// What the goal of the whole has looked up.
    pub(super) lookups: Vec<Lookup>,
    /// How it failed before, if a person said that it is tried again.
    pub(super) before: Option<Failed>,
    pub(super) cx: RunContext,
    /// The scope of the whole plan.
    pub(super) whole: &'a RunContext,
}

impl Job<'_> {
    /// Works on it, and again where it fails, as often as it may.
    pub(super) async fn run(mut self) -> Ended {
        let tries = self.task.retries.unwrap_or(self.executor.retries);
        let (mut left, mut before) = (tries, self.before.take());
        loop {
            let tried = self.attempt(before.as_ref()).await;
            let error = match tried {
                Ok(done) => return Ended { path: self.path, result: Ok(done) },
                Err(error) => error,
            };
            let is_over = error.ends(&self.cx);
            let mut failed = Failed { error, reflection: None, is_over };
            if !is_over && (left > 0 || self.executor.on_failure.reads_reflections()) {
                match self.reflect(&failed.error).await {
                    Ok(reflection) => failed.reflection = reflection,
                    Err(error) if error.ends(self.whole) => failed.error = error,
                    // How the try failed is what counts.
                    Err(_) => failed.is_over = true,
                }
            }
            let retries = failed.reflection.as_ref().is_none_or(|reflection| reflection.should_retry);
            if left == 0 || !retries || failed.is_over || failed.error.ends(self.whole) {
                return Ended { path: self.path, result: Err(failed) };
            }
            left -= 1;
            let (task, error) = (self.path.clone(), Some(failed.error.to_string()));
            self.cx.emit(|| EventKind::TaskChanged { task, status: TaskStatus::InProgress, error });
            before = Some(failed);
        }
    }

    async fn attempt(&self, before: Option<&Failed>) -> Result<Done, AgentError> {
        let cx = self.cx.scope("try");
        // Who it is for was looked at before.
        let agent = self.executor.worker(&self.task).unwrap_or(&self.executor.agent);
        let goal = self.goal();
        let mut asked = goal.clone();
        if let Some(failed) = before {
            asked.inputs.insert(FAILED_BEFORE.to_owned(), failed.told().into());
        }
        let within = only::context(&self.task, cx.clone());
        let worked = within.call(agent.name(), &**agent, asked).await?;
        let outcome = self.executor.verifier.verify(&goal, worked, &cx.scope("verify")).await?;
        match outcome.verdict {
            GoalVerdict::NotMet => Err(AgentError::not_met(&outcome)),
            GoalVerdict::Met | GoalVerdict::Unverified => {
                let open = outcome.evidence.into_iter().filter(|line| is_unknown(line)).collect();
                Ok(Done { output: outcome.output, open })
            }
        }
    }

    /// The task as a goal of its own.
    fn goal(&self) -> Goal {
        let Self { task: Task { description, inputs, criteria, .. }, purpose, lookups, .. } = self;
        let mut goal = Goal::new(match purpose {
            Some(purpose) => format!("{description}\n\n{purpose}"),
            None => description.clone(),
        });
        (goal.inputs, goal.criteria, goal.lookups) = (inputs.clone(), criteria.clone(), lookups.clone());
        goal
    }

    async fn reflect(&self, error: &AgentError) -> Result<Option<Reflection>, AgentError> {
        let Some(reflector) = &self.executor.reflector else { return Ok(None) };
        let cx = self.cx.scope("reflect");
        match reflector.reflect(&self.goal(), &self.task.description, &error.to_string(), &cx).await {
            Ok(reflection) => Ok(Some(reflection)),
            Err(error) if error.ends(&self.cx) => Err(error),
            Err(error) => {
                cx.emit(|| EventKind::Note { text: format!("there is no reflection: {error}") });
                Ok(None)
            }
        }
    }
}

impl Failed {
    /// For who tries again.
    pub(super) fn told(&self) -> String {
        match self.reflection.as_ref().and_then(|reflection| reflection.improvement.as_ref()) {
            Some(improvement) => format!("{}; do better: {improvement}", self.error),
            None => self.error.to_string(),
        }
    }
}
