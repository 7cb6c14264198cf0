//! What is searched, and the two questions that a search asks.

use std::fmt::Debug;

use agentic_core::{AgentError, Goal, RunContext, async_trait};
use serde_json::Value;

/// One step, and the state that it leads to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Thought {
    /// What to do, in words.
    pub step: String,
    /// What holds afterwards: all that is needed to go on and to value it. Null where the steps say it all.
    pub state: Value,
    /// What makes it the same state as another one; see [`with_key`](Self::with_key).
    pub key: Option<String>,
}

impl Thought {
    /// A step to this state.
    pub fn new(step: impl Into<String>, state: impl Into<Value>) -> Self {
        Self { step: step.into(), state: state.into(), key: None }
    }

    /// The same thought under this key: of states with the same key only the first is looked at. Without one, states are the
    /// same where they are written in the same words; with no state written either, no two are.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    pub(super) fn state_text(&self) -> String {
        super::text(&self.state)
    }
}

/// A state: the goal, and the thoughts that have led here from the beginning.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SearchState<'a> {
    /// The goal.
    pub goal: &'a Goal,
    /// What is known besides.
    pub context: &'a str,
    /// The steps so far, in order; none at the beginning.
    pub thoughts: &'a [Thought],
}

impl<'a> SearchState<'a> {
    /// The last step; none at the beginning.
    pub fn last(&self) -> Option<&'a Thought> {
        self.thoughts.last()
    }
}

/// What a state is worth on the way to a solution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Worth {
    /// The goal is solved: nothing is left to do.
    Solved,
    /// It may lead to a solution: from 0, hardly, to 1, surely. What is outside is taken for the nearest of these, what is no
    /// number for 0.
    Promising(f64),
    /// It can't lead to a solution; it is not expanded.
    Impossible,
}

impl Worth {
    /// It leads to a solution.
    pub const SURE: Self = Self::Promising(1.0);
    /// It may well lead to a solution.
    pub const LIKELY: Self = Self::Promising(0.5);

    /// How promising it is, where it is to be expanded.
    pub(super) fn score(self) -> Option<f64> {
        match self {
            Self::Promising(score) if score.is_nan() => Some(0.0),
            Self::Promising(score) => Some(score.clamp(0.0, 1.0)),
            Self::Solved | Self::Impossible => None,
        }
    }
}

/// Proposes next steps; the *thought generator* of the paper.
#[async_trait]
pub trait Proposer: Debug + Send + Sync + 'static {
    /// Next steps from a state, the best guess first, `most` of them at most; none if no step helps.
    ///
    /// # Errors
    /// An [`AgentError`]. One that does not [end all](AgentError::ends) leaves out this state alone.
    async fn propose(
        &self,
        state: &SearchState<'_>,
        most: usize,
        cx: &RunContext,
    ) -> Result<Vec<Thought>, AgentError>;
}

/// Says what a state is worth; the *state evaluator* of the paper.
#[async_trait]
pub trait Evaluator: Debug + Send + Sync + 'static {
    /// What a state is worth. It has at least one thought.
    ///
    /// # Errors
    /// As [`Proposer::propose`].
    async fn value(&self, state: &SearchState<'_>, cx: &RunContext) -> Result<Worth, AgentError>;
}
