//! What a journal says of a run's steps, while its agent is run again. Pure state.

use std::collections::{HashMap, VecDeque};

use agentic_core::{CancelReason, Digest, EffectClass, Held, Spend, StepId, StepKind, Timestamp};

use crate::divergence::Divergence;
use crate::journal::{Entry, EntryKind};

/// What is left of a journal that is being repeated.
#[derive(Debug, Default)]
pub(super) struct Replay {
    /// What was not yet passed, in order.
    pub(super) entries: VecDeque<Entry>,
    steps: HashMap<StepId, Known>,
    /// Things told by the agent that need not be told again.
    told: usize,
    versions: HashMap<StepId, u32>,
}

/// A step that the journal has.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) kind: StepKind,
    pub(super) class: EffectClass,
    pub(super) digest: Option<Digest>,
    pub(super) name: std::sync::Arc<str>,
    pub(super) until: Option<Timestamp>,
    /// Attempts that were begun.
    pub(super) attempts: u32,
    /// Whether the journal has its outcome, and what that took.
    pub(super) ended: bool,
    pub(super) spend: Spend,
    /// What its first attempt held of the budget.
    held: Held,
    /// What its last attempt held.
    pub(super) holds: Held,
    /// What was booked when it was dropped, and whether its effect had begun.
    pub(super) dropped: Option<(Spend, bool)>,
    /// Whether the agent has asked for it again.
    pub(super) met: bool,
}

impl Replay {
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        let mut replay = Self::default();
        for entry in &entries {
            replay.learn(&entry.kind);
        }
        replay.entries = entries.into();
        replay
    }

    fn learn(&mut self, entry: &EntryKind) {
        match entry {
            EntryKind::Intent { step, kind, class, digest, name, until, held, .. } => {
                let known = Known {
                    kind: *kind,
                    class: *class,
                    digest: *digest,
                    name: name.clone(),
                    until: *until,
                    attempts: 1,
                    ended: false,
                    spend: Spend::default(),
                    held: *held,
                    holds: *held,
                    dropped: None,
                    met: false,
                };
                self.steps.insert(step.clone(), known);
            }
            EntryKind::Refused { step, kind, digest, .. } => {
                let known = Known {
                    kind: *kind,
                    class: EffectClass::Pure,
                    digest: *digest,
                    name: std::sync::Arc::default(),
                    until: None,
                    attempts: 0,
                    ended: true,
                    spend: Spend::default(),
                    held: Held::default(),
                    holds: Held::default(),
                    dropped: None,
                    met: false,
                };
                self.steps.insert(step.clone(), known);
            }
            EntryKind::Restarted { step, attempt, held, .. } => {
                self.change(step, |known| (known.attempts, known.holds) = (*attempt, *held));
            }
            EntryKind::Outcome { step, spend, .. } => {
                self.change(step, |known| (known.ended, known.spend) = (true, *spend));
            }
            EntryKind::Late { step, .. } => self.change(step, |known| known.ended = true),
            EntryKind::Dropped { step, spend, begun } => {
                self.change(step, |known| known.dropped = Some((*spend, *begun)));
            }
            EntryKind::Version { change, version } => {
                self.versions.entry(change.clone()).or_insert(*version);
            }
            EntryKind::Told { .. } => self.told += 1,
            _ => {}
        }
    }

    fn change(&mut self, step: &StepId, change: impl FnOnce(&mut Known)) {
        if let Some(known) = self.steps.get_mut(step) {
            change(known);
        }
    }

    /// The agent asks for a step. If the journal has it, what it held of the budget when it began.
    pub(super) fn meet(
        &mut self,
        step: &StepId,
        kind: StepKind,
        digest: Digest,
    ) -> Result<Option<Held>, Divergence> {
        let Some(known) = self.steps.get_mut(step) else { return Ok(None) };
        let step = step.clone();
        if std::mem::replace(&mut known.met, true) {
            return Err(Divergence::Twice { step });
        }
        if known.kind != kind {
            return Err(Divergence::Kind { step, expected: known.kind, found: kind });
        }
        match known.digest {
            Some(expected) if expected != digest => {
                Err(Divergence::Changed { step, expected, found: digest })
            }
            _ => Ok(Some(known.held)),
        }
    }

    /// A step ends without its outcome being delivered, and the journal does not say so.
    pub(super) fn close(&mut self, step: &StepId, spend: Spend, begun: bool) {
        self.change(step, |known| known.dropped = Some((spend, begun)));
    }

    pub(super) fn known(&self, step: &StepId) -> Option<&Known> {
        self.steps.get(step)
    }

    pub(super) fn has_met(&self, step: &StepId) -> bool {
        self.known(step).is_some_and(|known| known.met)
    }

    /// Whether what the agent tells was told before.
    pub(super) fn was_told(&mut self) -> bool {
        let told = self.told > 0;
        self.told = self.told.saturating_sub(1);
        told
    }

    pub(super) fn version(&self, change: &StepId) -> Option<u32> {
        self.versions.get(change).copied()
    }

    pub(super) fn choose(&mut self, change: &StepId, version: u32) {
        self.versions.insert(change.clone(), version);
    }

    /// Whether the next entry is of a step that the agent has not asked for.
    pub(super) fn is_missing(&self) -> bool {
        match self.entries.front().map(|entry| &entry.kind) {
            Some(EntryKind::Intent { step, .. } | EntryKind::Refused { step, .. }) => !self.has_met(step),
            _ => false,
        }
    }

    /// Whether the journal has something that the agent has not yet come to.
    pub(super) fn goes_on(&self) -> bool {
        self.told > 0
            || self.entries.iter().any(|entry| match &entry.kind {
                EntryKind::Intent { step, .. } | EntryKind::Refused { step, .. } => !self.has_met(step),
                // What ended, or came, may have done so before the agent was told.
                _ => false,
            })
    }

    /// Steps whose effect may have happened, must not happen twice, and is no step's business any more: the agent had
    /// dropped them when the process ended.
    pub(super) fn orphans(&self) -> Vec<(&StepId, &Known)> {
        let lost = |known: &Known| known.dropped.is_some_and(|(_, begun)| begun);
        let orphans = self.steps.iter().filter(|(_, it)| !it.class.may_be_cut() && !it.ended && lost(it));
        let mut orphans: Vec<_> = orphans.collect();
        orphans.sort_unstable_by_key(|(step, _)| *step);
        orphans
    }

    /// Why the run was to end, if the agent had not heard of that.
    pub(super) fn cancelled(&self) -> Option<CancelReason> {
        self.entries.iter().find_map(|entry| match entry.kind {
            EntryKind::CancelRequested { reason } => Some(reason),
            _ => None,
        })
    }

    /// The agent has ended: whether the journal has steps that it did not ask for.
    pub(super) fn unmet(&self) -> Option<StepId> {
        self.entries.iter().find_map(|entry| match &entry.kind {
            EntryKind::Intent { step, .. } | EntryKind::Refused { step, .. } if !self.has_met(step) => {
                Some(step.clone())
            }
            _ => None,
        })
    }

    /// What attempts took that were given up after the last thing that the agent heard.
    pub(super) fn lost(&self) -> Spend {
        let lost = self.entries.iter().filter_map(|entry| match entry.kind {
            EntryKind::Restarted { lost, .. } => Some(lost),
            _ => None,
        });
        lost.fold(Spend::default(), |sum, lost| sum + lost)
    }

    /// The run has repeated all: what is not needed any more is let go.
    pub(super) fn forget(&mut self) {
        self.steps = HashMap::new();
    }
}
