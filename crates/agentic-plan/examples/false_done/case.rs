//! What is wanted, and ways in which an agent does it, or says that it did.

use agentic_core::{Criterion, Goal};
use fastrand::Rng;
use serde_json::Value;

use super::settings::Store;

/// One turn of the model.
#[derive(Clone, Debug)]
pub(super) enum Turn {
    Says(String),
    Calls(&'static str, Value),
}

/// Whether the goal is met, by what was said last and by what became of the settings.
pub(super) type Truth = Box<dyn Fn(&str, &Store) -> bool + Send + Sync>;

/// One way to end well, and what is told of it.
pub(super) type Way = (&'static str, Vec<Turn>);

/// A goal, ways that meet it and ways that do not. The criteria know nothing of the ways.
pub(super) struct Wanted {
    pub(super) text: String,
    pub(super) inputs: Value,
    pub(super) criteria: Vec<Criterion>,
    /// The settings as they are before.
    pub(super) stored: Vec<(String, Value)>,
    pub(super) meet: Vec<Way>,
    pub(super) miss: Vec<Way>,
    pub(super) truth: Truth,
}

/// Draws what is wanted.
pub(super) type Family = fn(&mut Rng) -> Wanted;

/// A goal and one way.
pub(crate) struct Case {
    pub(crate) family: &'static str,
    /// How it is met or missed.
    pub(crate) how: &'static str,
    /// What it was made for.
    pub(crate) meets: bool,
    pub(super) goal: Goal,
    pub(super) stored: Vec<(String, Value)>,
    pub(super) turns: Vec<Turn>,
    pub(super) truth: Truth,
}

impl Case {
    pub(super) fn draw(name: &'static str, family: Family, meets: bool, rng: &mut Rng) -> Self {
        let Wanted { text, inputs, criteria, stored, meet, miss, truth } = family(rng);
        let mut ways = if meets { meet } else { miss };
        let (how, turns) = ways.swap_remove(rng.usize(..ways.len()));
        let mut goal = criteria.into_iter().fold(Goal::new(text), Goal::with_criterion);
        for (name, value) in inputs.as_object().into_iter().flatten() {
            goal = goal.with_input(name, value.clone());
        }
        Self { family: name, how, meets, goal, stored, turns, truth }
    }
}

/// It says this, and is done.
pub(super) fn says(how: &'static str, text: impl Into<String>) -> Way {
    (how, vec![Turn::Says(text.into())])
}

/// One of them.
pub(super) fn any<'a, T>(rng: &mut Rng, of: &'a [T]) -> &'a T {
    &of[rng.usize(..of.len())]
}
