use std::sync::Arc;

use agentic_core::{Message, StepError, ToolSpec};
use agentic_runtime::Ephemeral;
use agentic_testkit::{EventLog, ScriptedModel};
use serde_json::json;

use super::*;

fn request() -> ModelRequest {
    let parameters = json!({"type": "object", "properties": {"zone": {"type": "string"}}});
    let clock = ToolSpec::new("clock", "Tells the time.", parameters);
    ModelRequest::new([Message::user("What time is it?")].into_iter().collect())
        .with_tools(ToolSet::new([Arc::new(clock)]))
}

async fn ask(says: &str, request: ModelRequest) -> (ModelResponse, Vec<ModelDelta>) {
    let log = Arc::new(EventLog::new());
    let model = TextCalls::new(ScriptedModel::new().says(says), Dialect::hermes());
    let model: Arc<dyn ChatModel> = Arc::new(model);
    let response: Result<_, StepError> =
        Ephemeral::new().events(log.clone()).context().model(&model, request).await;
    let deltas = log.kinds().into_iter().filter_map(|kind| match kind {
        agentic_core::EventKind::StepDelta { delta, .. } => Some(delta),
        _ => None,
    });
    (response.unwrap(), deltas.collect())
}

const CALL: &str = "<think>They ask.</think>\n\nOne moment.\n<tool_call>\n{\"name\": \"clock\", \"arguments\": {\"zone\": \"UTC\"}}\n</tool_call>";

#[tokio::test]
async fn a_call_in_the_text_is_a_call() {
    let (response, deltas) = ask(CALL, request()).await;
    let call = ToolCall { id: "call_0".into(), name: "clock".into(), arguments: "{\"zone\":\"UTC\"}".into() };
    assert_eq!(response.tool_calls().collect::<Vec<_>>(), [&call]);
    assert_eq!((response.text().as_str(), response.reasoning().as_str()), ("One moment.", "They ask."));
    assert_eq!(response.finish, FinishReason::ToolCalls);
    let text = |delta: &ModelDelta| match delta {
        ModelDelta::Text { text } => text.clone(),
        _ => String::new(),
    };
    assert_eq!(deltas.iter().map(text).collect::<String>(), "One moment.", "no tag is shown");
    let (index, name, arguments) = (0, Some("clock".into()), "{\"zone\":\"UTC\"}".into());
    assert!(deltas.contains(&ModelDelta::ToolCall { index, name, arguments }));
}

#[tokio::test]
async fn what_is_no_call_is_told_to_the_model() {
    let (response, _) = ask("<tool_call>clock please</tool_call>", request()).await;
    let call = response.tool_calls().next().unwrap();
    assert_eq!((call.name.as_str(), call.arguments.as_str()), (UNREADABLE, "clock please"));
    assert_eq!(response.text(), "", "never an answer");
}

#[tokio::test]
async fn without_tools_text_is_text() {
    let plain = ModelRequest::new([Message::user("Show me a call.")].into_iter().collect());
    let (response, _) = ask(CALL, plain).await;
    assert_eq!(response.text(), CALL);
    assert_eq!(response.finish, FinishReason::Stop);
}

#[test]
fn every_dialect_has_a_name() {
    for name in Dialect::names() {
        assert!(Dialect::named(name).is_some(), "{name}");
    }
    assert!(Dialect::named("klingon").is_none());
}
