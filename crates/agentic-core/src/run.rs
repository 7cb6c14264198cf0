//! How runs end: statuses and reasons.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a run is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Accepted, not begun.
    Pending,
    /// At work.
    Running,
    /// Waits for a person, a timer or an event.
    Waiting,
    /// Ended with an outcome. Whether the goal was met is another question: see
    /// [`GoalVerdict`](crate::GoalVerdict).
    Completed,
    /// Ended without an outcome.
    Failed,
    /// Ended because it was cancelled.
    Cancelled,
}

impl RunStatus {
    /// Whether it is over: nothing changes it any more.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// Why a run is not `completed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// A limit of the budget was reached.
    BudgetExhausted,
    /// Its time was up.
    TimedOut,
    /// The agent used all its turns.
    TurnLimit,
    /// The model's answer was cut at its output limit.
    OutputLimit,
    /// The same call gave the same result again and again.
    LoopDetected,
    /// The code asks for something else than the journal has.
    Diverged,
    /// It is unknown whether an effect happened.
    UnknownEffect,
    /// Waits for, or was refused by, a person.
    Approval,
    /// A guardrail lets nothing pass.
    Guardrail,
    /// A model failed.
    ModelError,
    /// A tool failed in a way that the agent can't work around.
    ToolError,
    /// What the model wrote could not be used.
    InvalidOutput,
    /// The goal or the settings are not usable.
    InvalidInput,
    /// Somebody cancelled it.
    Cancelled,
    /// Waits for a message.
    Message,
    /// Waits for a time.
    Timer,
    /// What happened could not be written down.
    Journal,
    /// The process that worked on it gave it back.
    HandedBack,
    /// It has taken down the process that worked on it too often.
    DeadLetter,
    /// A fault of the agent or of this library.
    Internal,
}

impl Reason {
    /// Whether a limit that somebody set was reached.
    pub fn is_limit(self) -> bool {
        matches!(
            self,
            Self::BudgetExhausted | Self::TimedOut | Self::TurnLimit | Self::OutputLimit | Self::LoopDetected
        )
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
