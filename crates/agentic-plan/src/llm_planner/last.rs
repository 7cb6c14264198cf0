//! The last task of a plan, whose result is the plan's.

use agentic_core::{Goal, Task};

/// The tasks, of which that one reads the goal that no other needs, as the step that joins results reads the question in
/// LLMCompiler (Kim et al. 2024). Where no other needs several, none of them is to give the whole.
pub(super) fn reading(mut tasks: Vec<Task>, goal: &Goal) -> Vec<Task> {
    let last: Vec<usize> = Task::last_of(&tasks).collect();
    if let [only] = last[..] {
        tasks[only].reads_goal = tasks[only].description != goal.text;
    }
    tasks
}
