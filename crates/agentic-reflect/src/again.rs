//! The goal of another try, and which of two is better.

use agentic_core::{Goal, GoalVerdict};
use serde_json::Value;

/// The input in which an agent reads what was learned before, and its name where the goal has such an input itself.
const LESSONS: [&str; 2] = ["lessons", "lessons_learned"];

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
        false => {
            let name = LESSONS[usize::from(goal.inputs.contains_key(LESSONS[0]))];
            goal.with_input(name, lessons.iter().cloned().map(Value::from).collect::<Vec<_>>())
        }
    }
}

/// Leaves those that stand best against the criteria.
pub(crate) fn best<T>(of: &mut Vec<T>, verdict: impl Fn(&T) -> GoalVerdict) {
    if let Some(best) = of.iter().map(|one| rank(verdict(one))).max() {
        of.retain(|one| rank(verdict(one)) == best);
    }
}

/// What was verified counts before what anybody thinks of it.
pub(crate) fn rank(verdict: GoalVerdict) -> u8 {
    match verdict {
        GoalVerdict::Met => 2,
        GoalVerdict::Unverified => 1,
        GoalVerdict::NotMet => 0,
    }
}
