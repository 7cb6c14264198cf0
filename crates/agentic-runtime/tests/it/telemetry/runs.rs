//! Runs in one process.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::EffectClass::{Pure, Unsafe};
use agentic_core::{
    AgentError, Approval, CancelReason, Cancellation, ChatModel, EffectContext, Embedder, EmbedderInfo,
    Embeddings, EventKind, Goal, ModelContext, ModelError, ModelErrorKind, ModelRequest, NanoUsd, Price,
    RunContext, Tool, ToolError, ToolSpec, Usage, async_trait,
};
use agentic_runtime::{ApproveAll, Ephemeral, TracingSink};
use agentic_testkit::durability::World;
use agentic_testkit::{FakeSources, ScriptedModel};
use serde_json::{Value, json};

use super::capture::{Capture, Named, named};

/// The attributes of the conventions that are used here, as they write them: docs/gen-ai/gen-ai-spans.md,
/// gen-ai-agent-spans.md, and general/attributes.md of the conventions for errors.
pub(super) const CONVENTIONS: &[&str] = &[
    "error.type",
    "gen_ai.agent.name",
    "gen_ai.conversation.id",
    "gen_ai.embeddings.dimension.count",
    "gen_ai.input.messages",
    "gen_ai.operation.name",
    "gen_ai.output.messages",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.request.stream",
    "gen_ai.response.finish_reasons",
    "gen_ai.response.model",
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.tool.name",
    "gen_ai.tool.type",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.reasoning.output_tokens",
];

/// A tool that refuses its arguments, and says which.
#[derive(Debug)]
struct Picky(Arc<ToolSpec>);

#[async_trait]
impl Tool for Picky {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.0
    }

    fn effect(&self, _: &Value) -> agentic_core::EffectClass {
        Pure
    }

    async fn call(&self, arguments: Value, _: EffectContext) -> Result<Value, ToolError> {
        Err(ToolError::failed(format!("there is no {arguments}")))
    }
}

pub(super) fn picky() -> Arc<dyn Tool> {
    Arc::new(Picky(Arc::new(ToolSpec::new("picky", "refuses", json!({"type": "object"})))))
}

/// An embedding model.
#[derive(Debug)]
struct Vectors(EmbedderInfo);

#[async_trait]
impl Embedder for Vectors {
    fn info(&self) -> &EmbedderInfo {
        &self.0
    }

    async fn embed(&self, texts: Arc<[String]>, _: ModelContext) -> Result<Embeddings, ModelError> {
        let vectors = texts.iter().map(|_| vec![0.5; self.0.dimensions]).collect();
        Ok(Embeddings { vectors, usage: Usage { input_tokens: 7, ..Usage::default() } })
    }
}

#[tokio::test(start_paused = true)]
async fn embeddings_and_messages_have_their_spans() {
    let capture = Capture::default();
    let _guard = capture.on_this_thread();
    let agent = named("reader", |_, cx| async move {
        let embedder: Arc<dyn Embedder> = Arc::new(Vectors(EmbedderInfo::new("local:tiny", 3)));
        cx.embed(&embedder, ["SECRET-text"]).await?;
        let waits = cx.scope("waits");
        cx.timeout(Duration::from_millis(3), waits.receive::<Value>("news")).await?;
        Ok(String::new())
    });
    run(&agent, TracingSink::new()).await.result.unwrap();
    let span = capture.span("embeddings tiny");
    for (field, value) in [
        ("otel.kind", "client"),
        ("gen_ai.operation.name", "embeddings"),
        ("gen_ai.provider.name", "local"),
        ("gen_ai.request.model", "tiny"),
        ("gen_ai.embeddings.dimension.count", "3"),
        ("gen_ai.usage.input_tokens", "7"),
    ] {
        assert_eq!(span.get(field), value, "{field}: {span:#?}");
    }
    assert_eq!(capture.span("receive news").get("agentic.outcome"), "dropped");
    assert!(!capture.text().contains("SECRET"));
}

/// An agent that does something of every kind. Its secrets are in all that is content.
pub(super) fn everything(price: bool) -> Named {
    let world = World::new();
    let model: Arc<dyn ChatModel> = Arc::new(
        ScriptedModel::new()
            .with_info(move |info| {
                info.id = "openai:gpt-test".into();
                info.price = price.then(|| {
                    let per_million = NanoUsd(1_000_000_000);
                    Price { input: per_million, cached_input: NanoUsd(0), output: per_million }
                });
            })
            .says("SECRET-answer of the model")
            .using(Usage {
                input_tokens: 1000,
                cached_input_tokens: 600,
                output_tokens: 50,
                reasoning_tokens: 20,
            })
            .calls("look", json!({"where": "SECRET-call"}))
            .fails(ModelErrorKind::Unavailable, "SECRET-body of the server"),
    );
    named("boss", move |_, cx| {
        let (model, world) = (model.clone(), world.clone());
        async move {
            let ask =
                || ModelRequest::new([agentic_core::Message::user("SECRET-prompt")].into_iter().collect());
            cx.model(&model, ask()).await?;
            let (one, two) = (world.tool("one", Pure), world.tool("two", Unsafe));
            let (one, two) = futures_util::join!(
                cx.tool(&one, json!({"n": "SECRET-argument"})),
                cx.tool(&two, json!({"n": "SECRET-argument"}))
            );
            one?;
            two?;
            let inner = named("helper", {
                let model = model.clone();
                move |_, cx| {
                    let model = model.clone();
                    async move {
                        let turn = cx.scope("turn");
                        turn.model(
                            &model,
                            ModelRequest::new([agentic_core::Message::user("x")].into_iter().collect()),
                        )
                        .await?;
                        turn.emit(|| EventKind::Note { text: "repaired SECRET-note".into() });
                        Ok("SECRET-result of the helper".into())
                    }
                }
            });
            cx.call("help", &inner, Goal::new("SECRET-inner goal")).await?;
            cx.tool(&picky(), json!({"n": "SECRET-argument"})).await.unwrap_err();
            cx.model(&model, ask()).await.unwrap_err();
            cx.effect("count", Pure, &0, |_| async { Ok::<_, String>("SECRET-effect".to_owned()) }).await?;
            cx.effect("fail", Pure, &0, |_| async { Err::<(), _>("SECRET-failure") }).await.unwrap_err();
            cx.approve(Approval::of_tool("two", json!({"n": "SECRET-question"}))).await?;
            cx.sleep(Duration::from_millis(5)).await?;
            cx.emit(|| EventKind::Custom { name: "progress".into(), data: json!("SECRET-custom") });
            Ok("SECRET-outcome".into())
        }
    })
}

pub(super) async fn run(agent: &Named, sink: TracingSink) -> agentic_runtime::RunReport {
    Ephemeral::new()
        .sources(FakeSources::seeded(1))
        .approver(ApproveAll)
        .events(Arc::new(sink))
        .run(agent, "SECRET-goal")
        .await
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_step_has_its_span() {
    let capture = Capture::default();
    let _guard = capture.on_this_thread();
    let report = run(&everything(true), TracingSink::new()).await;
    report.result.unwrap();
    assert_eq!(capture.open(), 0, "spans are left open");

    let mut tree: Vec<_> =
        capture.spans().iter().map(|span| (span.get("otel.name").to_owned(), span.parent.clone())).collect();
    tree.sort();
    let boss = || Some("invoke_agent boss".to_owned());
    let below = |name: &str| (name.to_owned(), boss());
    let mut expected = vec![
        below("approval"),
        below("chat gpt-test"),
        below("chat gpt-test"),
        ("chat gpt-test".into(), Some("invoke_agent helper".into())),
        below("effect count"),
        below("effect fail"),
        below("execute_tool one"),
        below("execute_tool picky"),
        below("execute_tool two"),
        ("invoke_agent boss".into(), None),
        below("invoke_agent helper"),
        below("sleep"),
    ];
    expected.sort();
    assert_eq!(tree, expected);

    for span in capture.spans() {
        assert!(span.twice.is_empty(), "{span:#?}");
        assert_ne!(span.get("agentic.outcome"), "", "{span:#?}");
        assert!(span.get("agentic.ended_at") >= span.get("agentic.started_at"), "{span:#?}");
        assert_eq!(span.get("agentic.run.id"), report.run.to_string());
    }

    let chat = capture.spans().into_iter().find(|span| span.name == "chat").unwrap();
    for (field, value) in [
        ("otel.kind", "client"),
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "gpt-test"),
        ("gen_ai.response.model", "gpt-test"),
        ("gen_ai.request.stream", "true"),
        ("gen_ai.response.time_to_first_chunk", "0.0"),
        ("gen_ai.response.finish_reasons", r#"["stop"]"#),
        ("gen_ai.usage.input_tokens", "1000"),
        ("gen_ai.usage.output_tokens", "50"),
        ("gen_ai.usage.cache_read.input_tokens", "600"),
        ("gen_ai.usage.reasoning.output_tokens", "20"),
        ("gen_ai.conversation.id", &report.run.to_string()),
        ("agentic.step.id", "model"),
        ("agentic.step.kind", "model"),
        ("agentic.step.class", "idempotent"),
        ("agentic.attempt", "1"),
        ("agentic.outcome", "completed"),
        ("agentic.cost.usd", "0.00045"),
        ("otel.status_code", ""),
    ] {
        assert_eq!(chat.get(field), value, "{field}: {chat:#?}");
    }

    let tool = capture.span("execute_tool two");
    for (field, value) in [
        ("otel.kind", "internal"),
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "two"),
        ("gen_ai.tool.type", "function"),
        ("agentic.step.class", "unsafe"),
    ] {
        assert_eq!(tool.get(field), value, "{field}: {tool:#?}");
    }

    for (name, class, line) in
        [("execute_tool picky", "tool_error", "the tool failed"), ("effect fail", "_OTHER", "it failed")]
    {
        let failed = capture.span(name);
        assert_eq!(failed.get("otel.status_code"), "ERROR");
        assert_eq!(failed.get("otel.status_description"), line);
        assert_eq!(failed.get("error.type"), class);
        assert_eq!(failed.get("agentic.outcome"), "failed");
    }

    let boss = capture.span("invoke_agent boss");
    for (field, value) in [
        ("gen_ai.operation.name", "invoke_agent"),
        ("gen_ai.agent.name", "boss"),
        ("agentic.outcome", "completed"),
        ("agentic.verdict", "unverified"),
        ("agentic.tool_calls", "3"),
    ] {
        assert_eq!(boss.get(field), value, "{field}: {boss:#?}");
    }
    assert_eq!(capture.span("approval").get("agentic.approval.decision"), "approve");

    let events: Vec<_> =
        capture.events().iter().map(|event| (event.name.clone(), event.parent.clone())).collect();
    let at = |name: &str, place: &str| (name.to_owned(), Some(place.to_owned()));
    assert_eq!(events, [at("note", "invoke_agent helper"), at("custom event", "invoke_agent boss")]);
}

#[tokio::test(start_paused = true)]
async fn every_field_is_of_the_conventions_or_of_this_project() {
    let capture = Capture::default();
    let _guard = capture.on_this_thread();
    let _ = run(&everything(true), TracingSink::new().with_content()).await;
    let all = capture.spans().into_iter().chain(capture.events());
    for seen in all {
        for field in seen.fields.keys() {
            let known = CONVENTIONS.contains(field)
                || field.starts_with("agentic.")
                || ["otel.name", "otel.kind", "otel.status_code", "otel.status_description"].contains(field);
            assert!(known, "{field} in {seen:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_closes_what_was_open() {
    let capture = Capture::default();
    let _guard = capture.on_this_thread();
    let (world, flag) = (World::new(), Cancellation::new());
    let agent = named("slow", {
        let flag = flag.clone();
        move |_, cx: RunContext| {
            let (world, flag) = (world.clone(), flag.clone());
            async move {
                let inner = named("sleeper", |_, cx| async move {
                    cx.sleep(Duration::from_secs(3600)).await?;
                    Ok(String::new())
                });
                let cancel = async {
                    let done = cx.tool(&world.tool("first", Pure), json!({})).await;
                    flag.cancel(CancelReason::Requested);
                    done
                };
                let (slept, _) = futures_util::join!(cx.call("inner", &inner, Goal::new("sleep")), cancel);
                slept?;
                Ok("never".into())
            }
        }
    });
    let report = Ephemeral::new()
        .sources(FakeSources::seeded(1))
        .cancellation(flag)
        .events(Arc::new(TracingSink::new()))
        .run(&agent, "wait")
        .await;
    assert!(matches!(report.result, Err(agentic_runtime::RunError::Agent(AgentError::Cancelled { .. }))));
    assert_eq!(capture.open(), 0);
    for (name, outcome) in
        [("sleep", "failed"), ("invoke_agent sleeper", "failed"), ("invoke_agent slow", "cancelled")]
    {
        let span = capture.span(name);
        assert_eq!(span.get("error.type"), "cancelled", "{span:#?}");
        assert_eq!(span.get("otel.status_description"), "the run was cancelled");
        assert_eq!(span.get("agentic.outcome"), outcome);
    }
    assert_eq!(capture.span("sleep").parent.as_deref(), Some("invoke_agent sleeper"));
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_or_refused_is_told_where_it_was() {
    let capture = Capture::default();
    let _guard = capture.on_this_thread();
    let world = World::new();
    let agent = named("racer", move |_, cx| {
        let world = world.clone();
        async move {
            let slow = cx.scope("slow");
            let sent = slow.tool(&world.tool("send", Unsafe), json!({}));
            cx.timeout(Duration::ZERO, sent).await?;
            cx.tool(&world.tool("more", Pure), json!({})).await.unwrap_err();
            Ok("done".into())
        }
    });
    let report = Ephemeral::new()
        .sources(FakeSources::seeded(1))
        .budget(agentic_core::Budget::unlimited().with_tool_calls(1))
        .events(Arc::new(TracingSink::new()))
        .run(&agent, "race")
        .await;
    report.result.unwrap();
    assert_eq!(capture.open(), 0);
    assert_eq!(capture.span("execute_tool send").get("agentic.outcome"), "dropped");
    let events = capture.events();
    let told: Vec<_> = events.iter().map(|event| (event.name.as_str(), event.parent.as_deref())).collect();
    let inside = |name| (name, Some("invoke_agent racer"));
    assert!(told.contains(&("step dropped", Some("execute_tool send"))), "{told:?}");
    assert!(told.contains(&inside("step ended late")), "{told:?}");
    assert!(told.contains(&inside("step refused")), "{told:?}");
    let refused = events.iter().find(|event| event.name == "step refused").unwrap();
    assert_eq!(refused.get("error.type"), "budget_exhausted");
    assert!(!capture.names().contains(&"execute_tool more".to_owned()), "it never started");
}

#[tokio::test(start_paused = true)]
async fn a_run_is_inside_the_span_where_it_was_started() {
    let capture = Capture::default();
    let _guard = capture.on_this_thread();
    let request = tracing::info_span!("request");
    let agent = named("one", |_, _| async { Ok(String::new()) });
    let run = Ephemeral::new().events(Arc::new(TracingSink::new())).run(&agent, "go");
    // As a server's middleware does it.
    let mut run = Box::pin(run);
    std::future::poll_fn(|cx| request.in_scope(|| run.as_mut().poll(cx))).await.result.unwrap();
    assert_eq!(capture.span("invoke_agent one").parent.as_deref(), Some("request"));
}

#[tokio::test(start_paused = true)]
async fn a_context_without_a_run_around_it_ends_with_its_last_holder() {
    let capture = Capture::default();
    let _guard = capture.on_this_thread();
    let cx = Ephemeral::new().sources(FakeSources::seeded(1)).events(Arc::new(TracingSink::new())).context();
    cx.sleep(Duration::from_millis(1)).await.unwrap();
    assert_eq!(capture.names(), ["sleep"]);
    drop(cx);
    assert_eq!(capture.names(), ["sleep", "invoke_agent"]);
    assert_eq!(capture.span("invoke_agent").get("agentic.outcome"), "open");
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_caller_goes_away_leaves_nothing_open() {
    let capture = Capture::default();
    let _guard = capture.on_this_thread();
    let world = World::new();
    let agent = named("left", move |_, cx| {
        let world = world.clone();
        async move {
            let (pure, must) = (world.tool("pure", Pure), world.tool("must", Unsafe));
            let (one, two) = futures_util::join!(cx.tool(&pure, json!({})), cx.tool(&must, json!({})));
            one?;
            two?;
            Ok(String::new())
        }
    });
    let left = tokio::time::timeout(Duration::from_millis(1), run(&agent, TracingSink::new())).await;
    assert!(left.is_err());
    // What must not be cut ends by itself, and the run with it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(capture.open(), 0, "{:#?}", capture.names());
    let outcomes: Vec<_> =
        capture.spans().iter().map(|span| span.get("agentic.outcome").to_owned()).collect();
    assert_eq!(outcomes, ["dropped", "dropped", "open"]);
    assert!(capture.events().iter().any(|event| event.name == "step ended late"));
}
