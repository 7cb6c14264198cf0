//! What was learned from tries that failed, kept for goals like theirs.

use std::sync::Arc;

use agentic_core::{
    AgentError, EventKind, Filter, Goal, Memory, MemoryEntry, MemoryError, MemoryKind, MemoryQuery,
    MemoryScope, RunContext, StepError,
};

/// The metadata that tell lessons from other thoughts.
const KIND: (&str, &str) = ("of", "lesson");

/// What stands between the goal and the lesson in an entry.
const BEFORE: &str = "\": ";

/// Lessons in a memory, as thoughts: what Reflexion (Shinn et al. 2023) keeps from one trial to the next.
///
/// A memory that fails takes nothing from the work: it goes on without, and says so in a note.
#[derive(Clone, Debug)]
pub struct Lessons {
    memory: Arc<dyn Memory>,
    scope: MemoryScope,
    limit: usize,
}

impl Lessons {
    /// Lessons of this scope, in this memory.
    pub fn new(memory: impl Memory, scope: MemoryScope) -> Self {
        Self { memory: Arc::new(memory), scope, limit: 3 }
    }

    /// At most so many are read for a goal. Default: 3, as in the paper.
    #[must_use]
    pub fn limit(mut self, lessons: usize) -> Self {
        self.limit = lessons;
        self
    }

    /// The lessons for a goal like this, the best first.
    ///
    /// # Errors
    /// What [ends](AgentError::ends) all here: the budget, a cancellation.
    pub async fn on(&self, goal: &Goal, cx: &RunContext) -> Result<Vec<String>, AgentError> {
        let query = MemoryQuery::new(self.scope.clone(), &goal.text, self.limit)
            .kinds([MemoryKind::Thought])
            .metadata(Filter::any().is(KIND.0, KIND.1));
        let found = going_on(self.memory.retrieve(&query, cx).await, "no lesson is read", cx)?;
        Ok(found.unwrap_or_default().into_iter().map(|recalled| recalled.entry.content).collect())
    }

    /// Keeps what was learned at a goal.
    ///
    /// # Errors
    /// As [`on`](Self::on).
    pub async fn learn(&self, goal: &Goal, lesson: &str, cx: &RunContext) -> Result<(), AgentError> {
        let content = format!("On \"{}{BEFORE}{lesson}", goal.text);
        let entry = MemoryEntry::new(self.scope.clone(), MemoryKind::Thought, content, cx.now())
            .importance(0.7)
            .with(KIND.0, KIND.1);
        going_on(self.memory.add(entry, cx).await, "the lesson is not kept", cx).map(drop)
    }
}

/// Whether this is the lesson, as it is or as one is kept.
pub(crate) fn is_of(known: &str, lesson: &str) -> bool {
    known.strip_suffix(lesson).is_some_and(|rest| rest.is_empty() || rest.ends_with(BEFORE))
}

/// What the memory gave; nothing, and a note, if it failed.
fn going_on<T>(given: Result<T, MemoryError>, what: &str, cx: &RunContext) -> Result<Option<T>, AgentError> {
    match given.map_err(StepError::from) {
        Ok(given) => Ok(Some(given)),
        Err(error) if error.ends(cx) => Err(error.into()),
        Err(error) => {
            cx.emit(|| EventKind::Note { text: format!("{what}: {error}") });
            Ok(None)
        }
    }
}
