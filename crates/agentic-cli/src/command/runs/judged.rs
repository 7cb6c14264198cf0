//! Whether a run that has come to an outcome has met its goal.

use agentic::Runtime;
use agentic::core::GoalVerdict;
use agentic::runtime::{AgentResult, Entry, EntryKind, RunRecord, Seq};
use serde::Serialize;

use crate::exit::are_open;

/// The verdict on a run's outcome.
#[derive(Serialize)]
pub(super) struct Judged {
    verdict: GoalVerdict,
    /// What that rests on, a line each.
    pub(super) evidence: Vec<String>,
    /// Whether there are criteria of which nobody could say whether they hold.
    criteria_open: bool,
}

impl Judged {
    /// The verdict on the run that ends with this entry, if it has an outcome.
    pub(super) fn of(last: Option<&Entry>) -> Option<Self> {
        let EntryKind::Finished { result, .. } = &last?.kind else { return None };
        let outcome = result.read::<AgentResult>().ok()?.ok()?;
        let criteria_open = are_open(&outcome.evidence);
        Some(Self { verdict: outcome.verdict, evidence: outcome.evidence, criteria_open })
    }

    /// The verdict on this run, of which the last entry alone is read. None where that can't be read: `show` says why.
    pub(super) async fn load(runtime: &Runtime, run: &RunRecord) -> Option<Self> {
        if !run.status.has_ended() {
            return None;
        }
        let before = Seq(run.entries.saturating_sub(1));
        Self::of(runtime.store().load(run.id, before).await.ok()?.last())
    }

    /// `completed, goal not met`: nothing is added of a goal that nobody has verified nor wanted to.
    pub(super) fn added_to(this: Option<&Self>, status: String) -> String {
        let Some(Self { verdict, criteria_open, .. }) = this else { return status };
        match (verdict, criteria_open) {
            (GoalVerdict::NotMet, _) => format!("{status}, goal not met"),
            (_, true) => format!("{status}, goal not verified"),
            (GoalVerdict::Met, false) => format!("{status}, goal met"),
            (GoalVerdict::Unverified, false) => status,
        }
    }
}
