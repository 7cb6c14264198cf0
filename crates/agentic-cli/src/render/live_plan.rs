//! The plan of a run as it is at the moment.

use std::fmt::Write as _;

use agentic::core::{Plan, Task, TaskStatus};
use agentic::plan::Tree;
use serde_json::Value;

use super::one_line;

/// Lines that are shown at a time, and characters of each.
const LINES: usize = 20;
const LINE: usize = 100;

/// A plan that follows the events of the scope in which it was made.
pub(crate) struct LivePlan {
    scope: String,
    plan: Plan,
}

impl LivePlan {
    pub(crate) fn new(scope: &str, plan: &Plan) -> Self {
        Self { scope: scope.to_owned(), plan: plan.clone() }
    }

    /// Whether it is the plan of this scope.
    pub(crate) fn is_of(&self, scope: &str) -> bool {
        self.scope == scope
    }

    /// Whether that scope is in the plan's own, as that of a plan of one of its tasks.
    pub(crate) fn holds(&self, scope: &str) -> bool {
        match scope.strip_prefix(&*self.scope) {
            Some(below) if self.scope.is_empty() => !below.is_empty(),
            Some(below) => below.starts_with('/'),
            None => false,
        }
    }

    /// Tasks came to it.
    pub(crate) fn extend(&mut self, tasks: &[Task]) {
        // What its executor has taken is a plan.
        let _ = self.plan.extend(tasks.iter().cloned());
    }

    /// A task is somewhere else. What becomes of others by that, the plan knows itself: of them it is told in vain.
    pub(crate) fn change(&mut self, task: &str, status: TaskStatus, error: Option<&str>) {
        let _ = match status {
            TaskStatus::InProgress => self.plan.begin(task),
            TaskStatus::Completed => self.plan.complete(task, Value::Null),
            TaskStatus::Failed => self.plan.fail(task, error.unwrap_or_default()),
            TaskStatus::Pending | TaskStatus::Blocked => Ok(()),
        };
    }

    /// The plan itself.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// As a tree, whole.
    pub(crate) fn tree(&self) -> String {
        Tree(&self.plan).to_string()
    }

    /// As a tree that fits on a screen: of a long one what is worked on and what comes next.
    pub(crate) fn excerpt(&self) -> String {
        let tree = self.tree();
        let (goal, tasks) = tree.split_once('\n').unwrap_or((&tree, ""));
        let tasks: Vec<&str> = tasks.lines().collect();
        let is = |line: &&str, status| line.trim_start().starts_with(agentic::plan::mark(status));
        let at_work = tasks.iter().filter(|line| is(line, TaskStatus::InProgress)).count();
        let mut left_for_next = LINES.saturating_sub(at_work);
        let is_shown = |line: &&str| {
            if tasks.len() <= LINES || is(line, TaskStatus::InProgress) {
                return true;
            }
            let fits = is(line, TaskStatus::Pending) && left_for_next > 0;
            left_for_next -= usize::from(fits);
            fits
        };
        let shown: Vec<&str> = tasks.iter().copied().filter(is_shown).take(LINES).collect();
        let mut text = one_line(goal, LINE);
        for line in &shown {
            let _ = write!(text, "\n{}", indented(line, LINE));
        }
        if shown.len() < tasks.len() {
            let waiting = tasks.iter().filter(|line| is(line, TaskStatus::Pending)).count();
            let ended = tasks.len() - waiting - at_work;
            let _ = write!(text, "\n{ended} of {} have ended, {waiting} wait", tasks.len());
        }
        text
    }
}

/// A line with the space before it, which tells what it is a part of.
pub(crate) fn indented(line: &str, limit: usize) -> String {
    let indent: String = line.chars().take_while(|c| *c == ' ').take(limit).collect();
    indent + &one_line(line, limit)
}

#[cfg(test)]
mod tests {
    use agentic::core::Goal;

    use super::*;

    fn live(tasks: Vec<Task>) -> LivePlan {
        LivePlan::new("", &Plan::new(Goal::new("g"), tasks).unwrap())
    }

    #[test]
    fn a_plan_follows_its_tasks() {
        let none: [&str; 0] = [];
        let split =
            Task::new("a", "both", none).split([Task::new("x", "one", none), Task::new("y", "two", ["x"])]);
        let mut plan = live(vec![split, Task::new("b", "then", ["a"])]);
        plan.change("a/x", TaskStatus::InProgress, None);
        plan.change("a", TaskStatus::InProgress, None);
        plan.change("a/x", TaskStatus::Completed, None);
        assert_eq!(plan.excerpt(), "g\n▸ a  both\n  ✔ x  one\n  · y  two ← x\n· b  then ← a");
        plan.change("a/y", TaskStatus::InProgress, None);
        plan.change("a/y", TaskStatus::Failed, Some("no"));
        assert!(
            plan.excerpt().ends_with("  ✘ y  two ← x (no)\n⊘ b  then ← a (task `a` failed)"),
            "{}",
            plan.excerpt()
        );
    }

    #[test]
    fn of_a_long_plan_what_is_next_is_shown() {
        let tasks = (0_u32..50)
            .map(|n| Task::new(format!("t{n:02}"), "do it", n.checked_sub(1).map(|n| format!("t{n:02}"))));
        let mut plan = live(tasks.collect());
        for n in 0..10 {
            let id = format!("t{n:02}");
            plan.change(&id, TaskStatus::InProgress, None);
            plan.change(&id, TaskStatus::Completed, None);
        }
        plan.change("t10", TaskStatus::InProgress, None);
        let lines: Vec<String> = plan.excerpt().lines().map(str::to_owned).collect();
        assert_eq!((lines.len(), lines[21].as_str()), (22, "10 of 50 have ended, 39 wait"));
        assert!(lines[1].starts_with("▸ t10") && lines[20].starts_with("· t29"), "{lines:?}");
        plan.change("t10", TaskStatus::Failed, Some("no"));
        assert_eq!(plan.excerpt(), "g\n50 of 50 have ended, 0 wait", "what is blocked is over");
    }
}
