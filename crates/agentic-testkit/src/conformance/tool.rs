//! What every [`Tool`] must do.

use std::sync::Arc;

use agentic_core::{EffectClass, RunContext, Tool};
use serde_json::Value;

/// Runs the whole suite with arguments that are valid for the tool.
pub async fn all(cx: &RunContext, tool: &Arc<dyn Tool>, arguments: &Value) {
    describes_itself(tool);
    class_is_stable(tool, arguments);
    answers(cx, tool, arguments).await;
    if tool.effect(arguments) <= EffectClass::Idempotent {
        can_run_again(cx, tool, arguments).await;
    }
}

/// Name, description and parameters are what models take.
pub fn describes_itself(tool: &Arc<dyn Tool>) {
    let spec = tool.spec();
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    assert!((1..=64).contains(&spec.name.len()) && spec.name.chars().all(allowed), "name `{}`", spec.name);
    assert!(!spec.description.trim().is_empty(), "`{}` has a description", spec.name);
    assert_eq!(spec.parameters["type"], "object", "parameters of `{}` are an object", spec.name);
    assert!(!spec.policy.timeout.is_zero(), "`{}` has time to run", spec.name);
    let properties = spec.parameters["properties"].as_object();
    for (name, property) in properties.into_iter().flatten() {
        assert!(property["description"].is_string(), "`{name}` of `{}` has a description", spec.name);
    }
}

/// The same arguments always have the same effect.
pub fn class_is_stable(tool: &Arc<dyn Tool>, arguments: &Value) {
    assert_eq!(tool.effect(arguments), tool.effect(arguments), "the class of equal arguments");
}

/// A valid call gives a value.
pub async fn answers(cx: &RunContext, tool: &Arc<dyn Tool>, arguments: &Value) {
    if let Err(error) = cx.tool(tool, arguments.clone()).await {
        panic!("`{}` with valid arguments: {error}", tool.spec().name);
    }
}

/// A call without lasting effect can be repeated.
pub async fn can_run_again(cx: &RunContext, tool: &Arc<dyn Tool>, arguments: &Value) {
    for time in ["first", "second"] {
        let outcome = cx.tool(tool, arguments.clone()).await;
        assert!(outcome.is_ok(), "the {time} of two equal calls of `{}`: {outcome:?}", tool.spec().name);
    }
}
