//! Why a run stops short of its end, and what may come from outside.

use agentic_core::{ApprovalRule, CancelReason, Decision, Digest, Json, StepId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::divergence::Divergence;
use crate::resolution::Resolution;
use crate::store::{JournalError, Wait};

/// Why a run can't go on now.
#[derive(Clone, Debug)]
pub(crate) enum Halt {
    /// Everything that is open waits for somebody outside, or for a time that is far away.
    Waits { waits: Vec<Wait>, wake_at: Option<Timestamp> },
    /// The agent asks for something else than the journal has.
    Diverged(Divergence),
    /// The agent waits for something that is no step of its run.
    Foreign,
    /// What happened can't be written down.
    Journal(JournalError),
    /// It is to be given back.
    HandBack,
}

/// Something from outside, for a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
// Tagged from outside: what is tagged within can't hold JSON text as it is.
#[serde(rename_all = "snake_case")]
pub(crate) enum Input {
    /// End.
    Cancel {
        /// Why.
        reason: CancelReason,
    },
    /// An answer to a question.
    Decide {
        /// The step that asks.
        step: StepId,
        /// The digest of the question.
        digest: Digest,
        /// The answer.
        decision: Decision,
        /// Who answers.
        by: Option<String>,
    },
    /// A rule that answers questions from now on.
    Rule {
        /// The rule.
        rule: ApprovalRule,
        /// Who gives it.
        by: Option<String>,
    },
    /// A rule that holds no more.
    RevokeRule {
        /// The rule.
        rule: ApprovalRule,
        /// Who takes it back.
        by: Option<String>,
    },
    /// What became of an effect.
    Resolve {
        /// The step.
        step: StepId,
        /// What became of it.
        resolution: Resolution,
        /// Who says so.
        by: Option<String>,
    },
    /// A message.
    Message {
        /// The mailbox.
        mailbox: String,
        /// The sender's key.
        key: String,
        /// What it says.
        content: Json,
    },
}
