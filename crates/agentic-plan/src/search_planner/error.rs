//! How a search fails.

use agentic_core::{AgentError, Partial, Spend};
use thiserror::Error;

use super::Thought;

/// Why there are no steps to a goal.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum SearchError {
    /// No state that was reached solves the goal.
    #[error("no steps that solve the goal were found in {expanded} expanded states: {ended}")]
    NothingFound {
        /// For so many states next steps were proposed.
        expanded: usize,
        /// What ended the search.
        ended: Ended,
        /// The steps to the most promising state of the last level that had one.
        best: Vec<Thought>,
    },
    /// Steps could not be proposed or states not be valued.
    #[error(transparent)]
    Agent(#[from] AgentError),
}

/// What ends a search that has found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Ended {
    /// No state was left that may lead to a solution.
    #[error(
        "no state is left that may lead to a solution; keep more states (a wider beam) or have more steps proposed"
    )]
    NoStates,
    /// The [depth](super::SearchPlanner::depth) was reached.
    #[error("the limit of {0} steps was reached; allow a greater depth")]
    Depth(usize),
    /// So many states as [may be](super::SearchPlanner::max_expanded) were expanded.
    #[error("no more states may be expanded; allow more")]
    Expanded,
}

impl From<SearchError> for AgentError {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Agent(error) => error,
            SearchError::NothingFound { ref best, .. } => {
                let steps: Vec<&str> = best.iter().map(|thought| &*thought.step).collect();
                let partial = Partial { text: steps.join("\n"), spend: Spend::default() };
                Self::InvalidOutput { message: error.to_string(), partial: Box::new(partial) }
            }
        }
    }
}
