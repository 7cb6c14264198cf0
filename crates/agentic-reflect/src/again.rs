//! The goal of another try.

use agentic_core::Goal;
use serde_json::Value;

/// The input in which an agent reads what was learned before.
const LESSONS: &str = "lessons";

/// The goal, with an answer that was not good enough and what is to be done about it. Without an answer there was none.
pub(crate) fn again(goal: &Goal, answer: Option<&str>, problem: &str) -> Goal {
    let mut again = goal.clone();
    let before = match answer.map(str::trim).filter(|answer| !answer.is_empty()) {
        Some(answer) => format!("This was answered before:\n{answer}\n\nThat is not good enough"),
        None => "This was tried before, and failed".to_owned(),
    };
    again.text = format!(
        "{}\n\n{before}: {}\nNow do it right. Give the whole answer again, corrected, and say nothing about the earlier one.",
        goal.text,
        problem.trim()
    );
    again
}

/// The goal, with what was learned from earlier tries.
pub(crate) fn with_lessons(goal: Goal, lessons: &[String]) -> Goal {
    match lessons.is_empty() {
        true => goal,
        false => goal.with_input(LESSONS, lessons.iter().cloned().map(Value::from).collect::<Vec<_>>()),
    }
}
