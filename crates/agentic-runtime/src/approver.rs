//! Who answers when an agent asks.

use std::fmt::Debug;

use agentic_core::{Approval, ApprovalRule, Decision, StepId, async_trait};

/// Answers the questions of runs in this process, if no [rule](ApprovalRule) does.
#[async_trait]
pub trait Approver: Debug + Send + Sync + 'static {
    /// Whether this one answers such a question. One that is left open waits in a durable run for somebody outside; in
    /// an ephemeral one there is nobody else, and it is asked all the same.
    fn answers(&self, approval: &Approval) -> bool {
        let _ = approval;
        true
    }

    /// Answers one question; may take as long as it likes.
    ///
    /// # Cancel safety
    /// Dropped when the run is cancelled or nobody waits for the answer any more, as when a rule that came meanwhile
    /// has answered.
    async fn decide(&self, step: &StepId, approval: &Approval) -> Answer;
}

/// What an [`Approver`] answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The answer to this question.
    pub decision: Decision,
    /// A rule for all other questions of the run, those that are open and those that come.
    pub rule: Option<ApprovalRule>,
}

/// An answer to this question alone.
impl From<Decision> for Answer {
    fn from(decision: Decision) -> Self {
        Self { decision, rule: None }
    }
}

/// What the rule says is the answer to this question, too.
impl From<ApprovalRule> for Answer {
    fn from(rule: ApprovalRule) -> Self {
        Self { decision: rule.decision(), rule: Some(rule) }
    }
}

/// Says no to everything: what holds where nobody was appointed to answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct DenyAll;

#[async_trait]
impl Approver for DenyAll {
    async fn decide(&self, _: &StepId, _: &Approval) -> Answer {
        Decision::Deny { reason: "nobody is there to approve it".into() }.into()
    }
}

/// Says yes to everything that no rule denies.
#[derive(Clone, Copy, Debug, Default)]
pub struct ApproveAll;

#[async_trait]
impl Approver for ApproveAll {
    async fn decide(&self, _: &StepId, _: &Approval) -> Answer {
        Decision::Approve.into()
    }
}
