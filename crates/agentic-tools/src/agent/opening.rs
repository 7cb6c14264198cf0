//! How a goal begins: what a model reads of it first.

use agentic_core::{Goal, Lookup, ToolCall, ToolResult};

use crate::registry::ToolRegistry;
use crate::render::render;

/// What the user says, and the calls that were made for it before, with what they gave.
pub(crate) struct Opening {
    pub(crate) prompt: String,
    pub(crate) calls: Vec<ToolCall>,
    pub(crate) results: Vec<ToolResult>,
}

impl Opening {
    /// The opening of a goal for a model with these tools. `begun` is how many messages the conversation has.
    ///
    /// What was looked up by a tool that the model does not have, it reads in the prompt: providers refuse calls of tools
    /// that they are not told of.
    pub(crate) fn new(goal: &Goal, tools: &ToolRegistry, begun: usize) -> Self {
        let mut told = goal.clone();
        let made: Vec<Lookup> =
            told.lookups.extract_if(.., |lookup| tools.get(&lookup.tool).is_some()).collect();
        let mut opening = Self { prompt: told.prompt(), calls: Vec::new(), results: Vec::new() };
        for (n, Lookup { tool, arguments, result }) in made.into_iter().enumerate() {
            let limit = tools.find(&tool).map_or(usize::MAX, |entry| entry.spec.policy.max_output_bytes);
            let call = ToolCall::new(format!("lookup_{begun}_{n}"), tool, &arguments);
            opening.results.push(ToolResult {
                call_id: call.id.clone(),
                name: call.name.clone(),
                content: render(result, limit).0,
                is_error: false,
            });
            opening.calls.push(call);
        }
        opening
    }
}
