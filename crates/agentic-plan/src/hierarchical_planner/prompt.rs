//! What a model is asked, and told of the whole where it plans a part.

use std::collections::BTreeMap;

use agentic_core::Task;

use super::Part;
use crate::LlmPlanner;
use crate::render::first_line;

pub(super) const SPLIT: &str = "You decide whether a task of a plan is worked on as it is, or is split into smaller tasks first. \
    Whoever works on it reads its description and the results of the tasks that it depends on, and works on it in one go. Split \
    it only if it has parts that are each work of their own and that one would not do in one go: a task that is split costs more \
    than one that is not. First say briefly why, then whether it is split.";

/// Whether a task is to be split.
pub(super) fn whether(planner: &LlmPlanner, part: Part<'_>) -> String {
    let mut asked = names("The agents that there are", &planner.agents);
    asked.push_str(&names("The tools that there are", &planner.tools));
    if !part.context.trim().is_empty() {
        asked.push_str("What is known:\n");
    }
    let (path, description) = (part.path, part.description());
    asked + &whole(part) + &format!("Is task `{path}` to be split into smaller ones?\n{description}")
}

/// What is known where a task is planned alone.
pub(super) fn alone(part: Part<'_>) -> String {
    let way = part.way();
    let mut given: Vec<String> =
        way.iter().flat_map(|task| &task.dependencies).map(|id| format!("the result of `{id}`")).collect();
    given.extend(way.iter().flat_map(|task| task.inputs.keys()).map(|name| format!("the input `{name}`")));
    let given = match given.is_empty() {
        true => String::new(),
        false => format!(" Whoever works on a part of it reads {} besides.", given.join(", ")),
    };
    whole(part)
        + &format!(
            "What is planned now is task `{}` alone, as others do the others.{given} Its parts can depend on each other, and on \
             none of the tasks above.",
            part.path
        )
}

fn whole(part: Part<'_>) -> String {
    let mut told = String::new();
    if !part.context.trim().is_empty() {
        told.push_str(&format!("{}\n\n", part.context.trim()));
    }
    told.push_str(&format!("The goal of the whole plan:\n{}\n\nThe plan so far:\n", part.goal.prompt()));
    outline(part.tasks, "", &mut told);
    told + "\n"
}

fn outline(tasks: &[Task], above: &str, told: &mut String) {
    for task in tasks {
        let path = format!("{above}{}", task.id);
        told.push_str(&format!("- `{path}`: {}", first_line(&task.description)));
        if !task.dependencies.is_empty() {
            told.push_str(&format!(" (after {})", ids(&task.dependencies)));
        }
        told.push('\n');
        outline(&task.subtasks, &format!("{path}/"), told);
    }
}

fn ids(ids: &[impl AsRef<str>]) -> String {
    ids.iter().map(|id| format!("`{}`", id.as_ref())).collect::<Vec<_>>().join(", ")
}

fn names(what: &str, of: &BTreeMap<String, String>) -> String {
    let lines: String = of.iter().map(|(name, does)| format!("- {name}: {does}\n")).collect();
    if lines.is_empty() { lines } else { format!("{what}:\n{lines}\n") }
}
