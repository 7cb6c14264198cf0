//! How a run ended, or why it stopped short of its end.

use agentic_core::{
    AgentError, CancelReason, GoalVerdict, Json, Outcome, Partial, Reason, RunId, RunStatus, Spend,
    StepError, Timestamp,
};
use thiserror::Error;

use crate::divergence::Divergence;
use crate::journal::{AgentResult, EntryKind};
use crate::store::{JournalError, JournalErrorKind, Wait};

/// How a run ended, or where it stopped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunReport {
    /// The run.
    pub run: RunId,
    /// What the agent gave.
    pub result: Result<Outcome, RunError>,
    /// How it ended; `waiting` if it stopped short of its end and can go on.
    pub status: RunStatus,
    /// Why, if it is not completed.
    pub reason: Option<Reason>,
    /// What the whole run spent.
    pub spend: Spend,
}

/// Why a run has no outcome.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The agent failed, or was cancelled.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// It waits for somebody outside, or for a time. Nothing is lost: it goes on when that comes.
    #[error("{}", describe(waits))]
    Waits {
        /// For what; all of it is open.
        waits: Vec<Wait>,
        /// When it goes on by itself.
        wake_at: Option<Timestamp>,
    },
    /// The agent asks for something else than its journal has. Nothing is lost: it can go on with the code that wrote
    /// the journal, or be forked.
    #[error("the run diverged from its journal: {0}; resume it with the code that began it, or fork it")]
    Diverged(#[from] Divergence),
    /// The agent waits for something that is no step of its run.
    #[error(
        "the agent waits for something that is no step of its run; it must reach timers, channels and tasks through its run context"
    )]
    Foreign,
    /// The agent's code panicked. Nothing is lost: it can go on with code that does not.
    #[error("the agent panicked: {0}; mend it, then resume the run")]
    Panicked(String),
    /// What happens can't be written down. What was written is not lost.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// This process gave it back; it goes on elsewhere, or later.
    #[error("the run was handed back: resume it to go on")]
    HandedBack,
}

fn describe(waits: &[Wait]) -> String {
    let what = match waits {
        [] => "nothing".into(),
        [wait] => wait.to_string(),
        [wait, more @ ..] => format!("{wait}, and {} more", more.len()),
    };
    format!("the run waits for {what}")
}

impl RunReport {
    pub(crate) fn new(run: RunId, result: Result<Outcome, RunError>, spend: Spend) -> Self {
        let (status, reason) = match &result {
            Ok(_) => (RunStatus::Completed, None),
            Err(error) => (error.status(), Some(error.reason())),
        };
        Self { run, result, status, reason, spend }
    }

    /// A run that was cancelled without its agent.
    pub(crate) fn cancelled(run: RunId, reason: CancelReason, spend: Spend) -> Self {
        let partial = Box::new(Partial { text: String::new(), spend });
        Self::new(run, Err(AgentError::Cancelled { reason, partial }.into()), spend)
    }

    /// Whether the goal was met; unverified if there is no outcome.
    pub fn verdict(&self) -> GoalVerdict {
        self.result.as_ref().map_or(GoalVerdict::Unverified, |outcome| outcome.verdict)
    }

    /// The last entry of its journal, if it has ended.
    /// `idle` says that its agent had no say in it.
    pub(crate) fn entry(&self, idle: bool) -> Option<EntryKind> {
        let (result, error): (AgentResult, _) = match &self.result {
            Ok(outcome) => (Ok(outcome.clone()), None),
            Err(RunError::Agent(error)) => (Err(error.clone()), Some(error.to_string())),
            Err(_) => return None,
        };
        let result = Json::of(&result).unwrap_or_default();
        let (status, reason, spend) = (self.status, self.reason, self.spend);
        Some(EntryKind::Finished { status, reason, spend, error, idle, result })
    }

    /// The report of a run whose journal ends with this entry.
    pub(crate) fn of_entry(run: RunId, entry: &EntryKind) -> Option<Self> {
        let EntryKind::Finished { status, reason, spend, result, .. } = entry else { return None };
        let result = match result.read::<AgentResult>() {
            Ok(result) => result.map_err(RunError::Agent),
            Err(error) => {
                let message = format!("the result of run {run} can't be read: {error}");
                Err(RunError::Journal(JournalError::new(JournalErrorKind::Corrupt, message)))
            }
        };
        Some(Self { run, result, status: *status, reason: *reason, spend: *spend })
    }
}

impl RunError {
    /// The status of a run that stops with this.
    pub fn status(&self) -> RunStatus {
        match self {
            Self::Agent(error) => error.status(),
            Self::Waits { .. } | Self::Diverged(_) | Self::Foreign | Self::Panicked(_) => RunStatus::Waiting,
            Self::Journal(_) | Self::HandedBack => RunStatus::Pending,
        }
    }

    /// The reason that it carries.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Agent(error) => error.reason(),
            Self::Waits { waits, .. } => waits.first().map_or(Reason::Internal, Wait::reason),
            Self::Diverged(_) => Reason::Diverged,
            Self::Foreign | Self::Panicked(_) => Reason::Internal,
            Self::Journal(_) => Reason::Journal,
            Self::HandedBack => Reason::HandedBack,
        }
    }

    /// How the agent failed, if it did.
    pub fn agent(&self) -> Option<&AgentError> {
        match self {
            Self::Agent(error) => Some(error),
            _ => None,
        }
    }
}

impl From<StepError> for RunError {
    fn from(error: StepError) -> Self {
        Self::Agent(error.into())
    }
}
