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
    let mut passage = passage(tool, &result);
    match guards.screen(&mut passage) {
        Ok(false) => result,
        Ok(true) => replaced(result, &passage),
        Err(blocked) => Err(blocked.denied()),
    }
}

/// What a tool gave, or what its error says.
pub(super) fn passage(tool: &str, result: &Result<Value, ToolError>) -> Passage {
    let content = match result {
        Ok(value) => value.clone(),
        Err(error) => error.message().into(),
    };
    Passage::new(Gate::ToolResult, content).of_tool(tool)
}

/// The result with what has passed in its place.
pub(super) fn replaced(result: Result<Value, ToolError>, passage: &Passage) -> Result<Value, ToolError> {
    match result {
        Ok(_) => Ok(passage.content.clone()),
        Err(error) => Err(ToolError::new(error.kind(), passage.text())),
    }
}
