//! Plans that are worked on while a model writes them.

use agentic_core::{AgentError, ChatModel, Extension, Goal, Plan, Planner, RunContext, Task, async_trait};

use crate::LlmPlanner;

/// Has a model write a plan piece by piece, so that the first tasks are worked on while it writes the last ones.
///
/// It pays where a model takes as long to write a plan as tasks take to be done. Each piece is a call of its own, which reads
/// again what was written before; models that keep the prefix of their prompts, as the embedded one does, and providers that
/// cache it, read only what is new. The plan comes to the same as one that is written at once: the model never sees how far
/// tasks are. When something has failed it plans again at once, as [`LlmPlanner`] does.
#[derive(Clone, Debug)]
pub struct StreamingPlanner {
    planner: LlmPlanner,
    at_a_time: usize,
}

impl StreamingPlanner {
    /// This model plans, a task at a time.
    pub fn new(model: impl ChatModel) -> Self {
        Self::of(LlmPlanner::new(model))
    }

    /// This planner writes the pieces, for the agents and tools that it knows, a task at a time.
    pub fn of(planner: LlmPlanner) -> Self {
        Self { planner, at_a_time: 1 }
    }

    /// A piece has so many tasks at most, at least one. Default: 1. More are for models that take long to begin to answer.
    #[must_use]
    pub fn tasks_at_a_time(mut self, tasks: usize) -> Self {
        self.at_a_time = tasks.max(1);
        self
    }
}

#[async_trait]
impl Planner for StreamingPlanner {
    async fn plan(&self, goal: &Goal, context: &str, cx: &RunContext) -> Result<Plan, AgentError> {
        self.planner.plan(goal, context, cx).await
    }

    async fn extend(
        &self,
        goal: &Goal,
        so_far: &[Task],
        context: &str,
        cx: &RunContext,
    ) -> Result<Extension, AgentError> {
        self.planner.more(goal, so_far, context, self.at_a_time, cx).await
    }

    async fn replan(&self, plan: &Plan, context: &str, cx: &RunContext) -> Result<Plan, AgentError> {
        self.planner.replan(plan, context, cx).await
    }
}
