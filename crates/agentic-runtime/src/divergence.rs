//! How code and journal of a run differ.

use agentic_core::{Digest, StepId, StepKind};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The agent asks for something else than the run's journal has: its code, a prompt or a tool changed since, or it did
/// something that a run can't repeat. Found before any new effect is started.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(tag = "divergence", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Divergence {
    /// A step asks for something else.
    #[error(
        "step `{step}` asks for something else than was recorded: expected digest {expected}, found {found}"
    )]
    Changed {
        /// The step.
        step: StepId,
        /// The digest of the recorded request.
        expected: Digest,
        /// The digest of the request now.
        found: Digest,
    },
    /// A step is of another kind.
    #[error("step `{step}` is of another kind than was recorded: expected {expected:?}, found {found:?}")]
    Kind {
        /// The step.
        step: StepId,
        /// The recorded kind.
        expected: StepKind,
        /// The kind now.
        found: StepKind,
    },
    /// A recorded step is not asked for.
    #[error("expected step `{step}`, which was recorded next; found {}", list(found))]
    Missing {
        /// The recorded step.
        step: StepId,
        /// The steps that the agent waits for instead.
        found: Vec<StepId>,
    },
    /// A step that had been dropped is waited for.
    #[error("step `{step}` was recorded as dropped; now the agent waits for it")]
    NotDropped {
        /// The step.
        step: StepId,
    },
    /// The agent does not end where it had ended.
    #[error("expected the agent to end here, as was recorded; found {}", list(found))]
    NotEnded {
        /// The steps that the agent waits for instead.
        found: Vec<StepId>,
    },
    /// The agent ends where the journal goes on.
    #[error("the agent ended; expected step `{step}`, which was recorded next")]
    Ended {
        /// The recorded step.
        step: StepId,
    },
    /// The agent ends with another result.
    #[error("the agent ended with another result than was recorded")]
    Result,
    /// The same step was asked for twice.
    #[error("step `{step}` was asked for twice; give parallel scopes a key each")]
    Twice {
        /// The step.
        step: StepId,
    },
}

fn list(steps: &[StepId]) -> String {
    match steps {
        [] => "no step at all".into(),
        [step] => format!("`{step}`"),
        [step, more @ ..] => format!("`{step}` and {} more", more.len()),
    }
}
