//! What every [`ChatModel`] must do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use agentic_core::{
    ChatModel, FinishReason, Message, Messages, ModelContext, ModelDelta, ModelError, ModelEvent, ModelInfo,
    ModelRequest, ModelResponse, ModelStream, Role, RunContext, StepError, ToolChoice, ToolSet, ToolSpec,
    async_trait,
};
use futures_util::future::select;
use futures_util::stream::{self, StreamExt as _};
use serde_json::json;
use tokio::sync::Notify;

/// Runs the whole suite. The model must answer "hello" with some text, and must be able to call tools if it says
/// that it can. Somebody must watch the run (with an [`EventSink`](agentic_core::EventSink)), so that the model
/// streams.
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

/// Any number of deltas, then exactly one `Finished`, then the end. Somebody must watch the run.
pub async fn one_finished_at_the_end(cx: &RunContext, model: &Arc<dyn ChatModel>) {
    let events = events(cx, model).await;
    let finished = |event: &&ModelEvent| matches!(event, ModelEvent::Finished(_));
    assert_eq!(events.iter().filter(finished).count(), 1, "exactly one `Finished`");
    assert!(events.last().as_ref().is_some_and(finished), "`Finished` is the last event");
}

/// The text deltas together are the text of the whole response. Somebody must watch the run.
pub async fn deltas_add_up(cx: &RunContext, model: &Arc<dyn ChatModel>) {
    let (mut deltas, mut whole) = (String::new(), String::new());
    for event in events(cx, model).await {
        match event {
            ModelEvent::Delta(ModelDelta::Text { text }) => deltas.push_str(&text),
            ModelEvent::Finished(response) => whole = response.text(),
            _ => {}
        }
    }
    assert!(!whole.is_empty(), "the answer to `hello` has text");
    assert_eq!(deltas, whole, "the deltas are the answer");
}

/// Everything that the model's stream gives for "hello".
async fn events(cx: &RunContext, model: &Arc<dyn ChatModel>) -> Vec<ModelEvent> {
    let probe = Arc::new(Probe::on(model));
    cx.model(&(probe.clone() as Arc<dyn ChatModel>), hello()).await.expect("the model answers `hello`");
    assert!(
        probe.watched.load(Ordering::SeqCst),
        "give the suite a run that somebody watches (with an EventSink)"
    );
    probe.seen().clone()
}

/// A model that hands on what another says, and keeps it.
#[derive(Debug)]
struct Probe {
    model: Arc<dyn ChatModel>,
    watched: AtomicBool,
    seen: Mutex<Vec<ModelEvent>>,
    first: Notify,
}

impl Probe {
    fn on(model: &Arc<dyn ChatModel>) -> Self {
        let (watched, seen, first) = Default::default();
        Self { model: model.clone(), watched, seen, first }
    }

    fn seen(&self) -> MutexGuard<'_, Vec<ModelEvent>> {
        self.seen.lock().expect("nobody panics while it is held")
    }
}

#[async_trait]
impl ChatModel for Probe {
    fn info(&self) -> &ModelInfo {
        self.model.info()
    }

    async fn stream(&self, request: ModelRequest, mcx: ModelContext) -> Result<ModelStream, ModelError> {
        self.watched.store(mcx.wants_deltas(), Ordering::SeqCst);
        let mut stream = self.model.stream(request, mcx).await?;
        // Read to the end, past `Finished`: nothing may follow.
        let mut events = Vec::new();
        while let Some(event) = stream.next().await {
            let event = event?;
            self.seen().push(event.clone());
            self.first.notify_one();
            events.push(Ok(event));
        }
        Ok(stream::iter(events).boxed())
    }
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

/// A request that is dropped while it is answered leaves the model able to answer the next one.
pub async fn can_be_dropped(cx: &RunContext, model: &Arc<dyn ChatModel>) {
    let probe = Arc::new(Probe::on(model));
    let shared: Arc<dyn ChatModel> = probe.clone();
    // Whichever comes first: the first event of the answer, or all of it if it is short.
    select(cx.model(&shared, hello()), std::pin::pin!(probe.first.notified())).await;
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
