//! A task as who works on it gets it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Plan;
use super::check::{ends, of_input, path};
use super::error::PlanError;
use super::progress::find;
use super::reference::{self, Reference};
use super::task::Task;

/// One level on the way down to a task.
struct Level<'p> {
    /// The path of the task whose subtasks they are; empty at the top.
    above: String,
    tasks: &'p [Task],
}

/// What a task is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Purpose<'p> {
    /// In words.
    pub text: &'p str,
    /// Whether what comes of the task is all that comes of it: no other task is a last one beside it.
    pub is_whole: bool,
}

impl Plan {
    /// The task at this path as who works on it gets it.
    ///
    /// What it is a part of holds for it too. It may use the tools that all of these may. Where it does not say which agent
    /// works on it, or how often it is tried again, the nearest of them that does is heeded. What must hold for one that is
    /// split must hold for the last of its subtasks, whose result is its own.
    ///
    /// Its inputs are the goal's, those of what it is a part of, and its own; of the same name the innermost. The results that
    /// they refer to are in them. Results that it, or what it is a part of, depends on and that none refers to come along, each
    /// under its task's id; where that name is taken, by an input or a result further in, under `PATH.result`.
    ///
    /// # Errors
    /// [`PlanError::NoTask`], and [`PlanError::Reference`] if a result is not there, or has no such part.
    pub fn assigned(&self, path: &str) -> Result<Task, PlanError> {
        let none = || PlanError::NoTask { task: path.to_owned() };
        let (mut levels, mut way) = (Vec::new(), Vec::<&Task>::new());
        let mut next = Level { above: String::new(), tasks: self.tasks() };
        for id in path.split('/') {
            let task = find(next.tasks, id).ok_or_else(none)?;
            let below = Level { above: self::path(&next.above, id), tasks: &task.subtasks };
            levels.push(std::mem::replace(&mut next, below));
            way.push(task);
        }
        let (own, above) = way.split_last().ok_or_else(none)?;
        let mut assigned = (*own).clone();
        for task in above.iter().rev() {
            assigned.tools = both(assigned.tools, task.tools.as_ref());
            assigned.agent = assigned.agent.or_else(|| task.agent.clone());
            assigned.retries = assigned.retries.or(task.retries);
        }
        for (place, task) in above.iter().enumerate().rev() {
            let is_end =
                ends(&task.subtasks).any(|end| way.get(place + 1).is_some_and(|next| end.id == next.id));
            if !is_end {
                break;
            }
            assigned.criteria.extend(task.criteria.iter().cloned());
        }
        assigned.inputs = self.inputs(path, &levels, &way)?;
        Ok(assigned)
    }

    /// What the task at this path is a part of, if who works on it [reads](Task::reads_goal) that: the goal's text, or the
    /// description of the task that it is a subtask of. Where that one reads its own purpose, it is that.
    pub fn purpose(&self, path: &str) -> Option<Purpose<'_>> {
        let (mut purpose, mut is_whole) = (None, true);
        let mut here = Some(path);
        while let Some(path) = here.filter(|path| self.task(path).is_some_and(|task| task.reads_goal)) {
            here = path.rsplit_once('/').map(|(above, _)| above);
            let (level, text) = match here {
                Some(above) => {
                    let task = self.task(above)?;
                    (&*task.subtasks, task.description.as_str())
                }
                None => (self.tasks(), self.goal().text.as_str()),
            };
            let id = path.rsplit('/').next().unwrap_or_default();
            is_whole &= ends(level).all(|end| end.id == id);
            purpose = Some(Purpose { text, is_whole });
        }
        purpose
    }

    fn inputs(&self, of: &str, levels: &[Level<'_>], way: &[&Task]) -> Result<Map<String, Value>, PlanError> {
        let mut inputs = self.goal().inputs.clone();
        // Of the inputs by name: what an inner one takes the place of refers to nothing any more.
        let mut references: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut needed = Vec::new();
        for (depth, task) in way.iter().enumerate() {
            let seen = &levels[..=depth];
            for (name, value) in &task.inputs {
                let mut referred = Vec::new();
                let mut note = |_: &str, reference: Reference| {
                    referred.extend(found(seen, &reference.task).map(|(path, _)| path));
                };
                let result = |id: &str| found(seen, id).and_then(|(_, task)| task.result.as_ref());
                let filled = reference::each(value, &mut note)
                    .and_then(|()| reference::filled(value, &result))
                    .map_err(|wrong| of_input(of, name, wrong))?;
                references.insert(name, referred);
                inputs.insert(name.clone(), filled);
            }
            for id in &task.dependencies {
                needed.extend(found(&seen[depth..], id));
            }
        }
        let mut referred: BTreeSet<String> = references.into_values().flatten().collect();
        // The innermost first.
        for (path, task) in needed.into_iter().rev() {
            let Some(result) = &task.result else { continue };
            if !referred.insert(path.clone()) {
                continue;
            }
            let name = if inputs.contains_key(&task.id) { format!("{path}.result") } else { task.id.clone() };
            inputs.entry(name).or_insert_with(|| result.clone());
        }
        Ok(inputs)
    }
}

/// The task of this id that is nearest on the way up, and its path.
fn found<'p>(levels: &[Level<'p>], id: &str) -> Option<(String, &'p Task)> {
    levels.iter().rev().find_map(|level| Some((path(&level.above, id), find(level.tasks, id)?)))
}

/// The tools that are in both; no list has all.
fn both(tools: Option<Vec<String>>, others: Option<&Vec<String>>) -> Option<Vec<String>> {
    match (tools, others) {
        (Some(tools), Some(others)) => Some(tools.into_iter().filter(|tool| others.contains(tool)).collect()),
        (Some(tools), None) => Some(tools),
        (None, others) => others.cloned(),
    }
}
