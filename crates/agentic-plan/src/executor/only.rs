//! A task that names the tools that it needs gets no others.

use agentic_core::{Gate, Guardrail, GuardrailVerdict, Guardrails, Passage, RunContext, Stand, Task};

/// Lets calls of these tools pass alone.
#[derive(Debug)]
struct Only(Vec<String>);

impl Guardrail for Only {
    fn name(&self) -> &str {
        "tools-of-task"
    }

    fn stands_at(&self, gate: Gate) -> Stand {
        if gate == Gate::ToolCall { Stand::Screens } else { Stand::Away }
    }

    fn screen(&self, passage: &Passage) -> GuardrailVerdict {
        let may = |tool: &str| self.0.iter().any(|name| name == tool);
        match passage.tool.as_deref() {
            Some(tool) if !may(tool) => GuardrailVerdict::block(match self.0.as_slice() {
                [] => "this task may call no tools".to_owned(),
                only => format!("this task may call {} alone", only.join(", ")),
            }),
            _ => GuardrailVerdict::Pass,
        }
    }
}

/// The context in which a task is worked on.
pub(super) fn context(task: &Task, cx: RunContext) -> RunContext {
    let Some(tools) = &task.tools else { return cx };
    let mut guardrails = Guardrails::default();
    guardrails.push(Only(tools.clone()));
    guardrails.hold_in(cx)
}
