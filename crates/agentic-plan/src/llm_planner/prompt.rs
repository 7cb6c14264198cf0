//! What a model is asked.

use std::collections::BTreeMap;

use agentic_core::{Goal, Plan, Task, TaskStatus, value_text};
use serde_json::Value;

use super::LlmPlanner;
use super::draft::Names;

const RULES: &str = "You split a goal into tasks, as few as will do: often one is enough. Each task is done by a worker who reads \
    its description and the results of the tasks that it comes after, and nothing else: so say in it all that the worker needs, \
    with the names and numbers of the goal. `after` lists the tasks whose results it needs; the first task is t1, the second one \
    t2. Tasks that need nothing of each other do not come after each other: they run at the same time. Make no task that only \
    opens, repeats, checks or announces something. The last task gives what the goal asks for.";

const EXAMPLES: &str = r#"Goal: Which year is named in history.txt?
{"tasks": [{"description": "Find out which year is named in history.txt.", "after": []}]}

Goal: Compare the prices of tea in miller.txt and smith.txt.
{"tasks": [{"description": "Find the price of tea in miller.txt.", "after": []}, {"description": "Find the price of tea in smith.txt.", "after": []}, {"description": "Say which of the two prices of tea, of Miller and of Smith, is lower.", "after": ["t1", "t2"]}]}

Goal: How many eggs do the recipes in cake.txt and pie.txt need in all?
{"tasks": [{"description": "Find out how many eggs the recipe in cake.txt needs.", "after": []}, {"description": "Find out how many eggs the recipe in pie.txt needs.", "after": []}, {"description": "Add the two numbers of eggs.", "after": ["t1", "t2"]}]}"#;

pub(super) fn system(planner: &LlmPlanner) -> String {
    format!("{}Examples:\n\n{EXAMPLES}", system_again(planner))
}

/// Without the examples: weak models take them for what went wrong.
pub(super) fn system_again(planner: &LlmPlanner) -> String {
    format!("{RULES}\n\n{}", given(planner))
}

/// So many bytes of a result are shown to who plans again.
const RESULT: usize = 1_000;

pub(super) fn first(planner: &LlmPlanner, goal: &Goal, context: &str) -> String {
    let (mut prompt, max_tasks) = (String::new(), planner.max_tasks);
    if !context.trim().is_empty() {
        prompt.push_str(&format!("What is known:\n{}\n\n", context.trim()));
    }
    let whole = goal.prompt();
    prompt.push_str(whole.strip_suffix(&*goal.text).unwrap_or_default());
    prompt + &format!("At most {max_tasks} tasks, as few as will do. Goal: {}", goal.text)
}

/// What is said where a plan is written piece by piece.
pub(super) fn piece(at_a_time: usize) -> String {
    let what = if at_a_time == 1 { "task".to_owned() } else { format!("{at_a_time} tasks") };
    format!("Write the first {what} now, those that others need first; then you are asked for the next.")
}

/// What is said after a piece.
pub(super) fn go_on(begins: &str) -> String {
    format!("Go on with {begins}.")
}

pub(super) fn again(planner: &LlmPlanner, plan: &Plan, names: &Names, context: &str) -> String {
    let (mut prompt, max_tasks) = (String::new(), planner.max_tasks);
    prompt.push_str(&format!(
        "The goal:\n{}\n\nA plan for it has failed. What is done, and stays:\n",
        plan.goal().prompt()
    ));
    let (mut done, mut open) = (String::new(), String::new());
    tell(plan.tasks(), &mut done, &mut open);
    let nothing = || "nothing\n".to_owned();
    prompt.push_str(&Some(done).filter(|done| !done.is_empty()).unwrap_or_else(nothing));
    prompt.push_str(&format!(
        "\nWhat was planned and is not done:\n{open}\nWhat went wrong:\n{}\n\n",
        context.trim()
    ));
    prompt
        + &format!(
            "Plan the rest of the goal in another way, in at most {max_tasks} tasks, as few as will do. Do nothing again that \
             is done: new tasks may come after done ones, by their names. The first new task is {}. Goal: {}",
            names.begins(),
            plan.goal().text
        )
}

/// What is done and what is not: of tasks at the top, as those that come may depend on them, and of one that is done in part its
/// parts.
fn tell(tasks: &[Task], done: &mut String, open: &mut String) {
    for task in tasks {
        let Task { id, description, .. } = task;
        match task.status {
            TaskStatus::Completed => done.push_str(&line("", id, task)),
            _ => {
                let (mut parts, mut left) = (String::new(), String::new());
                tell_parts(&task.subtasks, id, &mut parts, &mut left);
                if !parts.is_empty() {
                    done.push_str(&format!(
                        "- `{id}`: {description}\n  not all of it, but these parts, after which tasks come as after `{id}`:\n{parts}"
                    ));
                }
                open.push_str(&match parts.is_empty() {
                    true => format!("- `{id}`: {description}\n"),
                    false => left,
                });
            }
        }
    }
}

fn tell_parts(tasks: &[Task], above: &str, done: &mut String, open: &mut String) {
    for task in tasks {
        let path = format!("{above}/{}", task.id);
        match task.status {
            TaskStatus::Completed => done.push_str(&line("  ", &path, task)),
            _ if task.is_leaf() => open.push_str(&format!("- `{path}`: {}\n", task.description)),
            _ => tell_parts(&task.subtasks, &path, done, open),
        }
    }
}

/// A task that is done.
fn line(indent: &str, path: &str, task: &Task) -> String {
    let result = task.result.as_ref().map(shown).unwrap_or_default();
    format!("{indent}- `{path}`: {}\n{indent}  result: {result}\n", task.description)
}

fn shown(result: &Value) -> String {
    let text = value_text(result);
    match text.floor_char_boundary(RESULT) {
        cut if cut < text.len() => format!("{}… ({} bytes more)", &text[..cut], text.len() - cut),
        _ => text.into_owned(),
    }
}

/// What there is to plan with.
fn given(planner: &LlmPlanner) -> String {
    list("The agents that there are", &planner.agents) + &list("The tools that there are", &planner.tools)
}

fn list(what: &str, of: &BTreeMap<String, String>) -> String {
    if of.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = of.iter().map(|(name, does)| format!("- {name}: {does}")).collect();
    format!("{what}:\n{}\n\n", lines.join("\n"))
}
