//! `#[tool]` on functions.

mod allowed;

use std::sync::Arc;
use std::time::Duration;

use agentic_core::{EffectClass, EffectContext, Tool, ToolError, ToolErrorKind, ToolPolicy};
use agentic_tools::builtin::Calculator;
use agentic_tools::{IntoTool, tool, tools};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{call, call_in, context};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Units {
    Metric,
    Imperial,
}

#[derive(Serialize)]
struct Report {
    city: String,
    degrees: f64,
}

/// Current weather for a city.
///
/// Example: {"city": "Oslo"}
#[tool(effect = "pure")]
async fn weather(
    /// City name, e.g. "Oslo".
    city: String,
    /// Units of the temperature.
    units: Option<Units>,
    ecx: &EffectContext,
) -> Result<Report, ToolError> {
    assert_eq!(ecx.attempt(), 1);
    let degrees = match units {
        None | Some(Units::Metric) => 5.0,
        Some(Units::Imperial) => 41.0,
    };
    Ok(Report { city, degrees })
}

/// Adds up.
#[tool(effect = "keyed", name = "add-up", timeout = "5m", max_output_bytes = 100, approval, sequential)]
async fn add(
    ecx: EffectContext,
    /// What to add up.
    numbers: Vec<i64>,
    /// What to begin with.
    #[default(10)]
    mut start: i64,
) -> Result<i64, std::num::TryFromIntError> {
    assert!(!ecx.key().is_empty());
    for number in numbers {
        start += number;
    }
    Ok(i64::from(u8::try_from(start)?))
}

async fn was_sent(text: String) -> Result<Option<String>, ToolError> {
    Ok((text == "sent").then(|| "before".to_owned()))
}

/// Sends a text.
#[tool(effect = "checkable", check = was_sent)]
async fn send(
    /// The text.
    text: String,
) -> Result<String, &'static str> {
    if text == "bad" { Err("the text is bad; send another") } else { Ok("now".to_owned()) }
}

/// Has nothing to ask for.
#[tool(effect = "idempotent")]
async fn ping() -> Result<(), ToolError> {
    Ok(())
}

#[test]
fn describe_themselves_to_small_models() {
    let tool = weather();
    assert_eq!(tool.spec().name, "weather");
    assert_eq!(tool.spec().description, "Current weather for a city.\n\nExample: {\"city\": \"Oslo\"}");
    assert_eq!(
        tool.spec().parameters,
        json!({
            "type": "object",
            "properties": {
                "city": { "type": "string", "description": "City name, e.g. \"Oslo\"." },
                "units": { "type": "string", "enum": ["metric", "imperial"], "description": "Units of the temperature." }
            },
            "required": ["city"],
            "additionalProperties": false
        })
    );
    assert_eq!(
        add().spec().parameters["properties"],
        json!({
            "numbers": { "type": "array", "items": { "type": "integer" }, "description": "What to add up." },
            "start": { "type": "integer", "default": 10, "description": "What to begin with." }
        })
    );
    assert_eq!(
        ping().spec().parameters,
        json!({ "type": "object", "properties": {}, "additionalProperties": false })
    );
}

#[test]
fn carry_their_settings() {
    let policy = ToolPolicy::default()
        .with_timeout(Duration::from_secs(300))
        .with_max_output_bytes(100)
        .ask_first()
        .sequential();
    assert_eq!((add().spec().name.as_str(), &add().spec().policy), ("add-up", &policy));
    assert_eq!(weather().spec().policy, ToolPolicy::default());
    let effects: Vec<_> = [weather, add, send, ping].iter().map(|tool| tool().effect(&Value::Null)).collect();
    let expected = [EffectClass::Pure, EffectClass::Keyed, EffectClass::Checkable, EffectClass::Idempotent];
    assert_eq!(effects, expected);
}

#[tokio::test]
async fn are_called_with_their_arguments() {
    let result = call(weather(), json!({ "city": "Oslo", "units": "imperial" })).await;
    assert_eq!(result, Ok(json!({ "city": "Oslo", "degrees": 41.0 })));
    assert_eq!(call(weather(), json!({ "city": "Oslo", "units": null })).await.unwrap()["degrees"], 5.0);
    assert_eq!(call(add(), json!({ "numbers": [1, 2] })).await, Ok(json!(13)));
    assert_eq!(call(add(), json!({ "numbers": [1, 2], "start": 0 })).await, Ok(json!(3)));
    assert_eq!(call(ping(), Value::Null).await, Ok(Value::Null));
}

#[tokio::test]
async fn say_what_is_wrong_with_arguments() {
    for (arguments, message) in [
        (json!({}), "the argument `city` is missing; add it"),
        (json!({ "city": "Oslo", "town": 1 }), "there is no argument `town`; leave it out"),
        (json!(["Oslo"]), "the arguments are [\"Oslo\"]; give a JSON object"),
        (
            json!({ "city": 5 }),
            "the argument `city` does not fit: invalid type: integer `5`, expected a string",
        ),
    ] {
        let error = call(weather(), arguments).await.expect_err(message);
        assert_eq!((error.kind(), error.message()), (ToolErrorKind::InvalidArguments, message));
    }
}

#[tokio::test]
async fn take_errors_of_any_kind() {
    let error = call(send(), json!({ "text": "bad" })).await.expect_err("refused");
    assert_eq!((error.kind(), error.message()), (ToolErrorKind::Failed, "the text is bad; send another"));
    let error = call(add(), json!({ "numbers": [1000] })).await.expect_err("too large");
    assert_eq!(error.kind(), ToolErrorKind::Failed);
}

/// Takes tools as an agent's builder does.
fn named<Via>(tools: impl IntoIterator<Item = impl IntoTool<Via>>) -> Vec<String> {
    tools.into_iter().map(|tool| tool.into_tool().spec().name.clone()).collect()
}

#[tokio::test]
async fn go_into_one_list() {
    assert_eq!(named([weather, add, send]), ["weather", "add-up", "send"]);
    assert_eq!(named([weather]), ["weather"]);
    assert_eq!(named([Calculator::new()]), ["calculator"]);
    let shared: Arc<dyn Tool> = Arc::new(Calculator::new());
    assert_eq!(named(vec![shared.clone(), ping()]), ["calculator", "ping"]);
    assert_eq!(named(tools![weather, Calculator::new(), shared]), ["weather", "calculator", "calculator"]);
    assert!(call_in(&context(), &weather.into_tool(), json!({ "city": "Oslo" })).await.is_ok());
}
