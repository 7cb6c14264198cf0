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
    sum, min, max, avg, round, sqrt. 15% is 0.15. List numbers that you have read in `values`, each with where it \
    is from. Example: {\"values\": [{\"from\": \"rent.txt\", \"quote\": \"rent: 950.00\", \"number\": \"950.00\"}, {\"from\": \"memo.txt\", \
    \"quote\": \"\", \"number\": \"0\"}], \"expression\": \"sum(values)\"}";

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
    /// Numbers that were read somewhere, one for each place.
    #[serde(default)]
    values: Vec<Read>,
    /// What to calculate, like "sum(values)", "(12.50 + 3.20) * 2", "round(100 / 3, 2)" or "15% of 200".
    expression: String,
}

/// A number that was read somewhere.
// That a model has to say where each number is from keeps it from adding one twice or inventing one; and the
// history of actions tells a reader.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Read {
    /// Where it is from: a file, a page, a person.
    #[expect(dead_code, reason = "for the model and for who reads the call")]
    from: String,
    /// The words around the number, as they stand there; empty if there is none.
    #[expect(dead_code, reason = "for the model and for who reads the call")]
    quote: String,
    /// The number in the quote; 0 if there is none.
    number: String,
}

impl Calculator {
    /// A calculator.
    pub fn new() -> Self {
        Self { spec: spec::<Arguments>(NAME, DESCRIPTION, ToolPolicy::default().check_quotes()) }
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
        let Arguments { values, expression } = arguments(NAME, given)?;
        let values: Vec<_> = values.iter().map(|read| read.number.as_str()).collect();
        evaluate::evaluate(&expression, &values).map(Value::String)
    }
}
