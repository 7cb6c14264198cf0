//! Plans: a goal split into tasks that depend on each other. Valid by construction. A plan that is being written gets
//! more tasks; any other set of tasks is another version.

mod assigned;
mod check;
mod error;
mod progress;
mod reference;
mod task;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use self::assigned::Purpose;
pub use self::error::PlanError;
pub use self::task::{Task, TaskStatus};
use crate::agent::AgentError;
use crate::context::RunContext;
use crate::goal::Goal;

/// A validated, acyclic set of tasks for one goal. Replanning makes the next version.
///
/// A plan that is read is checked as one that is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Plan {
    goal: Goal,
    version: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replanned: Vec<Replanned>,
    tasks: Vec<Task>,
}

/// Why a plan has another version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replanned {
    /// The version that was made.
    pub version: u32,
    /// Why.
    pub reason: String,
    /// The tasks of the version before that were kept, done.
    pub kept: Vec<String>,
    /// Those of them that were for others which were not kept: what the plan [gives](Plan::result) is theirs only where there is
    /// nothing else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_over: Vec<String>,
}

#[derive(Deserialize)]
struct Unchecked {
    goal: Goal,
    #[serde(default = "first")]
    version: u32,
    #[serde(default)]
    replanned: Vec<Replanned>,
    tasks: Vec<Task>,
}

fn first() -> u32 {
    1
}

impl TryFrom<Unchecked> for Plan {
    type Error = PlanError;

    fn try_from(Unchecked { goal, version, replanned, tasks }: Unchecked) -> Result<Self, PlanError> {
        Self { goal, version, replanned, tasks }.checked()
    }
}

impl Plan {
    /// Version 1 of a plan.
    ///
    /// # Errors
    /// [`PlanError`] if the tasks are not a plan.
    pub fn new(goal: Goal, tasks: Vec<Task>) -> Result<Self, PlanError> {
        Self { goal, version: 1, replanned: Vec::new(), tasks }.checked()
    }

    /// The next version of this plan: what is done stays, with its results, and these tasks take the place of the rest. Of a
    /// task that is done in part, the subtasks that are done stay.
    ///
    /// # Errors
    /// [`PlanError`] if that is no plan; none of the new tasks may have the id of one that stays.
    pub fn next_version(&self, reason: impl Into<String>, tasks: Vec<Task>) -> Result<Self, PlanError> {
        let mut all: Vec<Task> = self.tasks.iter().filter_map(done).collect();
        let (version, mut replanned) = (self.version.saturating_add(1), self.replanned.clone());
        let ids = |tasks: &[Task]| tasks.iter().map(|task| task.id.clone()).collect();
        let (kept, left_over) = (ids(&all), self.left_over(&all));
        replanned.push(Replanned { version, reason: reason.into(), kept, left_over });
        all.extend(tasks);
        Self { goal: self.goal.clone(), version, replanned, tasks: all }.checked()
    }

    /// Those of these tasks, which stay of it, that are done in part, or were for tasks that don't stay.
    fn left_over(&self, kept: &[Task]) -> Vec<String> {
        let stays = |id: &str| kept.iter().any(|task| task.id == id);
        let is_over = |task: &&Task| {
            let was_for = |other: &Task| other.dependencies.contains(&task.id) && !stays(&other.id);
            let in_part = |other: &Task| other.id == task.id && other.status != TaskStatus::Completed;
            self.tasks.iter().any(|other| was_for(other) || in_part(other))
        };
        kept.iter().filter(is_over).map(|task| task.id.clone()).collect()
    }

    /// These tasks come to it, while others of it may be done or worked on: it was not written to its end. They may depend on
    /// those that are there, and on each other.
    ///
    /// # Errors
    /// [`PlanError`] if that is no plan. Then the plan is as it was.
    pub fn extend(&mut self, tasks: impl IntoIterator<Item = Task>) -> Result<(), PlanError> {
        let mut extended = self.clone();
        extended.tasks.extend(tasks);
        *self = extended.checked()?;
        Ok(())
    }

    /// The goal.
    pub fn goal(&self) -> &Goal {
        &self.goal
    }

    /// The version, from 1.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Why there are versions after the first, in order.
    pub fn replanned(&self) -> &[Replanned] {
        &self.replanned
    }

    /// The tasks, in the planner's order.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    fn checked(mut self) -> Result<Self, PlanError> {
        check::check(&mut self.tasks)?;
        progress::settle(&mut self.tasks);
        Ok(self)
    }
}

/// What is done of a task; nothing of it depends on anything that is not.
fn done(task: &Task) -> Option<Task> {
    let mut kept = task.clone();
    if task.status != TaskStatus::Completed {
        kept.subtasks = task.subtasks.iter().filter_map(done).collect();
        if kept.subtasks.is_empty() {
            return None;
        }
        kept.error = None;
        // They were for what is not done.
        kept.criteria.clear();
    }
    Some(kept)
}

/// A piece of a plan that is being written.
#[derive(Clone, Debug, PartialEq)]
pub struct Extension {
    /// The tasks that come to it.
    pub tasks: Vec<Task>,
    /// Whether these are the last ones.
    pub is_whole: bool,
}

/// Splits a goal into tasks.
#[async_trait]
pub trait Planner: Debug + Send + Sync + 'static {
    /// Plans a goal; `context` is what is known besides.
    ///
    /// # Errors
    /// An [`AgentError`] if no valid plan comes of it.
    async fn plan(&self, goal: &Goal, context: &str, cx: &RunContext) -> Result<Plan, AgentError>;

    /// The next tasks of a plan that is written piece by piece, so that the first ones are worked on while the last ones are
    /// written; `so_far` are those that were given before, as they were given. Who executes the plan asks again until it
    /// [is whole](Extension::is_whole).
    ///
    /// Unless it is written otherwise, this gives the whole plan at once.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    async fn extend(
        &self,
        goal: &Goal,
        so_far: &[Task],
        context: &str,
        cx: &RunContext,
    ) -> Result<Extension, AgentError> {
        let plan = self.plan(goal, context, cx).await?;
        let tasks = plan.tasks.into_iter().skip(so_far.len()).collect();
        Ok(Extension { tasks, is_whole: true })
    }

    /// Plans the rest of a plan of which tasks have failed, as its [next version](Plan::next_version); `context` is what is
    /// known of the failure besides.
    ///
    /// # Errors
    /// As [`plan`](Self::plan); [`AgentError::InvalidInput`] of a planner that only plans from the start, as this does unless
    /// it is written otherwise.
    async fn replan(&self, plan: &Plan, context: &str, cx: &RunContext) -> Result<Plan, AgentError> {
        let (_, _, _) = (plan, context, cx);
        Err(AgentError::invalid_input("this planner can't plan again after a failure; choose another policy"))
    }
}

#[async_trait]
impl<P: Planner + ?Sized> Planner for Arc<P> {
    async fn plan(&self, goal: &Goal, context: &str, cx: &RunContext) -> Result<Plan, AgentError> {
        (**self).plan(goal, context, cx).await
    }

    async fn extend(
        &self,
        goal: &Goal,
        so_far: &[Task],
        context: &str,
        cx: &RunContext,
    ) -> Result<Extension, AgentError> {
        (**self).extend(goal, so_far, context, cx).await
    }

    async fn replan(&self, plan: &Plan, context: &str, cx: &RunContext) -> Result<Plan, AgentError> {
        (**self).replan(plan, context, cx).await
    }
}
