//! What every [`ChatModel`] must do.

use std::sync::Arc;

use agentic_core::{
    ChatModel, EffectClass, FinishReason, Message, Messages, ModelError, ModelEvent, ModelRequest,
    ModelResponse, Role, RunContext, StepError, ToolChoice, ToolSet, ToolSpec,
};
use futures_util::StreamExt as _;
use serde_json::json;

/// Runs the whole suite. The model must answer "hello" with some text, and must be able to call tools if it says
/// that it can.
pub async fn all(cx: &RunContext, model: &Arc<dyn ChatModel>) {
    one_finished_at_the_end(cx, model).await;
    deltas_add_up(cx, model).await;
    counts_tokens(cx, model).await;
    can_be_dropped(cx, model).await;
    if model.info().capabilities.tools {
        calls_a_tool(cx, model).await;
    }
}

fn hello() -> ModelRequest {
    let messages = [Message::system("You are brief."), Message::user("hello")];
    ModelRequest::new(messages.into_iter().collect()).with_max_output_tokens(64)
}

/// Any number of deltas, then exactly one `Finished`, then the end.
pub async fn one_finished_at_the_end(cx: &RunContext, model: &Arc<dyn ChatModel>) {
    let (model, request) = (model.clone(), hello());
    let kinds: Vec<bool> = cx
        .effect("conformance", EffectClass::Pure, "one finished", move |ecx| async move {
            let mut stream = model.stream(request, ecx).await?;
            let mut kinds = Vec::new();
            while let Some(event) = stream.next().await {
                kinds.push(matches!(event?, ModelEvent::Finished(_)));
            }
            Ok::<_, ModelError>(kinds)
        })
        .await
        .expect("the model answers `hello`");
    assert_eq!(kinds.iter().filter(|finished| **finished).count(), 1, "exactly one `Finished`");
    assert_eq!(kinds.last(), Some(&true), "`Finished` is the last event");
}

/// The text deltas together are the text of the whole response.
pub async fn deltas_add_up(cx: &RunContext, model: &Arc<dyn ChatModel>) {
    let (model, request) = (model.clone(), hello());
    let (deltas, whole): (String, String) = cx
        .effect("conformance", EffectClass::Pure, "deltas", move |ecx| async move {
            let mut stream = model.stream(request, ecx).await?;
            let (mut deltas, mut whole) = (String::new(), String::new());
            while let Some(event) = stream.next().await {
                match event? {
                    ModelEvent::Delta(agentic_core::ModelDelta::Text { text }) => deltas.push_str(&text),
                    ModelEvent::Finished(response) => whole = response.text(),
                    _ => {}
                }
            }
            Ok::<_, ModelError>((deltas, whole))
        })
        .await
        .expect("the model answers `hello`");
    assert!(!whole.is_empty(), "the answer to `hello` has text");
    // A model need not stream where nobody watches.
    assert!(deltas.is_empty() || deltas == whole, "deltas {deltas:?} are not the answer {whole:?}");
}

/// The response says what it took, who answered and why it stopped.
pub async fn counts_tokens(cx: &RunContext, model: &Arc<dyn ChatModel>) {
    let response: ModelResponse = cx.model(model, hello()).await.expect("the model answers `hello`");
    assert_eq!(response.message.role, Role::Assistant, "the model speaks as the assistant");
    assert!(response.usage.output_tokens > 0, "output tokens are counted");
    assert!(response.usage.input_tokens > 0, "input tokens are counted");
    assert!(
        response.usage.cached_input_tokens <= response.usage.input_tokens,
        "cached tokens are part of the input"
    );
    assert!(!response.model.is_empty(), "the response names the model that answered");
}

/// A dropped request leaves the model able to answer the next one.
pub async fn can_be_dropped(cx: &RunContext, model: &Arc<dyn ChatModel>) {
    let mut step = Box::pin(cx.model(model, hello()));
    assert!(futures_util::poll!(&mut step).is_pending(), "a step is never ready at its first poll");
    drop(step);
    cx.model(model, hello()).await.expect("the model answers after a dropped request");
}

/// A forced tool call names the tool and has arguments that are JSON.
pub async fn calls_a_tool(cx: &RunContext, model: &Arc<dyn ChatModel>) {
    let parameters =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let weather = ToolSpec::new("weather", "Current weather for a city.", parameters);
    let messages: Messages = [Message::user("What is the weather in Oslo?")].into_iter().collect();
    let request = ModelRequest::new(messages)
        .with_tools(ToolSet::new([Arc::new(weather)]))
        .with_tool_choice(ToolChoice::Tool("weather".into()))
        .with_max_output_tokens(128);
    let response: Result<ModelResponse, StepError> = cx.model(model, request).await;
    let response = response.expect("the model calls a tool");
    let call = response.tool_calls().next().expect("a tool call");
    assert_eq!(call.name, "weather");
    assert!(!call.id.is_empty(), "a call has an id");
    let arguments: serde_json::Value = serde_json::from_str(&call.arguments).expect("arguments are JSON");
    assert!(arguments["city"].is_string(), "arguments fit the schema: {arguments}");
    assert_eq!(response.finish, FinishReason::ToolCalls, "a turn with calls finishes for them");
}
