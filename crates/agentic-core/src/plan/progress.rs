//! How a plan goes on: which tasks can be begun, and what becomes of the others when one ends.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Plan;
use super::check::{ends, path};
use super::error::PlanError;
use super::task::{Task, TaskStatus};

/// Execution: how far its tasks are. What they are stays.
impl Plan {
    /// The task at this path, `a/b` for the subtask `b` of `a`.
    pub fn task(&self, path: &str) -> Option<&Task> {
        let mut ids = path.split('/');
        let first = find(&self.tasks, ids.next()?)?;
        ids.try_fold(first, |task, id| find(&task.subtasks, id))
    }

    /// The paths of the tasks that can be begun now, in the planner's order.
    pub fn next_tasks(&self) -> Vec<String> {
        let mut next = Vec::new();
        add_next(&self.tasks, "", &mut next);
        next
    }

    /// Whether nothing can run any more: each task is completed, failed, or blocked by one that failed.
    pub fn is_complete(&self) -> bool {
        !self.tasks.iter().any(|task| task.status.is_open())
    }

    /// Whether each task is completed.
    pub fn is_fulfilled(&self) -> bool {
        self.tasks.iter().all(|task| task.status == TaskStatus::Completed)
    }

    /// What came of it: the result of the task that no other one needs; of several, an object with the result of each under
    /// its id, null where there is none. What is [left over](super::Replanned::left_over) from versions before counts only where
    /// there is nothing else. Where none of these has a result, an object with what there is: the results of the tasks that are
    /// done and that no task which is done needs on their level, under their paths; null if there is none.
    pub fn result(&self) -> Value {
        let is_left =
            |task: &&Task| self.replanned.iter().any(|version| version.left_over.contains(&task.id));
        let (left, last): (Vec<&Task>, Vec<&Task>) = ends(&self.tasks).partition(is_left);
        let last = if last.is_empty() { left } else { last };
        if last.iter().any(|task| task.result.is_some()) {
            return result_of(last);
        }
        let mut done = Map::new();
        add_done(&self.tasks, "", &mut done);
        if done.is_empty() { Value::Null } else { Value::Object(done) }
    }

    /// The task at this path is worked on.
    ///
    /// # Errors
    /// [`PlanError::NoTask`], and [`PlanError::Status`] if it has begun or ended. Then the plan is as it was.
    pub fn begin(&mut self, path: &str) -> Result<(), PlanError> {
        self.change(path, |status| status == TaskStatus::Pending, |task| task.status = TaskStatus::InProgress)
    }

    /// What was being worked on waits again: nobody works on it any more.
    pub fn reopen(&mut self) {
        reopen(&mut self.tasks);
        settle(&mut self.tasks);
    }

    /// The task at this path is done, and this came of it.
    ///
    /// # Errors
    /// [`PlanError::NoTask`], and [`PlanError::Status`] if it has ended. Then the plan is as it was.
    pub fn complete(&mut self, path: &str, result: impl Into<Value>) -> Result<(), PlanError> {
        self.change(path, TaskStatus::is_open, |task| {
            (task.status, task.result, task.error) = (TaskStatus::Completed, Some(result.into()), None);
        })
    }

    /// The task at this path failed. What depends on it is blocked.
    ///
    /// # Errors
    /// [`PlanError::NoTask`], and [`PlanError::Status`] if it has ended. Then the plan is as it was.
    pub fn fail(&mut self, path: &str, error: impl Into<String>) -> Result<(), PlanError> {
        self.change(path, TaskStatus::is_open, |task| {
            (task.status, task.error) = (TaskStatus::Failed, Some(error.into()));
        })
    }

    fn change(
        &mut self,
        path: &str,
        fits: impl FnOnce(TaskStatus) -> bool,
        change: impl FnOnce(&mut Task),
    ) -> Result<(), PlanError> {
        let status = self.task(path).filter(|task| task.is_leaf()).map(|task| task.status);
        let status = status.ok_or_else(|| PlanError::NoTask { task: path.to_owned() })?;
        if !fits(status) {
            return Err(PlanError::Status { task: path.to_owned(), status });
        }
        change_below(&mut self.tasks, path, change);
        Ok(())
    }
}

pub(super) fn find<'a>(tasks: &'a [Task], id: &str) -> Option<&'a Task> {
    tasks.iter().find(|task| task.id == id)
}

fn add_next(tasks: &[Task], above: &str, next: &mut Vec<String>) {
    let done: BTreeSet<&str> = tasks
        .iter()
        .filter(|task| task.status == TaskStatus::Completed)
        .map(|task| task.id.as_str())
        .collect();
    for task in tasks.iter().filter(|task| task.status.is_open()) {
        if !task.dependencies.iter().all(|needed| done.contains(needed.as_str())) {
            continue;
        }
        match task.is_leaf() {
            true if task.status == TaskStatus::Pending => next.push(path(above, &task.id)),
            true => {}
            false => add_next(&task.subtasks, &path(above, &task.id), next),
        }
    }
}

/// What came of these, which no other task needs.
fn result_of(last: Vec<&Task>) -> Value {
    let result = |task: &Task| task.result.clone().unwrap_or_default();
    match last[..] {
        [only] => result(only),
        _ => Value::Object(last.iter().map(|task| (task.id.clone(), result(task))).collect()),
    }
}

/// The results that nothing else has used, of tasks that are done, by their paths.
fn add_done(tasks: &[Task], above: &str, done: &mut Map<String, Value>) {
    let is_done = |task: &&Task| task.status == TaskStatus::Completed;
    let used: BTreeSet<&str> =
        tasks.iter().filter(is_done).flat_map(|task| &task.dependencies).map(String::as_str).collect();
    for task in tasks {
        match &task.result {
            Some(result) if is_done(&task) && !used.contains(task.id.as_str()) => {
                done.insert(path(above, &task.id), result.clone());
            }
            Some(_) => {}
            None => add_done(&task.subtasks, &path(above, &task.id), done),
        }
    }
}

/// Changes the task at this path, and what follows from that on its level and above.
fn change_below(tasks: &mut [Task], path: &str, change: impl FnOnce(&mut Task)) {
    let (id, below) = path.split_once('/').map_or((path, None), |(id, below)| (id, Some(below)));
    let Some(task) = tasks.iter_mut().find(|task| task.id == id) else { return };
    match below {
        None => change(task),
        Some(below) => {
            change_below(&mut task.subtasks, below, change);
            sum_up(task);
        }
    }
    if task.status == TaskStatus::Failed {
        block(tasks);
    }
}

fn reopen(tasks: &mut [Task]) {
    for task in tasks.iter_mut().filter(|task| task.status == TaskStatus::InProgress) {
        reopen(&mut task.subtasks);
        task.status = TaskStatus::Pending;
        if !task.is_leaf() {
            sum_up(task);
        }
    }
}

/// The status of a task with subtasks is what theirs make it.
fn sum_up(task: &mut Task) {
    let any = |is: &dyn Fn(TaskStatus) -> bool| task.subtasks.iter().any(|task| is(task.status));
    let open = any(&TaskStatus::is_open);
    task.status = match task.status {
        TaskStatus::Blocked => TaskStatus::Blocked,
        _ if open && any(&|status| status != TaskStatus::Pending) => TaskStatus::InProgress,
        _ if open => TaskStatus::Pending,
        _ if any(&|status| status != TaskStatus::Completed) => TaskStatus::Failed,
        _ => TaskStatus::Completed,
    };
    match task.status {
        TaskStatus::Completed => task.result = Some(result_of(ends(&task.subtasks).collect())),
        TaskStatus::Failed => {
            let failed = task.subtasks.iter().find(|task| task.status == TaskStatus::Failed);
            task.error = failed.map(|failed| {
                format!(
                    "its subtask `{}` failed: {}",
                    failed.id,
                    failed.error.as_deref().unwrap_or("no reason")
                )
            });
        }
        _ => {}
    }
}

/// What depends on a task that failed is blocked, and what depends on that.
fn block(tasks: &mut [Task]) {
    let mut dependents: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, task) in tasks.iter().enumerate() {
        task.dependencies.iter().for_each(|needed| dependents.entry(needed).or_default().push(place));
    }
    let failed = tasks.iter().filter(|task| matches!(task.status, TaskStatus::Failed | TaskStatus::Blocked));
    let mut spread: Vec<(&str, &str)> = failed.map(|task| (&*task.id, &*task.id)).collect();
    let mut blocked: BTreeMap<usize, String> = BTreeMap::new();
    while let Some((id, cause)) = spread.pop() {
        for place in dependents.get(id).into_iter().flatten() {
            let task = &tasks[*place];
            if waits(task) && !blocked.contains_key(place) {
                blocked.insert(*place, format!("task `{cause}` failed"));
                spread.push((&task.id, cause));
            }
        }
    }
    for (place, error) in blocked {
        block_all(&mut tasks[place], &error);
    }
}

/// Whether a task, or a part of one, has not begun.
fn waits(task: &Task) -> bool {
    match task.is_leaf() {
        true => task.status == TaskStatus::Pending,
        false => task.status.is_open() && task.subtasks.iter().any(waits),
    }
}

/// Blocks what of a task has not begun. What was begun before its turn goes on.
fn block_all(task: &mut Task, error: &str) {
    task.subtasks.iter_mut().filter(|task| waits(task)).for_each(|task| block_all(task, error));
    if !task.subtasks.iter().any(|task| task.status.is_open()) {
        (task.status, task.error) = (TaskStatus::Blocked, Some(error.to_owned()));
    }
}

/// Brings in order what a plan that is read says of tasks with subtasks, and of those behind failed ones.
pub(super) fn settle(tasks: &mut [Task]) {
    for task in tasks.iter_mut().filter(|task| !task.is_leaf()) {
        settle(&mut task.subtasks);
        sum_up(task);
    }
    block(tasks);
}
