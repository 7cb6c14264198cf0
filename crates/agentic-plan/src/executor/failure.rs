//! What failed in a plan, in words.

use agentic_core::{GoalVerdict, Outcome, Plan, Task, TaskStatus};

use super::Executed;

/// The tasks that failed themselves, with their paths, in the planner's order.
pub(super) fn failed(plan: &Plan) -> Vec<(String, &Task)> {
    let mut found = Vec::new();
    collect(plan.tasks(), "", &mut found);
    found
}

fn collect<'p>(tasks: &'p [Task], above: &str, found: &mut Vec<(String, &'p Task)>) {
    for task in tasks {
        let path = format!("{above}{}", task.id);
        if task.is_leaf() && task.status == TaskStatus::Failed {
            found.push((path, task));
        } else {
            collect(&task.subtasks, &format!("{path}/"), found);
        }
    }
}

/// A goal with tasks that are not done is not met, whatever its criteria say.
pub(super) fn tell(Executed { plan, unwritten, open, .. }: &Executed, outcome: &mut Outcome) {
    if !plan.is_fulfilled() || unwritten.is_some() {
        outcome.verdict = GoalVerdict::NotMet;
    }
    outcome
        .evidence
        .extend(unwritten.iter().map(|error| format!("the plan was not written to its end: {error}")));
    for (path, lines) in open {
        outcome.evidence.extend(lines.iter().map(|line| format!("task `{path}`: {line}")));
    }
    for (path, task) in failed(plan) {
        let error = task.error.as_deref().unwrap_or("no reason is known");
        outcome.evidence.push(format!("task `{path}` failed: {error}"));
    }
}

/// What is wrong with a planner's next version of a plan that has lost what was done.
pub(super) fn lost(plan: &Plan, next: &Plan) -> Option<String> {
    let number = plan.version() + 1;
    if next.version() != number {
        return Some(format!(
            "the planner's next plan is version {}, not {number}; make it with `Plan::next_version`",
            next.version()
        ));
    }
    let lost = first_lost(plan.tasks(), "", next)?;
    Some(format!(
        "the planner's next plan has lost `{lost}`, which is done; make it with `Plan::next_version`"
    ))
}

/// The first task that is done and not there with its result.
fn first_lost(tasks: &[Task], above: &str, next: &Plan) -> Option<String> {
    tasks.iter().find_map(|task| {
        let path = format!("{above}{}", task.id);
        let is_done = task.is_leaf() && task.status == TaskStatus::Completed;
        let stays = |kept: &Task| kept.status == TaskStatus::Completed && kept.result == task.result;
        if is_done && !next.task(&path).is_some_and(stays) {
            return Some(path);
        }
        first_lost(&task.subtasks, &format!("{path}/"), next)
    })
}

/// How many tasks are done, subtasks included.
pub(super) fn done(tasks: &[Task]) -> usize {
    let is_done = |task: &Task| usize::from(task.is_leaf() && task.status == TaskStatus::Completed);
    tasks.iter().map(|task| is_done(task) + done(&task.subtasks)).sum()
}
