//! Everything that `#[tool]` allows.

use agentic_tools::tool;

/// A type that the prelude knows under the same name.
#[derive(serde::Deserialize, schemars::JsonSchema)]
pub(crate) struct Value {
    /// A number.
    pub(crate) number: i32,
}

/// A tree: a type that contains itself.
#[derive(serde::Deserialize, schemars::JsonSchema)]
pub(crate) struct Tree {
    #[allow(dead_code, reason = "only its schema is looked at")]
    pub(crate) children: Vec<Tree>,
}

/// Does everything that is allowed.
#[tool(effect = "unsafe", name = "do-it", timeout = "500ms", approval, sequential, max_output_bytes = 10)]
#[allow(unused_mut)]
pub(crate) async fn everything(
    /// A value.
    mut value: Value,
    tree: Option<Tree>,
    #[default("en")] language: String,
    #[default(3)] r#type: u64,
    context: &agentic_core::EffectContext,
) -> Result<Vec<i32>, String> {
    let _ = (context, tree, language, r#type);
    value.number += 1;
    Ok(vec![value.number])
}

/// Names that the written code must not trip over.
#[tool(effect = "pure")]
async fn schema(
    arguments: String,
    ecx: u8,
    result: bool,
    error: Option<f64>,
) -> Result<(), agentic_core::ToolError> {
    let _ = (arguments, ecx, result, error);
    Ok(())
}

mod inner {
    use super::*;

    /// Uses types of its surroundings, and is used in them.
    #[tool(effect = "idempotent")]
    pub(super) async fn nested(value: Value) -> std::result::Result<i32, std::fmt::Error> {
        Ok(value.number)
    }
}

#[test]
fn everything_that_is_allowed_compiles() {
    let tools = [everything, schema, inner::nested].map(|tool| tool());
    assert_eq!(tools[0].spec().name, "do-it");
    assert!(tools[0].spec().parameters["$defs"]["Tree"].is_object());
    // A function can be shadowed by a local name.
    let schema = 5;
    assert_eq!(schema, 5);
}
