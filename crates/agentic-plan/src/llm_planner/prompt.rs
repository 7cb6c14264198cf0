//! What a model is asked.

use std::collections::BTreeMap;

use agentic_core::{Goal, Plan, Task, TaskStatus};
use serde_json::Value;

use super::LlmPlanner;

pub(super) const SYSTEM: &str = "You split a goal into tasks. Each task is done by somebody who reads its description, and the \
    results of the tasks that it depends on, and nothing else: say in it all that they need to know, with names and numbers. \
    Tasks that need nothing of each other do not depend on each other, so that they run at the same time. Make no task \
    that only repeats, checks or announces another one. The last task gives what the goal asks for.";

/// So many bytes of a result are shown to who plans again.
const RESULT: usize = 1_000;

pub(super) fn first(planner: &LlmPlanner, goal: &Goal, context: &str) -> String {
    let (mut prompt, max_tasks) = (given(planner), planner.max_tasks);
    if !context.trim().is_empty() {
        prompt.push_str(&format!("What is known:\n{}\n\n", context.trim()));
    }
    prompt + &format!("Plan this goal, in at most {max_tasks} tasks, as few as will do:\n{}", goal.prompt())
}

pub(super) fn again(planner: &LlmPlanner, plan: &Plan, context: &str) -> String {
    let (mut prompt, max_tasks) = (given(planner), planner.max_tasks);
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
             is done: new tasks may depend on done ones, by their ids. Give new tasks ids that no done task has."
        )
}

/// Tasks at the top, as those that come may depend on them.
fn tell(tasks: &[Task], done: &mut String, open: &mut String) {
    for task in tasks {
        let Task { id, description, status, .. } = task;
        match (status, &task.result) {
            (TaskStatus::Completed, result) => {
                let result = result.as_ref().map(shown).unwrap_or_default();
                done.push_str(&format!("- `{id}`: {description}\n  result: {result}\n"));
            }
            _ => open.push_str(&format!("- `{id}`: {description}\n")),
        }
    }
}

fn shown(result: &Value) -> String {
    let text = match result {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let cut = text.floor_char_boundary(RESULT);
    if cut < text.len() { format!("{}… ({} bytes more)", &text[..cut], text.len() - cut) } else { text }
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
