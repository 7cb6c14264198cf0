//! Where two runs part.

use std::collections::HashMap;

use agentic_core::{Digest, Json, StepError, StepId};
use serde::Serialize;

use crate::journal::{Entry, EntryKind, Seq};

/// The first step in which two runs differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The step; `None` if only the results of the runs differ.
    pub step: Option<StepId>,
    /// What is different about it.
    pub what: Differs,
    /// The step in the first run.
    pub left: Option<Side>,
    /// The step in the second run.
    pub right: Option<Side>,
}

/// What is different.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Differs {
    /// It asks for something else: code, a prompt, an argument or what came before has changed.
    Request,
    /// It was asked the same and gave something else.
    Outcome,
    /// The second run does not have it.
    Missing,
    /// The first run does not have it.
    Added,
    /// All steps are the same, and the results are not.
    Result,
}

/// A step, in one of two runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Side {
    /// Where it begins in its journal.
    pub seq: Seq,
    /// The model, tool or effect.
    pub name: String,
    /// The digest of its request.
    pub digest: Option<Digest>,
    /// A tool's arguments.
    pub arguments: Json,
    /// What it gave.
    pub value: Json,
    /// How it failed, if it did.
    pub error: Option<String>,
}

/// Where two runs part, or `None` if they are the same: in the order of the first run's steps, whatever the order in
/// which parallel ones happened to end.
pub fn diff(left: &[Entry], right: &[Entry]) -> Option<Difference> {
    let (left, right) = (Steps::of(left), Steps::of(right));
    for (step, one) in &left.steps {
        let Some(other) = right.get(step) else {
            return Some(difference(step, Differs::Missing, Some(one), None));
        };
        let checked = one.digest.is_some() && other.digest.is_some();
        if checked && one.digest != other.digest || one.arguments != other.arguments {
            return Some(difference(step, Differs::Request, Some(one), Some(other)));
        }
        if (&one.value, &one.error) != (&other.value, &other.error) {
            return Some(difference(step, Differs::Outcome, Some(one), Some(other)));
        }
    }
    if let Some((step, added)) = right.steps.iter().find(|(step, _)| left.get(step).is_none()) {
        return Some(difference(step, Differs::Added, None, Some(added)));
    }
    let side = |result: Option<Json>| Side { value: result.unwrap_or_default(), ..Side::default() };
    (left.result != right.result).then(|| Difference {
        step: None,
        what: Differs::Result,
        left: Some(side(left.result)),
        right: Some(side(right.result)),
    })
}

fn difference(step: &StepId, what: Differs, left: Option<&Side>, right: Option<&Side>) -> Difference {
    Difference { step: Some(step.clone()), what, left: left.cloned(), right: right.cloned() }
}

/// The steps of a run, in order.
#[derive(Default)]
struct Steps {
    steps: Vec<(StepId, Side)>,
    places: HashMap<StepId, usize>,
    result: Option<Json>,
}

impl Steps {
    fn of(journal: &[Entry]) -> Self {
        let mut steps = Self::default();
        for Entry { seq, kind, .. } in journal {
            match kind {
                EntryKind::Intent { step, digest, name, asked, .. } => {
                    let (name, arguments) = (name.to_string(), asked.clone());
                    steps.add(step, Side { seq: *seq, name, digest: *digest, arguments, ..Side::default() });
                }
                EntryKind::Refused { step, digest, error, .. } => {
                    let error = Some(error.to_string());
                    steps.add(step, Side { seq: *seq, digest: *digest, error, ..Side::default() });
                }
                EntryKind::Outcome { step, error, value, .. } => steps.ends(step, value, error.as_ref()),
                EntryKind::Finished { result, .. } => steps.result = Some(result.clone()),
                _ => {}
            }
        }
        steps
    }

    fn add(&mut self, step: &StepId, side: Side) {
        self.places.insert(step.clone(), self.steps.len());
        self.steps.push((step.clone(), side));
    }

    fn ends(&mut self, step: &StepId, value: &Json, error: Option<&StepError>) {
        let side = self.places.get(step).and_then(|place| self.steps.get_mut(*place));
        if let Some((_, side)) = side {
            (side.value, side.error) = (value.clone(), error.map(ToString::to_string));
        }
    }

    fn get(&self, step: &StepId) -> Option<&Side> {
        self.places.get(step).map(|place| &self.steps[*place].1)
    }
}
