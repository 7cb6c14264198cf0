//! Who answers when an agent asks.

use std::fmt::Debug;

use agentic_core::{Approval, Decision, StepId, async_trait};

/// Answers the approvals of runs.
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
    /// Dropped when the run is cancelled or nobody waits for the answer any more.
    async fn decide(&self, step: &StepId, approval: &Approval) -> Decision;
}

/// Says no to everything: what holds where nobody was appointed to answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct DenyAll;

#[async_trait]
impl Approver for DenyAll {
    async fn decide(&self, _: &StepId, _: &Approval) -> Decision {
        Decision::Deny { reason: "nobody is there to approve it".into() }
    }
}

/// Says yes to everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct ApproveAll;

#[async_trait]
impl Approver for ApproveAll {
    async fn decide(&self, _: &StepId, _: &Approval) -> Decision {
        Decision::Approve
    }
}
