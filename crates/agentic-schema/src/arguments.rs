//! Arguments of tools, held to the tool's schema.

use agentic_core::{ToolError, ToolSpec};
use serde_json::Value;

use crate::Schema;

/// Whether these are arguments of this tool. Who calls a tool without an executor asks this first, as a tool relies on it.
///
/// # Errors
/// A [`ToolError`], `invalid`, with what is wrong; also if the tool's schema is none.
pub fn check_arguments(spec: &ToolSpec, arguments: &Value) -> Result<(), ToolError> {
    let name = &spec.name;
    let schema = Schema::compile(&spec.parameters)
        .map_err(|error| ToolError::invalid(format!("the arguments of `{name}` have no schema: {error}")))?;
    schema
        .validate(arguments)
        .map_err(|invalid| ToolError::invalid(format!("these are no arguments of `{name}`: {invalid}")))
}
