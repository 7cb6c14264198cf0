//! A task that names the tools that it needs gets no others.

use agentic_core::{AllowTools, Guardrails, RunContext, Task};

/// The context in which a task is worked on.
pub(super) fn context(task: &Task, cx: RunContext) -> RunContext {
    let Some(tools) = &task.tools else { return cx };
    let mut guardrails = Guardrails::default();
    guardrails.push(AllowTools::new(tools));
    guardrails.hold_in(cx)
}
