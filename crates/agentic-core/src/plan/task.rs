//! The pieces of a plan.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::reference;
use crate::goal::Criterion;

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

impl TaskStatus {
    /// Whether it may still become another one.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::InProgress)
    }
}

/// One piece of a plan.
///
/// A task with subtasks is not worked on itself: it is done when they are. Its result is that of the subtask that no other
/// one needs; of several, an object with the result of each under its id. What else it says holds for its subtasks
/// ([`Plan::assigned`](crate::Plan::assigned)).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Task {
    /// Unique among the tasks beside it: letters, digits, `_` and `-`.
    pub id: String,
    /// What to do.
    pub description: String,
    /// Where it is.
    #[serde(default)]
    pub status: TaskStatus,
    /// The tasks beside it that must be completed first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<String>,
    /// Who works on it, by name; whoever executes the plan says who that is, and who works on tasks that name nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The tools that it needs, by name: who works on it can call no others, with an empty list none. `None` are all that the
    /// agent has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<String>>,
    /// Named inputs. Texts in them may refer to results of other tasks, which it then depends on: `{{t1.result}}`, or a part
    /// of one, `{{t1.result.prices[0]}}`. A text that is nothing but a reference becomes the value that it refers to.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    /// Whether who works on it reads what it is a part of too: the goal of the plan, or for a subtask the description of its task
    /// ([`Plan::purpose`](crate::Plan::purpose)).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reads_goal: bool,
    /// What must hold for it to be done. A task that is split can have some if one of its subtasks is the last one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub criteria: Vec<Criterion>,
    /// How often it is tried again when it fails; `None` leaves it to whoever executes the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// The most that it may take of each [limit that can be shared](crate::Budget::share), as a share above 0 and up to 1: all its
    /// tries together, and all its subtasks. `None` is no other limit than what the whole has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_share: Option<f64>,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Why it failed, or is blocked.
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

    /// The same task for this agent.
    #[must_use]
    pub fn for_agent(mut self, name: impl Into<String>) -> Self {
        self.agent = Some(name.into());
        self
    }

    /// The same task with this tool, and the others that it names, alone.
    #[must_use]
    pub fn with_tool(mut self, name: impl Into<String>) -> Self {
        self.tools.get_or_insert_default().push(name.into());
        self
    }

    /// The same task with one more named input.
    #[must_use]
    pub fn with_input(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.inputs.insert(name.into(), value.into());
        self
    }

    /// The same task, whose worker reads what it is a part of too.
    #[must_use]
    pub fn reading_goal(mut self) -> Self {
        self.reads_goal = true;
        self
    }

    /// The same task with one more thing that must hold for it to be done.
    #[must_use]
    pub fn with_criterion(mut self, criterion: Criterion) -> Self {
        self.criteria.push(criterion);
        self
    }

    /// The same task, tried again so often when it fails.
    #[must_use]
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
        self
    }

    /// The same task with at most this share of the budget.
    #[must_use]
    pub fn with_budget_share(mut self, share: f64) -> Self {
        self.budget_share = Some(share);
        self
    }

    /// The same task, split into these.
    #[must_use]
    pub fn split(mut self, subtasks: impl IntoIterator<Item = Self>) -> Self {
        self.subtasks.extend(subtasks);
        self
    }

    /// The places of the tasks of one level that no other one of it needs, by its dependencies or by what it refers to: what comes
    /// of the level is theirs.
    pub fn last_of(tasks: &[Self]) -> impl Iterator<Item = usize> {
        let declared = tasks.iter().flat_map(|task| &task.dependencies).cloned();
        let needed: BTreeSet<String> = declared.chain(tasks.iter().flat_map(Self::refers_to)).collect();
        let last = tasks.iter().enumerate().filter(move |(_, task)| !needed.contains(&task.id));
        last.map(|(place, _)| place)
    }

    /// The tasks that it refers to, or one of its subtasks. What is no good as a reference is none here.
    fn refers_to(&self) -> Vec<String> {
        let is_below = |id: &String| self.subtasks.iter().any(|task| task.id == *id);
        let mut found: Vec<String> = self.subtasks.iter().flat_map(Self::refers_to).collect();
        found.retain(|id| !is_below(id));
        for value in self.inputs.values() {
            let _ = reference::each(value, &mut |_, reference| found.push(reference.task));
        }
        found
    }

    /// Whether it is worked on itself.
    pub fn is_leaf(&self) -> bool {
        self.subtasks.is_empty()
    }
}
