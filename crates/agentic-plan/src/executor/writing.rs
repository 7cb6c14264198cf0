//! A plan that is written while it is worked on.

use agentic_core::{AgentError, Extension, Goal, Plan, RunContext, Task};
use futures_util::future::{BoxFuture, FutureExt as _};

use super::PlanExecutor;

/// What the planner has written so far. It is asked in a scope of its own, and never sees how far its tasks are: so what it
/// writes does not depend on the order in which they end.
pub(super) struct Writing<'a> {
    executor: &'a PlanExecutor,
    goal: Goal,
    so_far: Vec<Task>,
    cx: RunContext,
}

/// What the planner has written next, and how it goes on.
pub(super) type Written<'a> = (Result<Extension, AgentError>, Writing<'a>);

impl<'a> Writing<'a> {
    /// The first tasks as a plan, and how it goes on, if it does.
    pub(super) async fn begun(
        executor: &'a PlanExecutor,
        goal: &Goal,
        cx: RunContext,
    ) -> Result<(Plan, Option<Self>), AgentError> {
        let mut writing = Self { executor, goal: goal.clone(), so_far: Vec::new(), cx };
        let Extension { tasks, is_whole } = writing.asked().await?;
        let plan = Plan::new(goal.clone(), tasks.clone())
            .map_err(|error| AgentError::invalid_input(error.to_string()))?;
        writing.so_far = tasks;
        Ok((plan, (!is_whole).then_some(writing)))
    }

    /// Asks for the next tasks.
    pub(super) fn next(mut self) -> BoxFuture<'a, Written<'a>> {
        async move {
            let written = self.asked().await;
            if let Ok(Extension { tasks, .. }) = &written {
                self.so_far.extend(tasks.iter().cloned());
            }
            (written, self)
        }
        .boxed()
    }

    async fn asked(&mut self) -> Result<Extension, AgentError> {
        let (PlanExecutor { planner, known, .. }, cx) = (self.executor, &self.cx);
        let mut written = planner.extend(&self.goal, &self.so_far, known, cx).await?;
        // One that writes nothing more would be asked for ever.
        written.is_whole |= written.tasks.is_empty();
        Ok(written)
    }
}
