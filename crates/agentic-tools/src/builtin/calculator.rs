//! `calculator`: sums with exact decimals.

mod evaluate;
mod number;
mod read;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use agentic_core::{EffectClass, EffectContext, Tool, ToolError, ToolPolicy, ToolSpec, async_trait};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::support::{arguments, spec};

pub(super) const NAME: &str = "calculator";
pub(super) const DESCRIPTION: &str = "Calculate exactly. Use it for every sum. Knows + - * / ^ %, brackets, \
    sum, min, max, avg, round, sqrt. 15% is 0.15. Example: {\"expression\": \"12.50 + 3 * 199.99\"}";

/// Calculates with exact rational numbers, so that 0.1 + 0.2 is 0.3 and 1 / 3 * 3 is 1. Reads what models write:
/// thousands separators, currency signs, a leading `=`, `×`, `÷`.
///
/// A result that is rounded or not exact says so (`approx.`). Work is bounded by the size of the numbers and not
/// by a clock, so an expression has the same outcome everywhere.
#[derive(Clone, Debug)]
pub struct Calculator {
    spec: Arc<ToolSpec>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// What to calculate, like "(12.50 + 3.20) * 2", "round(100 / 3, 2)" or "15% of 200".
    expression: String,
}

impl Calculator {
    /// A calculator.
    pub fn new() -> Self {
        Self { spec: spec::<Arguments>(NAME, DESCRIPTION, ToolPolicy::default()) }
    }
}

impl Default for Calculator {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Tool for Calculator {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.spec
    }

    fn effect(&self, _: &Value) -> EffectClass {
        EffectClass::Pure
    }

    async fn call(&self, given: Value, _: EffectContext) -> Result<Value, ToolError> {
        let Arguments { expression } = arguments(NAME, given)?;
        evaluate::evaluate(&expression).map(Value::String)
    }
}
