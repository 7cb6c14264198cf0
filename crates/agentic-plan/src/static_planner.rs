//! Plans that are there already.

use agentic_core::{AgentError, Goal, Plan, PlanError, Planner, RunContext, Task, TaskStatus, async_trait};

/// Gives the same tasks for every goal: a plan that a person or a program has written.
///
/// The tasks of a [plan](Self::of) were written for its goal. For one in other words, as that of another try which says what was
/// wrong with the last one, who works on the tasks that no other needs [reads the goal](Task::reads_goal).
#[derive(Clone, Debug)]
pub struct StaticPlanner {
    tasks: Vec<Task>,
    /// What the tasks were written for, if that is known.
    written_for: Option<String>,
}

impl StaticPlanner {
    /// A planner that gives these tasks.
    ///
    /// # Errors
    /// [`PlanError`] if they are not a plan.
    pub fn new(tasks: Vec<Task>) -> Result<Self, PlanError> {
        let plan = Plan::new(Goal::default(), tasks)?;
        Ok(Self { written_for: None, ..Self::of(plan) })
    }

    /// A planner that gives the tasks of this plan, from the beginning.
    pub fn of(plan: Plan) -> Self {
        let written_for = Some(plan.goal().text.clone());
        Self { tasks: plan.tasks().iter().map(anew).collect(), written_for }
    }

    /// The plan for this goal.
    ///
    /// # Errors
    /// [`PlanError`] if the tasks are none for it.
    pub fn planned(&self, goal: &Goal) -> Result<Plan, PlanError> {
        let mut tasks = self.tasks.clone();
        if self.written_for.as_ref().is_some_and(|text| *text != goal.text) {
            read_goal(&mut tasks);
        }
        Plan::new(goal.clone(), tasks)
    }
}

/// The task as it was written: nothing of it is done.
fn anew(task: &Task) -> Task {
    let mut anew = task.clone();
    (anew.status, anew.result, anew.error) = (TaskStatus::Pending, None, None);
    anew.subtasks = task.subtasks.iter().map(self::anew).collect();
    anew
}

/// Who works on the last of these tasks, or on the last of their subtasks, reads the goal.
fn read_goal(tasks: &mut [Task]) {
    let last: Vec<usize> = Task::last_of(tasks).collect();
    for place in last {
        tasks[place].reads_goal = true;
        read_goal(&mut tasks[place].subtasks);
    }
}

#[async_trait]
impl Planner for StaticPlanner {
    async fn plan(&self, goal: &Goal, _: &str, _: &RunContext) -> Result<Plan, AgentError> {
        self.planned(goal).map_err(|error| AgentError::invalid_input(error.to_string()))
    }
}
