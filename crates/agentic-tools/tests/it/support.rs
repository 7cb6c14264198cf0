//! How the tests call tools.

use std::sync::Arc;

use agentic_core::{RunContext, StepError, Tool, ToolError};
use agentic_runtime::Ephemeral;
use agentic_testkit::FakeSources;
use serde_json::Value;

/// A run with fake time.
pub(crate) fn context() -> RunContext {
    Ephemeral::new().sources(FakeSources::seeded(1)).context()
}

/// Calls a tool in a run of its own.
pub(crate) async fn call(tool: impl Tool, arguments: Value) -> Result<Value, ToolError> {
    call_in(&context(), &(Arc::new(tool) as Arc<dyn Tool>), arguments).await
}

/// Calls a tool in this run.
pub(crate) async fn call_in(
    cx: &RunContext,
    tool: &Arc<dyn Tool>,
    arguments: Value,
) -> Result<Value, ToolError> {
    match cx.tool(tool, arguments).await {
        Ok(value) => Ok(value),
        Err(StepError::Tool(error)) => {
            assert!(!error.message().contains('\n'), "one line: {error}");
            Err(error)
        }
        Err(other) => panic!("not an error of the tool: {other}"),
    }
}

/// The text that a tool gave.
pub(crate) fn text(result: Result<Value, ToolError>) -> String {
    match result {
        Ok(Value::String(text)) => text,
        other => panic!("no text: {other:?}"),
    }
}
