//! What is wrong with a plan.

use thiserror::Error;

use super::task::TaskStatus;

/// Why tasks are not a plan, or a plan can't go on like this. Tasks are named by their paths, `a/b` for the subtask `b` of `a`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// There are none.
    #[error("a plan needs at least one task")]
    Empty,
    /// A task has an id that can't be referred to.
    #[error("`{}` is no id of a task; use letters, digits, `_` and `-`", one_line(.task))]
    InvalidId {
        /// The id's path.
        task: String,
    },
    /// A task has no description.
    #[error("task `{task}` has no description; say what is to be done")]
    NoDescription {
        /// The task's path.
        task: String,
    },
    /// Two tasks have the same id.
    #[error("two tasks are called `{task}`; give each its own id")]
    Duplicate {
        /// The id's path.
        task: String,
    },
    /// A task depends on one that does not exist.
    #[error(
        "task `{task}` depends on `{}`, which is not in the plan; add that task, or leave the dependency out",
        one_line(.dependency)
    )]
    Unknown {
        /// The task's path.
        task: String,
        /// What it depends on.
        dependency: String,
    },
    /// Tasks wait for each other.
    #[error("these tasks wait for each other: {}; remove a dependency, or a reference in an input", tasks.join(", "))]
    Cycle {
        /// Their paths.
        tasks: Vec<String>,
    },
    /// An input refers to something that can't be there.
    #[error(
        "input `{}` of task `{}` has the reference `{}`: {}",
        one_line(.input), one_line(.task), one_line(.reference), one_line(.problem)
    )]
    Reference {
        /// The task's path.
        task: String,
        /// The input's name.
        input: String,
        /// The reference as it stands there.
        reference: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A task that is split into several last ones has criteria: its result is none that one of them brings.
    #[error(
        "task `{task}` has criteria and several last subtasks; add one that depends on these and joins them, or move the criteria"
    )]
    Criteria {
        /// The task's path.
        task: String,
    },
    /// A task's share of the budget is none.
    #[error(
        "task `{task}` has a budget share of {share}; write a number above 0 and up to 1, as 0.25 for a quarter"
    )]
    BudgetShare {
        /// The task's path.
        task: String,
        /// What it says.
        share: String,
    },
    /// There is no such task to go on with.
    #[error(
        "there is no task `{task}` in the plan that is worked on itself; name one without subtasks by its path"
    )]
    NoTask {
        /// The path.
        task: String,
    },
    /// The task is somewhere else in its life.
    #[error("task `{task}` is {status:?} already; a task begins and ends once")]
    Status {
        /// The task's path.
        task: String,
        /// Where it is.
        status: TaskStatus,
    },
}

/// What somebody wrote, as it is shown: without control characters, line ends among them.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}
