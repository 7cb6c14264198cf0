//! The adapter against a real server on the loopback interface.

use std::sync::Mutex;

use agentic_core::{EventKind, FinishReason, Message, ModelDelta, ModelResponse, RunContext, StepError};
use agentic_runtime::Ephemeral;
use agentic_testkit::{EventLog, conformance};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::test_server::{Reply, Server};
use super::*;
use crate::secret::Secret;

const KEY: &str = "sk-test-9f2c71e5d0";

fn model_of(server: &Server) -> Arc<dyn ChatModel> {
    Arc::new(OpenAi::builder("m").base_url(&server.base_url).key(Secret::new(KEY)).build().unwrap())
}

fn request() -> ModelRequest {
    ModelRequest::new([Message::user("Umbrella?")].into_iter().collect())
}

fn watched(log: &Arc<EventLog>) -> RunContext {
    Ephemeral::new().events(log.clone()).context()
}

async fn ask(cx: &RunContext, model: &Arc<dyn ChatModel>) -> Result<ModelResponse, ModelError> {
    cx.model(model, request()).await.map_err(|error| match error {
        StepError::Model(error) => error,
        other => panic!("{other}"),
    })
}

fn usage() -> Value {
    json!({"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11})
}

fn whole() -> Value {
    let call = json!({"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Oslo\"}"}});
    json!({"id": "x", "model": "m-1", "usage": usage(), "choices": [{
        "message": {"role": "assistant", "content": "Let me see.", "tool_calls": [call]}, "finish_reason": "tool_calls",
    }]})
}

fn chunks() -> Vec<Value> {
    let delta = |delta: Value| json!({"id": "x", "model": "m-1", "choices": [{"index": 0, "delta": delta}]});
    let call = |part: Value| delta(json!({"tool_calls": [part]}));
    vec![
        delta(json!({"role": "assistant", "content": ""})),
        delta(json!({"content": "Let me "})),
        delta(json!({"content": "see."})),
        call(
            json!({"index": 0, "id": "c", "type": "function", "function": {"name": "weather", "arguments": ""}}),
        ),
        call(json!({"index": 0, "function": {"arguments": "{\"city\":"}})),
        call(json!({"index": 0, "function": {"arguments": "\"Oslo\"}"}})),
        json!({"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
        json!({"id": "x", "choices": [], "usage": usage()}),
    ]
}

fn deltas(log: &EventLog) -> Vec<ModelDelta> {
    let kinds = log.kinds().into_iter();
    kinds
        .filter_map(|kind| if let EventKind::StepDelta { delta, .. } = kind { Some(delta) } else { None })
        .collect()
}

#[tokio::test]
async fn streamed_or_not_the_answer_is_the_same() {
    let server = Server::start([Reply::json(&whole()), Reply::events(&chunks())]).await;
    let model = model_of(&server);
    let quiet = ask(&Ephemeral::new().context(), &model).await.unwrap();
    let log = Arc::new(EventLog::new());
    let shown = ask(&watched(&log), &model).await.unwrap();
    assert_eq!(quiet, shown);
    assert_eq!((quiet.text().as_str(), &quiet.finish), ("Let me see.", &FinishReason::ToolCalls));

    let text = |text: &str| ModelDelta::Text { text: text.into() };
    let call = |name: Option<&str>, arguments: &str| {
        let (name, arguments) = (name.map(str::to_owned), arguments.into());
        ModelDelta::ToolCall { index: 0, name, arguments }
    };
    let expected =
        [text("Let me "), text("see."), call(Some("weather"), "{\"city\":"), call(None, "\"Oslo\"}")];
    assert_eq!(deltas(&log), expected);

    let seen = server.seen();
    assert_eq!(seen[0].body, json!({"model": "m", "messages": [{"role": "user", "content": "Umbrella?"}]}));
    assert_eq!(seen[1].body["stream"], true);
    assert!(seen[0].head.starts_with("post /v1/chat/completions http/1.1"), "{}", seen[0].head);
    assert!(seen[0].head.contains(&format!("authorization: bearer {KEY}")));
    assert_eq!(*server.connections.lock().unwrap(), 1, "the connection is used again");
}

#[tokio::test]
async fn a_stream_is_read_byte_by_byte() {
    let slow = Reply { piece: 1, ..Reply::events(&chunks()) };
    let server = Server::start([slow, Reply::json(&whole())]).await;
    let model = model_of(&server);
    let log = Arc::new(EventLog::new());
    let shown = ask(&watched(&log), &model).await.unwrap();
    assert_eq!(shown, ask(&Ephemeral::new().context(), &model).await.unwrap());
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error() {
    let whole_reply = Reply::json(&whole());
    let events = Reply::events(&chunks());
    let cut = |reply: &Reply, at: usize| Reply { cut: Some(at), ..reply.clone() };
    let points = [0, 1, 60, 200];
    let replies = points.iter().flat_map(|&at| [cut(&whole_reply, at), cut(&events, at)]);
    let server = Server::start(replies).await;
    let model = model_of(&server);
    for point in points {
        let error = ask(&Ephemeral::new().context(), &model).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Interrupted, "whole, cut at {point}: {error}");
        let error = ask(&watched(&Arc::new(EventLog::new())), &model).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Interrupted, "stream, cut at {point}: {error}");
    }
}

#[tokio::test]
async fn refusals_of_the_server_are_typed() {
    let body = r#"{"error":{"message":"Slow down"}}"#;
    let server = Server::start([
        Reply::new(429, "application/json", body).header("retry-after", "7"),
        Reply::new(503, "text/html", "<html><title>Busy</title></html>").header("retry-after-ms", "1500"),
        Reply::new(307, "text/plain", "").header("location", "http://elsewhere.test/v1"),
    ])
    .await;
    let model = model_of(&server);
    let cx = Ephemeral::new().context();
    let error = ask(&cx, &model).await.unwrap_err();
    assert_eq!(error.to_string(), "model `openai:m`: HTTP 429: Slow down (try again in 7.0 s)");
    assert_eq!((error.kind(), error.retry_after()), (Kind::RateLimited, Some(Duration::from_secs(7))));
    let error = ask(&cx, &model).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (Kind::Unavailable, Some(Duration::from_millis(1500))));
    assert!(error.is_retryable());
    let error = ask(&cx, &model).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (Kind::NotFound, Some(307)));
    assert!(error.message().contains("elsewhere.test"), "{error}");
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let model = OpenAi::builder("m").base_url(format!("http://{address}/v1?secret=1")).build().unwrap();
    let error = ask(&Ephemeral::new().context(), &(Arc::new(model) as _)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
    let text = format!("{error} {error:?}");
    assert!(error.message().starts_with(&format!("can't reach {address}: ")), "{error}");
    assert!(error.message().contains("check that the server runs"), "{error}");
    assert!(!text.contains("secret=1"), "{text}");
}

#[tokio::test]
async fn ids_that_are_missing_are_unique_in_the_conversation() {
    let mut answer = whole();
    answer["choices"][0]["message"]["tool_calls"][0]["id"] = Value::Null;
    let server = Server::start([Reply::json(&answer), Reply::json(&answer)]).await;
    let (model, cx) = (model_of(&server), Ephemeral::new().context());
    let first = cx.model(&model, request()).await.unwrap();
    let mut next = request();
    next.messages.push(first.message.clone());
    let second = cx.model(&model, next).await.unwrap();
    let ids: Vec<_> =
        [&first, &second].iter().flat_map(|answer| answer.tool_calls()).map(|call| &*call.id).collect();
    assert_eq!(ids, ["call_0", "call_1"]);
}

#[tokio::test]
async fn the_suite_for_models_passes() {
    let piece = |delta: Value, finish: Value| json!({"id": "x", "model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    let hello = [
        piece(json!({"role": "assistant", "content": "Hel"}), Value::Null),
        piece(json!({"content": "lo!"}), json!("stop")),
        json!({"id": "x", "model": "m-1", "choices": [], "usage": usage()}),
    ];
    let server = Server::start((0..5).map(|_| Reply::events(&hello))).await;
    let (model, cx) = (model_of(&server), watched(&Arc::new(EventLog::new())));
    conformance::model::one_finished_at_the_end(&cx, &model).await;
    conformance::model::deltas_add_up(&cx, &model).await;
    conformance::model::counts_tokens(&cx, &model).await;
    conformance::model::can_be_dropped(&cx, &model).await;
    let server = Server::start([Reply::events(&chunks())]).await;
    conformance::model::calls_a_tool(&cx, &model_of(&server)).await;
}

/// Collects all that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_key_shows_nowhere() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);

    // A server that repeats the key wherever it can.
    let echo =
        json!({"error": {"message": format!("bad key {KEY}"), "code": "invalid_api_key", "param": KEY}});
    let within = [json!({"error": {"message": format!("sorry, {KEY}"), "code": 500}})];
    let page = format!("<html><title>{KEY}</title></html>");
    let server = Server::start([
        Reply::new(401, "application/json", echo.to_string()),
        Reply::events(&within),
        Reply::new(200, "text/html", page.clone()),
        Reply::new(502, "text/html", page),
        Reply::new(302, "text/plain", "").header("location", &format!("http://x.test/{KEY}")),
        Reply::json(&whole()),
    ])
    .await;
    let builder = OpenAi::builder("m").base_url(&server.base_url).key(Secret::new(KEY));
    let mut shown = format!("{builder:?}");
    let model: Arc<dyn ChatModel> = Arc::new(builder.build().unwrap());
    let events = Arc::new(EventLog::new());
    let cx = watched(&events);
    for _ in 0..5 {
        let error = ask(&cx, &model).await.unwrap_err();
        shown.push_str(&format!("{error} {error:?} {error:#?} {}", serde_json::to_string(&error).unwrap()));
    }
    ask(&cx, &model).await.unwrap();
    shown.push_str(&format!("{model:?} {model:#?} {:?} {cx:?}", model.info()));
    shown.push_str(&format!("{:?} {}", events.events(), serde_json::to_string(&events.events()).unwrap()));
    // A panic whose message shows all that code could reach.
    let panicked =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| panic!("{model:?}"))).unwrap_err();
    shown.push_str(panicked.downcast_ref::<String>().unwrap());
    drop(guard);
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("the server refused a request"), "the log was on: {logged}");
    for (what, text) in [("shown", &shown), ("logged", &logged)] {
        assert!(!text.contains(KEY) && !text.contains("9f2c71e5"), "the key is {what}: {text}");
    }
    assert!(server.seen().iter().all(|seen| seen.head.contains(KEY)), "and it was sent");
}
