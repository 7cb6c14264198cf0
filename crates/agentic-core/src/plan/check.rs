//! What makes tasks a plan.

use std::collections::{BTreeMap, BTreeSet};

use super::error::PlanError;
use super::reference::{self, Wrong, is_of_id};
use super::task::Task;

/// Checks the tasks, and adds the dependencies that their references imply.
pub(super) fn check(tasks: &mut [Task]) -> Result<(), PlanError> {
    if tasks.is_empty() {
        return Err(PlanError::Empty);
    }
    if let Some(Outward { task, input, reference, .. }) = imply(tasks, "")?.into_iter().next() {
        let problem = "there is no such task beside it, or beside what it is a part of".to_owned();
        return Err(PlanError::Reference { task, input, reference, problem });
    }
    check_level(tasks, "")
}

pub(super) fn path(above: &str, id: &str) -> String {
    if above.is_empty() { id.to_owned() } else { format!("{above}/{id}") }
}

/// A reference to a task that is not on the level of the one that has it.
struct Outward {
    task: String,
    input: String,
    reference: String,
    to: String,
}

/// A task that refers to a result depends on it: on the level where that task is. Gives the references to tasks that are not on
/// this level.
fn imply(tasks: &mut [Task], above: &str) -> Result<Vec<Outward>, PlanError> {
    let ids: BTreeSet<String> = tasks.iter().map(|task| task.id.clone()).collect();
    let mut outward = Vec::new();
    for task in tasks {
        let here = path(above, &task.id);
        let mut references = references(task, &here)?;
        references.extend(imply(&mut task.subtasks, &here)?);
        for reference in references {
            if !ids.contains(&reference.to) {
                outward.push(reference);
            } else if reference.to == task.id {
                let problem = match reference.task == here {
                    true => "a task has no result while it is worked on; leave it out",
                    false => "what a task is a part of has no result while it is worked on; leave it out",
                };
                let Outward { task, input, reference, .. } = reference;
                return Err(PlanError::Reference { task, input, reference, problem: problem.to_owned() });
            } else if !task.dependencies.contains(&reference.to) {
                task.dependencies.push(reference.to);
            }
        }
    }
    Ok(outward)
}

fn references(task: &Task, here: &str) -> Result<Vec<Outward>, PlanError> {
    let mut found = Vec::new();
    for (input, value) in &task.inputs {
        let mut give = |whole: &str, reference: reference::Reference| {
            let (task, input) = (here.to_owned(), input.clone());
            found.push(Outward { task, input, reference: whole.to_owned(), to: reference.task });
        };
        reference::each(value, &mut give).map_err(|wrong| of_input(here, input, wrong))?;
    }
    Ok(found)
}

pub(super) fn of_input(task: &str, input: &str, Wrong { reference, problem }: Wrong) -> PlanError {
    PlanError::Reference { task: task.to_owned(), input: input.to_owned(), reference, problem }
}

/// Checks the tasks of one level, and below each of them its subtasks.
fn check_level(tasks: &[Task], above: &str) -> Result<(), PlanError> {
    let path = |id: &str| path(above, id);
    let mut open: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for task in tasks {
        if task.id.is_empty() || !task.id.chars().all(is_of_id) {
            return Err(PlanError::InvalidId { task: path(&task.id) });
        }
        if task.description.trim().is_empty() {
            return Err(PlanError::NoDescription { task: path(&task.id) });
        }
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
    // Takes away whatever depends on nothing that is left; what can't be taken away is in a cycle, or behind one.
    let mut dependents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, needs) in &open {
        needs.iter().for_each(|need| dependents.entry(need).or_default().push(id));
    }
    let mut free: Vec<_> = open.iter().filter(|(_, needs)| needs.is_empty()).map(|(id, _)| *id).collect();
    while let Some(id) = free.pop() {
        open.remove(id);
        for dependent in dependents.remove(id).unwrap_or_default() {
            let Some(needs) = open.get_mut(dependent) else { continue };
            needs.remove(id);
            if needs.is_empty() {
                free.push(dependent);
            }
        }
    }
    if !open.is_empty() {
        return Err(PlanError::Cycle { tasks: cycle(&open).into_iter().map(path).collect() });
    }
    tasks.iter().try_for_each(|task| {
        if !task.criteria.is_empty() && ends(&task.subtasks).count() > 1 {
            return Err(PlanError::Criteria { task: path(&task.id) });
        }
        if let Some(share) = task.budget_share.filter(|share| !(*share > 0.0 && *share <= 1.0)) {
            return Err(PlanError::BudgetShare { task: path(&task.id), share: share.to_string() });
        }
        check_level(&task.subtasks, &path(&task.id))
    })
}

/// The tasks of one level that no other one of it needs.
pub(super) fn ends(tasks: &[Task]) -> impl Iterator<Item = &Task> {
    Task::last_of(tasks).map(|place| &tasks[place])
}

/// The tasks of one cycle, each before the one that it waits for. All of `open` wait for others of it.
fn cycle<'a>(open: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<&'a str> {
    let (mut walked, mut places) = (Vec::new(), BTreeMap::new());
    let mut next = open.keys().next().copied();
    while let Some(id) = next {
        if let Some(first) = places.insert(id, walked.len()) {
            return walked.split_off(first);
        }
        walked.push(id);
        next = open.get(id).and_then(|needs| needs.first()).copied();
    }
    walked
}
