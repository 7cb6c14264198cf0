//! Another run that goes on from a step of this one.

use std::collections::HashSet;

use agentic_core::{Budget, Decision, Goal, Json, ModelResponse, RunId, StepId, StepKind, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::journal::{Begin, Entry, EntryKind, Seq};
use crate::runtime::{RuntimeError, RuntimeErrorKind};

/// Where a fork leaves the run, and what is different from there on.
///
/// All that was delivered before is taken over as it is, so it costs nothing and happens no second time. Steps that were
/// under way at that place, in parallel branches, run again in the fork. Rules hold as they did at that place, but for one
/// that was given while the question was open that gets another answer here, and has answered it.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Fork {
    step: StepId,
    result: Option<Json>,
    goal: Option<Goal>,
    config: Option<Value>,
    other_agent: bool,
    budget: Option<Budget>,
    effects: ForkEffects,
}

/// What becomes of a fork's effects that are not `pure`: the run that it was forked from may have had them already, and
/// keys that keep them from happening twice are other ones in a fork.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ForkEffects {
    /// They are refused: the agent is told that the call is not allowed.
    #[default]
    Refuse,
    /// They happen.
    Allow,
}

impl Fork {
    /// A fork that asks for this step anew.
    pub fn at(step: StepId) -> Self {
        let (result, goal, config, effects) = (None, None, None, ForkEffects::default());
        Self { step, result, goal, config, other_agent: false, budget: None, effects }
    }

    /// The same fork, but the step gives this, whatever it gave.
    pub fn with_result(mut self, result: Json) -> Self {
        self.result = Some(result);
        self
    }

    /// The same fork with another goal. What was asked before the step is not compared any more.
    pub fn with_goal(mut self, goal: impl Into<Goal>) -> Self {
        self.goal = Some(goal.into());
        self
    }

    /// The same fork with another configuration for the [source of agents](crate::AgentSource): another model, say. What
    /// was asked before the step is not compared any more.
    pub fn with_config(mut self, config: Value) -> Self {
        self.config = Some(config);
        self
    }

    /// The same fork for an agent that is made otherwise: with another model, another prompt. What was asked before the
    /// step is not compared any more.
    pub fn for_changed_agent(mut self) -> Self {
        self.other_agent = true;
        self
    }

    /// The same fork with these limits. Its time counts from when it leaves, all else from the start.
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// The same fork with this rule for effects.
    pub fn with_effects(mut self, effects: ForkEffects) -> Self {
        self.effects = effects;
        self
    }

    /// The journal of the fork.
    pub(crate) fn journal(
        &self,
        from: RunId,
        journal: &[Entry],
        seed: agentic_core::Digest,
        at: Timestamp,
    ) -> Result<Vec<Entry>, RuntimeError> {
        let Some(cut) = journal.iter().position(|entry| self.is_cut(&entry.kind)) else {
            let message = match self.first_within(journal) {
                Some(first) => {
                    format!(
                        "`{}` is a scope of run {from} and no step; the first step in it is `{first}`",
                        self.step
                    )
                }
                None => {
                    let what = if self.result.is_some() { "has no outcome" } else { "is not" };
                    format!(
                        "step `{}` {what} in the journal of run {from}; `agentic runs show {from}` lists its steps",
                        self.step
                    )
                }
            };
            return Err(RuntimeError::new(RuntimeErrorKind::Invalid, message));
        };
        let kept = &journal[..cut];
        let trusts = self.goal.is_some() || self.config.is_some() || self.other_agent;
        let under_way = under_way(kept, self.result.as_ref().map(|_| &self.step), trusts);
        let mut kinds = Vec::with_capacity(cut + 2);
        let answered_by = match &journal[cut].kind {
            EntryKind::Outcome { rule, .. } => rule.as_deref(),
            _ => None,
        };
        let mut asked = false;
        for Entry { at, kind, .. } in kept {
            let mut kind = kind.clone();
            asked |= matches!(&kind, EntryKind::Intent { step, .. } if *step == self.step);
            match &mut kind {
                EntryKind::Intent { step, .. } | EntryKind::Restarted { step, .. }
                    if under_way.contains(step) =>
                {
                    continue;
                }
                EntryKind::Intent { digest, .. } | EntryKind::Refused { digest, .. } if trusts => {
                    *digest = None;
                }
                EntryKind::Started { begin, budget, .. } => {
                    *begin = self.begin(begin)?;
                    *budget = self.budget.unwrap_or(*budget);
                }
                EntryKind::RuleGiven { rule, .. } if asked && answered_by == Some(rule) => {
                    continue;
                }
                _ => {}
            }
            kinds.push((*at, kind));
        }
        if let Some(result) = &self.result {
            let mut kind = journal[cut].kind.clone();
            if let EntryKind::Outcome { kind, value, error, by, rule, .. } = &mut kind {
                self.check(*kind, result)?;
                (*value, *error, *by, *rule) = (result.clone(), None, None, None);
            }
            kinds.push((journal[cut].at, kind));
        }
        let seq = Seq(cut as u64);
        kinds.push((at, EntryKind::Forked { from, seq, seed, effects: self.effects }));
        let numbered = kinds.into_iter().zip(1..);
        Ok(numbered.map(|((at, kind), seq)| Entry { seq: Seq(seq), at, kind }).collect())
    }

    /// Whether a step of this kind can have this result, as far as that is known here.
    fn check(&self, kind: StepKind, result: &Json) -> Result<(), RuntimeError> {
        let (read, what) = match kind {
            StepKind::Model => (result.read::<ModelResponse>().map(drop), "an answer of a model"),
            StepKind::Approval => (result.read::<Decision>().map(drop), "an answer to a question"),
            _ => return Ok(()),
        };
        read.map_err(|error| {
            let message = format!(
                "the result for step `{}` is not {what}: {error}; the journal has one in its form",
                self.step
            );
            RuntimeError::new(RuntimeErrorKind::Invalid, message)
        })
    }

    /// The first step in the scope that is called like the step.
    fn first_within<'j>(&self, journal: &'j [Entry]) -> Option<&'j StepId> {
        let steps = || {
            journal.iter().filter_map(|entry| match &entry.kind {
                EntryKind::Intent { step, .. } => Some(step),
                _ => None,
            })
        };
        let is_within = |step: &&StepId| {
            step.as_str().strip_prefix(self.step.as_str()).is_some_and(|below| below.starts_with('/'))
        };
        // A step may have others below it.
        let is_step = steps().any(|step| *step == self.step);
        steps().find(is_within).filter(|_| !is_step)
    }

    fn is_cut(&self, kind: &EntryKind) -> bool {
        match (kind, &self.result) {
            (EntryKind::Intent { step, .. } | EntryKind::Refused { step, .. }, None)
            | (EntryKind::Outcome { step, .. }, Some(_)) => *step == self.step,
            _ => false,
        }
    }

    fn begin(&self, begin: &Json) -> Result<Json, RuntimeError> {
        let corrupt = |error: serde_json::Error| {
            let message = format!("the start of the run can't be read: {error}");
            RuntimeError::new(RuntimeErrorKind::Invalid, message)
        };
        let mut begin: Begin = begin.read().map_err(corrupt)?;
        if let Some(goal) = &self.goal {
            begin.goal.clone_from(goal);
        }
        if let Some(config) = &self.config {
            begin.config.clone_from(config);
        }
        Json::of(&begin).map_err(corrupt)
    }
}

/// The steps that had begun and not ended at the end of these entries, but for one that is given its outcome. Questions,
/// waits and mailboxes have no effect, so they stay open.
fn under_way(kept: &[Entry], answered: Option<&StepId>, asks_anew: bool) -> HashSet<StepId> {
    let mut open = HashSet::new();
    for entry in kept {
        match &entry.kind {
            EntryKind::Intent { step, kind, .. } => {
                // A question may be another one now.
                let asks = *kind == StepKind::Approval && !asks_anew;
                let waits = asks || matches!(kind, StepKind::Sleep | StepKind::Receive);
                if !waits && Some(step) != answered {
                    open.insert(step.clone());
                }
            }
            EntryKind::Outcome { step, .. } | EntryKind::Dropped { step, .. } => {
                open.remove(step);
            }
            _ => {}
        }
    }
    open
}
