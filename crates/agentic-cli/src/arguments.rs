//! Arguments of tools as the user writes them, held to the tool's schema: a mistake is found before it costs anything.

use agentic::core::ToolSpec;
use agentic::schema::{Schema, check_arguments};
use agentic::tools::builtin;
use serde_json::{Map, Value};

/// Whether a call of the tool can have these arguments, beside others.
pub(crate) fn check_some(spec: &ToolSpec, arguments: &Map<String, Value>) -> Result<(), String> {
    let Some(properties) = spec.parameters.get("properties").and_then(Value::as_object) else {
        return Ok(());
    };
    for (name, value) in arguments {
        let Some(schema) = properties.get(name) else {
            let names: Vec<_> = properties.keys().map(String::as_str).collect();
            return Err(format!("`{}` has no argument `{name}`; it has: {}", spec.name, names.join(", ")));
        };
        // What refers to a part of the whole schema can't be looked at alone.
        let Ok(schema) = Schema::compile(schema) else { continue };
        schema
            .validate(value)
            .map_err(|invalid| format!("`{}` takes no such `{name}`: {invalid}", spec.name))?;
    }
    Ok(())
}

/// Whether these are arguments of the built-in tool of this name. Those of others can't be checked here.
pub(crate) fn check(tool: &str, arguments: &Value) -> Result<(), String> {
    let Ok(tool) = builtin::by_name(tool, &builtin::Settings::new(".")) else { return Ok(()) };
    check_arguments(tool.spec(), arguments).map_err(|error| error.message().to_owned())
}
