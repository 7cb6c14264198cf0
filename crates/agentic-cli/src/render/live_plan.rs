//! The plan of a run as it is at the moment.

use std::fmt::Write as _;

use agentic::core::{Plan, Task, TaskStatus};
use agentic::plan::Tree;
use serde_json::Value;

use super::one_line;

/// How much is shown at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    lines: usize,
    /// Characters of a line.
    width: usize,
}

impl Room {
    /// What there is on this terminal, with space for what is said above the plan; at most what is read at a glance.
    pub(crate) fn of(terminal: Option<(terminal_size::Width, terminal_size::Height)>) -> Self {
        let (width, height) = terminal.map_or((80, 24), |(width, height)| (width.0.into(), height.0.into()));
        Self { lines: usize::clamp(height, 7, 26) - 6, width: usize::clamp(width, 20, 122) - 2 }
    }
}

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

    /// Nobody works on any of it any more.
    pub(crate) fn end(&mut self) {
        self.plan.reopen();
    }

    /// Whether each of its tasks is done.
    pub(crate) fn is_fulfilled(&self) -> bool {
        self.plan.is_fulfilled()
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
    pub(crate) fn excerpt(&self, room: Room) -> String {
        let Room { lines: most, width } = room;
        let tree = self.tree();
        let (goal, tasks) = tree.split_once('\n').unwrap_or((&tree, ""));
        let tasks: Vec<&str> = tasks.lines().collect();
        let is = |line: &&str, status| line.trim_start().starts_with(agentic::plan::mark(status));
        let at_work = tasks.iter().filter(|line| is(line, TaskStatus::InProgress)).count();
        let mut left_for_next = most.saturating_sub(at_work);
        let is_shown = |line: &&str| {
            if tasks.len() <= most || is(line, TaskStatus::InProgress) {
                return true;
            }
            let fits = is(line, TaskStatus::Pending) && left_for_next > 0;
            left_for_next -= usize::from(fits);
            fits
        };
        let shown: Vec<&str> = tasks.iter().copied().filter(is_shown).take(most).collect();
        let mut text = one_line(goal, width);
        for line in &shown {
            let _ = write!(text, "\n{}", indented(line, width));
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
    let left = limit.saturating_sub(indent.len());
    indent + &one_line(line, left)
}

#[cfg(test)]
mod tests {
    use agentic::core::Goal;

    use super::*;

    const ROOM: Room = Room { lines: 20, width: 100 };

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
        assert_eq!(plan.excerpt(ROOM), "g\n▸ a  both\n  ✔ x  one\n  · y  two ← x\n· b  then ← a");
        plan.change("a/y", TaskStatus::InProgress, None);
        plan.change("a/y", TaskStatus::Failed, Some("no"));
        assert!(
            plan.excerpt(ROOM).ends_with("  ✘ y  two ← x (no)\n⊘ b  then ← a (task `a` failed)"),
            "{}",
            plan.excerpt(ROOM)
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
        let lines: Vec<String> = plan.excerpt(ROOM).lines().map(str::to_owned).collect();
        assert_eq!((lines.len(), lines[21].as_str()), (22, "10 of 50 have ended, 39 wait"));
        assert!(lines[1].starts_with("▸ t10") && lines[20].starts_with("· t29"), "{lines:?}");
        let small = plan.excerpt(Room::of(Some((terminal_size::Width(12), terminal_size::Height(8)))));
        assert_eq!(
            small, "g\n▸ t10  do it ← t09\n· t11  do it ← t10\n10 of 50 have ended, 39 wait",
            "what is at work comes before what waits"
        );
        plan.change("t10", TaskStatus::Failed, Some("no"));
        assert_eq!(plan.excerpt(ROOM), "g\n50 of 50 have ended, 0 wait", "what is blocked is over");
    }
}
