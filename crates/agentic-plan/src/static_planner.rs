//! Plans that are there already.

use agentic_core::{AgentError, Goal, Plan, PlanError, Planner, RunContext, Task, TaskStatus, async_trait};

/// Gives the same tasks for every goal: a plan that a person or a program has written.
#[derive(Clone, Debug)]
pub struct StaticPlanner {
    tasks: Vec<Task>,
}

impl StaticPlanner {
    /// A planner that gives these tasks.
    ///
    /// # Errors
    /// [`PlanError`] if they are not a plan.
    pub fn new(tasks: Vec<Task>) -> Result<Self, PlanError> {
        Plan::new(Goal::default(), tasks).map(Self::of)
    }

    /// A planner that gives the tasks of this plan, from the beginning.
    pub fn of(plan: Plan) -> Self {
        Self { tasks: plan.tasks().iter().map(anew).collect() }
    }
}

/// The task as it was written: nothing of it is done.
fn anew(task: &Task) -> Task {
    let mut anew = task.clone();
    (anew.status, anew.result, anew.error) = (TaskStatus::Pending, None, None);
    anew.subtasks = task.subtasks.iter().map(self::anew).collect();
    anew
}

#[async_trait]
impl Planner for StaticPlanner {
    async fn plan(&self, goal: &Goal, _: &str, _: &RunContext) -> Result<Plan, AgentError> {
        Plan::new(goal.clone(), self.tasks.clone())
            .map_err(|error| AgentError::invalid_input(error.to_string()))
    }
}
