//! Only some tools.

use std::collections::BTreeSet;

use super::{Gate, Guardrail, GuardrailVerdict, Passage, Stand};

/// Lets only calls of these tools pass, whatever an agent and the agents below it have. Others are not offered to a model, and one
/// that calls them is told which may be called. An agent that is called as a tool is one, too.
#[derive(Clone, Debug)]
pub struct AllowTools {
    names: BTreeSet<String>,
}

impl AllowTools {
    /// Lets calls of the tools with these names pass.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { names: names.into_iter().map(Into::into).collect() }
    }
}

impl Guardrail for AllowTools {
    fn name(&self) -> &str {
        "allow-tools"
    }

    fn stands_at(&self, gate: Gate) -> Stand {
        if gate == Gate::ToolCall { Stand::Screens } else { Stand::Away }
    }

    fn screen(&self, passage: &Passage) -> GuardrailVerdict {
        if passage.tool.as_ref().is_some_and(|tool| self.names.contains(&**tool)) {
            return GuardrailVerdict::Pass;
        }
        let names: Vec<_> = self.names.iter().map(String::as_str).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        GuardrailVerdict::block(format!("the tools that may be called are: {names}"))
    }

    fn offers(&self, tool: &str) -> bool {
        self.names.contains(tool)
    }
}
