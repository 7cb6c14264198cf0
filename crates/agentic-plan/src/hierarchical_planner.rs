//! Plans whose tasks are split where they have to be.

mod prompt;
mod split;

use agentic_core::{
    AgentError, ChatModel, EventKind, Goal, Plan, PlanError, Planner, RunContext, Task, async_trait,
};

use self::split::Split;
use crate::LlmPlanner;

/// Has a model split a goal into tasks, and each of these further where that is needed, level by level.
///
/// Of each task the model says whether it is split, and why; a note tells its reason. What is to be split is planned as a goal
/// of its own: its subtasks may depend on each other and on nothing elsewhere, so they can be worked on in parallel. The tasks
/// of one level are looked at at the same time, each in a scope of its own, `task:PATH`. Where the model can't decide, or gives
/// no valid plan for a task, the task stays as it is, and a note tells why.
///
/// It costs a call of the model for each task above the last level, and one more for each that is split.
#[derive(Clone, Debug)]
pub struct HierarchicalPlanner {
    planner: LlmPlanner,
    max_tasks: usize,
    max_subtasks: usize,
    depth: usize,
    max_parallel: usize,
}

impl HierarchicalPlanner {
    /// This model plans.
    pub fn new(model: impl ChatModel) -> Self {
        Self::of(LlmPlanner::new(model))
    }

    /// This planner makes each level, for the agents and tools that it knows. How many tasks a level has is set here, not by
    /// [`LlmPlanner::max_tasks`].
    pub fn of(planner: LlmPlanner) -> Self {
        Self { planner, max_tasks: 5, max_subtasks: 3, depth: 3, max_parallel: 4 }
    }

    /// A goal is split into so many tasks at most, up to [`LlmPlanner::MOST_TASKS`]. Default: 5.
    #[must_use]
    pub fn max_tasks(mut self, tasks: usize) -> Self {
        self.max_tasks = tasks.max(1);
        self
    }

    /// A task is split into so many subtasks at most, at least 2, up to [`LlmPlanner::MOST_TASKS`]. Default: 3.
    #[must_use]
    pub fn max_subtasks(mut self, tasks: usize) -> Self {
        self.max_subtasks = tasks.max(2);
        self
    }

    /// So many levels of tasks at most; with 1, tasks have no subtasks. Default: 3.
    #[must_use]
    pub fn depth(mut self, levels: usize) -> Self {
        self.depth = levels.max(1);
        self
    }

    /// So many tasks are looked at at a time. Default: 4.
    #[must_use]
    pub fn max_parallel(mut self, tasks: usize) -> Self {
        self.max_parallel = tasks.max(1);
        self
    }

    fn top(&self) -> LlmPlanner {
        self.planner.clone().max_tasks(self.max_tasks)
    }

    /// The tasks, those that are open split where they have to be.
    async fn expanded(
        &self,
        goal: &Goal,
        context: &str,
        mut tasks: Vec<Task>,
        cx: &RunContext,
    ) -> Result<Vec<Task>, AgentError> {
        let open = tasks.iter().filter(|task| task.status.is_open());
        let mut level: Vec<String> = open.map(|task| task.id.clone()).collect();
        for _ in 1..self.depth {
            if level.is_empty() {
                break;
            }
            let look_at = |cx: RunContext, path| {
                let part = Part { goal, context, tasks: &tasks, path };
                async move { self.subtasks(part, &cx).await }
            };
            let looked_at =
                cx.all("task", self.max_parallel, level.iter().map(String::as_str), look_at).await;
            let mut below = Vec::new();
            for (path, subtasks) in level.iter().zip(looked_at) {
                let subtasks = subtasks?;
                below.extend(subtasks.iter().map(|task| format!("{path}/{}", task.id)));
                if let Some(task) = find(&mut tasks, path) {
                    task.subtasks = subtasks;
                }
            }
            level = below;
        }
        Ok(tasks)
    }

    /// The subtasks of a task; none if it stays as it is.
    async fn subtasks(&self, part: Part<'_>, cx: &RunContext) -> Result<Vec<Task>, AgentError> {
        let tell = |what: &str, why: &str| {
            let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
            cx.emit(|| EventKind::Note { text: format!("task `{}` {what}: {why}", part.path) });
        };
        match split::decide(&self.planner, part, cx).await {
            Ok(Split { reason, split: true }) => tell("is split", &reason),
            Ok(Split { reason, split: false }) => {
                tell("stays as it is", &reason);
                return Ok(Vec::new());
            }
            Err(error) if error.ends(cx) => return Err(error),
            Err(error) => {
                tell("stays as it is", &error.to_string());
                return Ok(Vec::new());
            }
        }
        let below = self.planner.clone().max_tasks(self.max_subtasks);
        let why = match below.plan(&part.as_goal(), &prompt::alone(part), &cx.scope("plan")).await {
            Ok(plan) if plan.tasks().len() > 1 => return Ok(plan.tasks().to_vec()),
            // One in its place is the same in other words.
            Ok(_) => "it was planned as a single task".to_owned(),
            Err(error) if error.ends(cx) => return Err(error),
            Err(error) => error.to_string(),
        };
        tell("stays as it is after all", &why);
        Ok(Vec::new())
    }
}

#[async_trait]
impl Planner for HierarchicalPlanner {
    async fn plan(&self, goal: &Goal, context: &str, cx: &RunContext) -> Result<Plan, AgentError> {
        let top = self.top().plan(goal, context, &cx.scope("top")).await?;
        let tasks = self.expanded(goal, context, top.tasks().to_vec(), cx).await?;
        Plan::new(goal.clone(), tasks).map_err(invalid)
    }

    /// Plans the rest of the top level anew; new tasks are split where they have to be. What is done of a task that was split
    /// stays, as that task.
    async fn replan(&self, plan: &Plan, context: &str, cx: &RunContext) -> Result<Plan, AgentError> {
        let top = self.top().replan(plan, context, &cx.scope("top")).await?;
        let tasks = self.expanded(plan.goal(), context, top.tasks().to_vec(), cx).await?;
        // What is done stays by itself.
        let new = tasks.into_iter().filter(|task| task.status.is_open()).collect();
        plan.next_version(context, new).map_err(invalid)
    }
}

/// A task of the tasks that there are so far.
#[derive(Clone, Copy)]
struct Part<'a> {
    /// Of the whole.
    goal: &'a Goal,
    context: &'a str,
    tasks: &'a [Task],
    path: &'a str,
}

impl<'a> Part<'a> {
    /// The tasks on the way down to it, itself the last.
    fn way(self) -> Vec<&'a Task> {
        let (mut level, mut way) = (self.tasks, Vec::new());
        for id in self.path.split('/') {
            let Some(task) = level.iter().find(|task| task.id == id) else { break };
            way.push(task);
            level = &task.subtasks;
        }
        way
    }

    fn description(self) -> &'a str {
        self.way().last().map(|task| &*task.description).unwrap_or_default()
    }

    /// The task as a goal of its own.
    fn as_goal(self) -> Goal {
        let mut goal = Goal::new(self.description());
        (goal.inputs, goal.lookups) = (self.goal.inputs.clone(), self.goal.lookups.clone());
        goal
    }
}

fn find<'t>(tasks: &'t mut [Task], path: &str) -> Option<&'t mut Task> {
    match path.split_once('/') {
        None => tasks.iter_mut().find(|task| task.id == path),
        Some((id, below)) => find(&mut tasks.iter_mut().find(|task| task.id == id)?.subtasks, below),
    }
}

fn invalid(error: PlanError) -> AgentError {
    AgentError::invalid_input(error.to_string())
}
