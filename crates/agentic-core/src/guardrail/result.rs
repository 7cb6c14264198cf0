//! What a tool gave on its way through the guardrails.

use serde_json::Value;

use super::{Gate, Guards, Passage};
use crate::tool::ToolError;

/// What a tool gave, screened inside of its step.
pub(crate) fn screen_result(
    guards: &Guards,
    tool: &str,
    result: Result<Value, ToolError>,
) -> Result<Value, ToolError> {
    let (mut passage, error) = passage(tool, result);
    match guards.screen(&mut passage) {
        Ok(_) => passed(passage, error),
        Err(blocked) => Err(blocked.denied()),
    }
}

/// What a tool gave, or what its error says; and the error.
pub(super) fn passage(tool: &str, result: Result<Value, ToolError>) -> (Passage, Option<ToolError>) {
    let (content, error) = match result {
        Ok(value) => (value, None),
        Err(error) => (error.message().into(), Some(error)),
    };
    (Passage::new(Gate::ToolResult, content).of_tool(tool), error)
}

/// The result that has passed.
pub(super) fn passed(passage: Passage, error: Option<ToolError>) -> Result<Value, ToolError> {
    match error {
        None => Ok(passage.content),
        Some(error) if passage.replaced_by.is_none() => Err(error),
        Some(error) => Err(ToolError::new(error.kind(), passage.text())),
    }
}
