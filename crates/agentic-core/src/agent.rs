//! Agents: what turns a goal into an outcome.

use std::fmt::{self, Debug};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::budget::BudgetError;
use crate::cancel::CancelReason;
use crate::context::RunContext;
use crate::goal::{Goal, Outcome};
use crate::guardrail::Gate;
use crate::model_error::ModelError;
use crate::run::{Reason, RunStatus};
use crate::step::StepError;
use crate::usage::Spend;

/// Turns a goal into an outcome.
///
/// An agent is immutable and touches the world only through its [`RunContext`]; the state of a run is local to
/// [`run`](Agent::run). So the same code can be run again to continue where an earlier run stopped.
#[async_trait]
pub trait Agent: Debug + Send + Sync + 'static {
    /// A short name for people.
    fn name(&self) -> &str;

    /// Works on the goal.
    ///
    /// # Errors
    /// An [`AgentError`]. A limit that was reached is an error with the partial work, never an answer.
    ///
    /// # Cancel safety
    /// Dropping the future ends the run at its current await; effects that may be cut are cut.
    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError>;
}

#[async_trait]
impl<A: Agent + ?Sized> Agent for Arc<A> {
    fn name(&self) -> &str {
        (**self).name()
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        (**self).run(goal, cx).await
    }
}

/// How an agent fails.
#[derive(Clone, PartialEq, Error, Serialize, Deserialize)]
#[serde(tag = "error", content = "detail", rename_all = "snake_case")]
#[non_exhaustive]
pub enum AgentError {
    /// All turns were used and there is no answer.
    #[error("no answer after {turns} turn{}; allow more turns or ask for less", if *turns == 1 { "" } else { "s" })]
    TurnLimit {
        /// The limit.
        turns: u64,
        /// What there is so far.
        partial: Box<Partial>,
    },
    /// The same calls gave the same results again and again, hints did not help.
    #[error("stopped in a loop: {what}; say more exactly what is wanted, or use a larger model")]
    LoopDetected {
        /// What was repeated.
        what: String,
        /// What there is so far.
        partial: Box<Partial>,
    },
    /// A limit of the run's budget was reached, or of a scope of it.
    #[error("{limit}")]
    Budget {
        /// The limit.
        limit: BudgetError,
        /// What there is so far.
        partial: Box<Partial>,
    },
    /// The run was cancelled.
    #[error("{}", match reason { CancelReason::TimedOut => "the time limit was reached; allow more time or ask for less", CancelReason::Requested => "cancelled" })]
    Cancelled {
        /// Why.
        reason: CancelReason,
        /// What there is so far.
        partial: Box<Partial>,
    },
    /// What was written can't be used: a model's answer that asking again did not mend, an outcome that misses its criteria.
    #[error("{message}")]
    InvalidOutput {
        /// What is wrong with it.
        message: String,
        /// What there is so far.
        partial: Box<Partial>,
    },
    /// The model's answer was cut at its output limit.
    #[error("the answer was cut after {tokens} tokens; allow more output tokens or ask for less")]
    OutputLimit {
        /// The tokens that it wrote.
        tokens: u64,
        /// What there is so far.
        partial: Box<Partial>,
    },
    /// The goal or the settings can't be used.
    #[error("{message}")]
    InvalidInput {
        /// What is wrong, and what to do.
        message: String,
    },
    /// The model failed.
    #[error("{error}")]
    Model {
        /// How.
        error: ModelError,
        /// What there is so far.
        partial: Box<Partial>,
    },
    /// A guardrail lets nothing pass.
    #[error("guardrail `{guardrail}` blocked {gate}: {reason}")]
    Blocked {
        /// The guardrail's name.
        guardrail: String,
        /// Where it stands.
        gate: Gate,
        /// Why, as it says.
        reason: String,
        /// What there is so far; nothing of what is blocked.
        partial: Box<Partial>,
    },
    /// A task of a plan failed, and the plan can't go on without it.
    #[error("task `{task}` failed: {error}")]
    Task {
        /// The task's path in the plan.
        task: String,
        /// How.
        error: Box<AgentError>,
        /// What there is so far.
        partial: Box<Partial>,
    },
    /// It was tried as often as it may, and the last try was no good either.
    #[error("no good result in {tries} {}, the last: {error}", if *tries == 1 { "try" } else { "tries" })]
    Tries {
        /// How often it was tried.
        tries: u32,
        /// How the last try failed.
        error: Box<AgentError>,
        /// What there is so far: of the last try.
        partial: Box<Partial>,
    },
    /// A step failed in another way.
    #[error("{error}")]
    Step {
        /// How.
        error: StepError,
        /// What there is so far.
        partial: Box<Partial>,
    },
}

/// The work that was done before a failure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Partial {
    /// What the agent had to say last, if anything.
    pub text: String,
    /// What was spent.
    pub spend: Spend,
}

/// The message, then the reason and the partial work, a line each: `main` prints errors that it returns in this form.
impl fmt::Debug for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}\nreason: {:?}", self.reason())?;
        match self.partial() {
            Some(partial) => write!(f, "\nso far: {partial:?}"),
            None => Ok(()),
        }
    }
}

impl AgentError {
    /// The goal or the settings can't be used; `message` says what is wrong and what to do.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::InvalidInput { message: message.into() }
    }

    /// There is an outcome, and it does not do: its verdict is that the goal is not met.
    pub fn not_met(outcome: &Outcome) -> Self {
        let evidence = outcome.evidence.join("; ");
        let message = match evidence.is_empty() {
            true => "the agent says that the goal is not met".to_owned(),
            false => evidence,
        };
        Self::InvalidOutput {
            message,
            partial: Box::new(Partial { text: outcome.text(), spend: outcome.spend }),
        }
    }

    /// A step failed after this partial work.
    pub fn from_step(error: StepError, partial: Partial) -> Self {
        let partial = Box::new(partial);
        match error {
            StepError::Budget(limit) => Self::Budget { limit, partial },
            StepError::Cancelled(reason) => Self::Cancelled { reason, partial },
            StepError::Model(error) => Self::Model { error, partial },
            StepError::Blocked { guardrail, gate, reason } => {
                Self::Blocked { guardrail, gate, reason, partial }
            }
            error => Self::Step { error, partial },
        }
    }

    /// The reason that a run ending with this error carries.
    pub fn reason(&self) -> Reason {
        match self {
            Self::TurnLimit { .. } => Reason::TurnLimit,
            Self::LoopDetected { .. } => Reason::LoopDetected,
            Self::Budget { limit, .. } => limit.reason(),
            Self::Cancelled { reason, .. } => reason.reason(),
            Self::OutputLimit { .. } => Reason::OutputLimit,
            Self::InvalidOutput { .. } => Reason::InvalidOutput,
            Self::InvalidInput { .. } => Reason::InvalidInput,
            Self::Model { .. } => Reason::ModelError,
            Self::Blocked { .. } => Reason::Guardrail,
            Self::Task { error, .. } | Self::Tries { error, .. } => error.reason(),
            Self::Step { error, .. } => error.reason(),
        }
    }

    /// The status of a run that ends with this error.
    pub fn status(&self) -> RunStatus {
        match self.reason() {
            Reason::Cancelled => RunStatus::Cancelled,
            _ => RunStatus::Failed,
        }
    }

    /// Whether nothing else can go on here either: a limit of the run, or of a scope that this one is in, was reached, it was
    /// cancelled, or the driver gave up. Anything else is the agent's own failure, which whoever called it can deal with.
    pub fn ends(&self, cx: &RunContext) -> bool {
        match self {
            // Agents nested too deep, or a part of the run with limits of its own: the caller can do the work itself.
            Self::Budget { limit, .. } => limit.ends(cx),
            Self::Cancelled { .. } => true,
            Self::Step { error, .. } => error.ends(cx),
            Self::Task { error, .. } | Self::Tries { error, .. } => error.ends(cx),
            _ => false,
        }
    }

    /// The work that was done before, where there is any.
    pub fn partial(&self) -> Option<&Partial> {
        match self {
            Self::TurnLimit { partial, .. }
            | Self::LoopDetected { partial, .. }
            | Self::Budget { partial, .. }
            | Self::Cancelled { partial, .. }
            | Self::OutputLimit { partial, .. }
            | Self::InvalidOutput { partial, .. }
            | Self::Model { partial, .. }
            | Self::Blocked { partial, .. }
            | Self::Task { partial, .. }
            | Self::Tries { partial, .. }
            | Self::Step { partial, .. } => Some(partial),
            Self::InvalidInput { .. } => None,
        }
    }

    /// What was spent before, agents below included.
    pub fn spend(&self) -> Spend {
        self.partial().map(|partial| partial.spend).unwrap_or_default()
    }

    /// The same error of an agent that has more than who failed below it: this is what there is so far.
    #[must_use]
    pub fn with_partial(mut self, so_far: Partial) -> Self {
        if let Some(partial) = self.partial_mut() {
            *partial = so_far;
        }
        self
    }

    /// The same error after this was spent.
    #[must_use]
    pub fn with_spend(mut self, spend: Spend) -> Self {
        if let Some(partial) = self.partial_mut() {
            partial.spend = spend;
        }
        self
    }

    fn partial_mut(&mut self) -> Option<&mut Partial> {
        match self {
            Self::TurnLimit { partial, .. }
            | Self::LoopDetected { partial, .. }
            | Self::Budget { partial, .. }
            | Self::Cancelled { partial, .. }
            | Self::OutputLimit { partial, .. }
            | Self::InvalidOutput { partial, .. }
            | Self::Model { partial, .. }
            | Self::Blocked { partial, .. }
            | Self::Task { partial, .. }
            | Self::Tries { partial, .. }
            | Self::Step { partial, .. } => Some(partial),
            Self::InvalidInput { .. } => None,
        }
    }

    /// What of it an agent or a model has written: what there is so far, and why it can't be used, of what failed below as
    /// well.
    pub(crate) fn written(&mut self) -> Vec<&mut String> {
        match self {
            Self::InvalidOutput { message, partial } => vec![message, &mut partial.text],
            Self::Task { error, partial, .. } | Self::Tries { error, partial, .. } => {
                let mut all = error.written();
                all.push(&mut partial.text);
                all
            }
            other => other.partial_mut().map(|partial| &mut partial.text).into_iter().collect(),
        }
    }
}

impl From<StepError> for AgentError {
    fn from(error: StepError) -> Self {
        Self::from_step(error, Partial::default())
    }
}
