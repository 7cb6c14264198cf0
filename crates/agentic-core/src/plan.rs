//! Plans: a goal split into tasks that depend on each other. Valid by construction, never changed in place.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::agent::AgentError;
use crate::context::RunContext;
use crate::goal::Goal;

/// Where a task is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Waits for its turn.
    #[default]
    Pending,
    /// Is worked on.
    InProgress,
    /// Is done.
    Completed,
    /// Was tried and failed.
    Failed,
    /// Can't be done, because a task that it depends on failed.
    Blocked,
}

/// One piece of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Task {
    /// Unique in its plan.
    pub id: String,
    /// What to do.
    pub description: String,
    /// Where it is.
    #[serde(default)]
    pub status: TaskStatus,
    /// The tasks that must be completed first.
    #[serde(default)]
    pub dependencies: Vec<String>,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its own pieces, if it was split further.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subtasks: Vec<Task>,
}

impl Task {
    /// A task that waits, after these others.
    pub fn new<D: Into<String>>(
        id: impl Into<String>,
        description: impl Into<String>,
        dependencies: impl IntoIterator<Item = D>,
    ) -> Self {
        let dependencies = dependencies.into_iter().map(Into::into).collect();
        Self { id: id.into(), description: description.into(), dependencies, ..Self::default() }
    }
}

/// A validated, acyclic set of tasks for one goal. Replanning makes the next version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Plan {
    goal: Goal,
    version: u32,
    tasks: Vec<Task>,
}

#[derive(Deserialize)]
struct Unchecked {
    goal: Goal,
    version: u32,
    tasks: Vec<Task>,
}

impl TryFrom<Unchecked> for Plan {
    type Error = PlanError;

    fn try_from(plan: Unchecked) -> Result<Self, PlanError> {
        Self::checked(plan.goal, plan.version, plan.tasks)
    }
}

impl Plan {
    /// Version 1 of a plan.
    ///
    /// # Errors
    /// [`PlanError`] if the tasks are not a plan.
    pub fn new(goal: Goal, tasks: Vec<Task>) -> Result<Self, PlanError> {
        Self::checked(goal, 1, tasks)
    }

    /// The next version of this plan, with other tasks.
    ///
    /// # Errors
    /// [`PlanError`] if the tasks are not a plan.
    pub fn next_version(&self, tasks: Vec<Task>) -> Result<Self, PlanError> {
        Self::checked(self.goal.clone(), self.version + 1, tasks)
    }

    /// The goal.
    pub fn goal(&self) -> &Goal {
        &self.goal
    }

    /// The version, from 1.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The tasks, in the planner's order.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    fn checked(goal: Goal, version: u32, tasks: Vec<Task>) -> Result<Self, PlanError> {
        if tasks.is_empty() {
            return Err(PlanError::Empty);
        }
        check_level(&tasks, "")?;
        Ok(Self { goal, version, tasks })
    }
}

/// Checks the tasks of one level, and below each of them its subtasks.
fn check_level(tasks: &[Task], above: &str) -> Result<(), PlanError> {
    let path = |id: &str| if above.is_empty() { id.to_owned() } else { format!("{above}/{id}") };
    let mut open: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for task in tasks {
        let dependencies = task.dependencies.iter().map(String::as_str).collect();
        if open.insert(&task.id, dependencies).is_some() {
            return Err(PlanError::Duplicate { task: path(&task.id) });
        }
    }
    for (id, dependencies) in &open {
        if let Some(missing) = dependencies.iter().find(|dependency| !open.contains_key(*dependency)) {
            return Err(PlanError::Unknown { task: path(id), dependency: path(missing) });
        }
    }
    // Takes away whatever depends on nothing that is left; what can't be taken away is a cycle, or behind one.
    while !open.is_empty() {
        let free: Vec<_> = open.iter().filter(|(_, needs)| needs.is_empty()).map(|(id, _)| *id).collect();
        if free.is_empty() {
            return Err(PlanError::Cycle { tasks: open.keys().map(|id| path(id)).collect() });
        }
        open.retain(|id, _| !free.contains(id));
        open.values_mut().for_each(|needs| needs.retain(|need| !free.contains(need)));
    }
    tasks.iter().try_for_each(|task| check_level(&task.subtasks, &path(&task.id)))
}

/// Why tasks are not a plan.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// There are none.
    #[error("a plan needs at least one task")]
    Empty,
    /// Two tasks have the same id.
    #[error("two tasks are called `{task}`; give each its own id")]
    Duplicate {
        /// The id's path.
        task: String,
    },
    /// A task depends on one that does not exist.
    #[error("task `{task}` depends on `{dependency}`, which is not in the plan")]
    Unknown {
        /// The task's path.
        task: String,
        /// What it depends on.
        dependency: String,
    },
    /// Tasks wait for each other.
    #[error("these tasks wait for each other: {}; remove a dependency", tasks.join(", "))]
    Cycle {
        /// Their paths.
        tasks: Vec<String>,
    },
}

/// Splits a goal into tasks.
#[async_trait]
pub trait Planner: Debug + Send + Sync + 'static {
    /// Plans a goal; `context` is what is known besides.
    ///
    /// # Errors
    /// An [`AgentError`] if no valid plan comes of it.
    async fn plan(&self, goal: &Goal, context: &str, cx: &RunContext) -> Result<Plan, AgentError>;
}
