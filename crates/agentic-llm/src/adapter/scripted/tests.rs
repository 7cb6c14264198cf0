use agentic_core::{Budget, EventKind, Messages, RunContext, StepError, ToolResult};
use agentic_runtime::Ephemeral;
use agentic_testkit::{EventLog, FakeSources, conformance};

use super::*;

const SCRIPT: &str = r#"
turns:
  - reasoning: The folder comes first.
    text: I'll look.
    calls:
      - name: list_dir
        arguments: { path: . }
      - name: current_time
  - when: no such folder
    text: There is nothing there.
  - text: Two files.
    usage: { input_tokens: 40, output_tokens: 3 }
    delay_ms: 2000
  - error: { kind: rate_limited, message: slow down, status: 429, retry_after_ms: 500 }
"#;

fn model() -> Arc<dyn ChatModel> {
    Arc::new(Scripted::parse("demo", SCRIPT).unwrap())
}

async fn ask(cx: &RunContext, messages: &Messages) -> Result<ModelResponse, ModelError> {
    cx.model(&model(), ModelRequest::new(messages.clone())).await.map_err(|error| match error {
        StepError::Model(error) => error,
        other => panic!("{other}"),
    })
}

#[tokio::test(start_paused = true)]
async fn turns_follow_the_conversation() {
    let log = Arc::new(EventLog::new());
    let cx = Ephemeral::new().sources(FakeSources::seeded(1)).events(log.clone()).context();
    let mut messages: Messages = [Message::user("How many files?")].into_iter().collect();
    let first = ask(&cx, &messages).await.unwrap();
    assert_eq!((first.text().as_str(), &first.finish), ("I'll look.", &FinishReason::ToolCalls));
    assert_eq!(first.reasoning(), "The folder comes first.");
    let calls: Vec<_> = first.tool_calls().map(|call| (&*call.id, &*call.name, &*call.arguments)).collect();
    assert_eq!(calls, [("call_0_0_0", "list_dir", "{\"path\":\".\"}"), ("call_0_0_1", "current_time", "{}")]);
    assert_eq!(ask(&cx, &messages).await.unwrap(), first, "asked again, it says the same");

    messages.push(first.message.clone());
    let result = |content: &str| {
        let (call_id, name, content) = ("call_0_0_0".into(), "list_dir".into(), content.into());
        Message::tool_results([ToolResult { call_id, name, content, is_error: false }])
    };
    let mut other = messages.clone();
    other.push(result("no such folder: ."));
    assert_eq!(ask(&cx, &other).await.unwrap().text(), "There is nothing there.");
    messages.push(result("a b"));
    let second = ask(&cx, &messages).await.unwrap();
    assert_eq!((second.text().as_str(), second.usage.input_tokens), ("Two files.", 40));

    messages.push(second.message);
    messages.push(Message::user("And now?"));
    let error = ask(&cx, &messages).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ModelErrorKind::RateLimited, Some(429)));
    messages.push(Message::assistant("x"));
    let error = ask(&cx, &messages).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "model `scripted:demo`: the script ends before answer 4 of this conversation; add a turn"
    );

    let texts: String = log
        .kinds()
        .into_iter()
        .filter_map(|kind| match kind {
            EventKind::StepDelta { delta: ModelDelta::Text { text }, .. } => Some(format!("{text}|")),
            _ => None,
        })
        .collect();
    assert!(texts.starts_with("I'll |look.|"), "{texts}");
}

#[tokio::test]
async fn what_a_script_takes_is_reserved_and_never_passes_a_limit() {
    let script = "turns: [{text: Hi., usage: {input_tokens: 4000, output_tokens: 600}}]";
    let model: Arc<dyn ChatModel> = Arc::new(Scripted::parse("large", script).unwrap());
    let spent = async |limit| {
        let budget = Budget::unlimited().with_tokens(limit);
        let cx = Ephemeral::new().sources(FakeSources::seeded(1)).budget(budget).context();
        let request = || ModelRequest::new([Message::user("Hi")].into_iter().collect());
        let first = cx.model(&model, request()).await.map(|response| response.finish);
        let second = cx.model(&model, request()).await;
        assert!(matches!(second, Err(StepError::Budget(_))), "{second:?}");
        (first.ok(), cx.budget().spent.tokens())
    };
    assert_eq!(spent(6_000).await, (Some(FinishReason::Stop), 4_600));
    assert_eq!(spent(4_100).await, (Some(FinishReason::Length), 4_100), "it is cut where nothing is left");
    assert_eq!(spent(4_000).await, (None, 0));
}

#[test]
fn json_is_a_script_too() {
    let model = Scripted::parse("x", r#"{"turns": [{"text": "Hi\n\"there\""}]}"#).unwrap();
    assert_eq!(model.script.turns[0].text, "Hi\n\"there\"");
}

#[test]
fn mistakes_are_named_in_one_line() {
    for (text, words) in [
        ("turns:\n  - txt: Hi\n", "txt"),
        ("turns: 7\n", "line 1 column 8"),
        ("turns: []\n", "no turns"),
        ("{", ""),
        ("", ""),
    ] {
        let error = Scripted::parse("demo.yaml", text).unwrap_err().to_string();
        assert!(error.starts_with("demo.yaml ") && error.contains(words), "{text:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let error = Scripted::open("/nowhere/at/all.yaml").unwrap_err();
    assert_eq!(error.to_string(), "can't read the script `/nowhere/at/all.yaml`");
}

#[tokio::test]
async fn the_suite_for_models_passes() {
    let cx = Ephemeral::new().events(Arc::new(EventLog::new())).context();
    let script = "turns:\n  - text: Hello there.\n    usage: { input_tokens: 5, output_tokens: 2 }\n";
    let model: Arc<dyn ChatModel> = Arc::new(Scripted::parse("hello", script).unwrap());
    conformance::model::one_finished_at_the_end(&cx, &model).await;
    conformance::model::deltas_add_up(&cx, &model).await;
    conformance::model::counts_tokens(&cx, &model).await;
    conformance::model::can_be_dropped(&cx, &model).await;
    let script = "turns:\n  - calls: [{ name: weather, arguments: { city: Oslo } }]\n";
    let model: Arc<dyn ChatModel> = Arc::new(Scripted::parse("call", script).unwrap());
    conformance::model::calls_a_tool(&cx, &model).await;
}
