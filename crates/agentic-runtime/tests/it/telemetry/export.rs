//! Spans as OpenTelemetry's own exporter gets them.

use std::collections::HashMap;

use agentic_runtime::TracingSink;
use opentelemetry::Value;
use opentelemetry::trace::{SpanKind, Status, TracerProvider as _};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::Registry;

use super::runs::{everything, run};

#[tokio::test(start_paused = true)]
async fn open_telemetry_gets_names_kinds_parents_and_attributes() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("agentic"));
    let _guard = tracing::subscriber::set_default(Registry::default().with(layer));
    let report = run(&everything(true), TracingSink::new()).await;
    report.result.unwrap();

    let spans = exporter.get_finished_spans().unwrap();
    assert_eq!(spans.len(), 12);
    let find = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let attributes = |name: &str| -> HashMap<String, Value> {
        let span = find(name);
        let all: HashMap<_, _> =
            span.attributes.iter().map(|one| (one.key.to_string(), one.value.clone())).collect();
        assert_eq!(all.len(), span.attributes.len(), "an attribute is there twice: {span:#?}");
        all
    };

    let root = find("invoke_agent boss");
    assert!(spans.iter().all(|span| span.span_context.trace_id() == root.span_context.trace_id()));
    assert_eq!(find("execute_tool one").parent_span_id, root.span_context.span_id());
    assert_eq!(find("invoke_agent helper").parent_span_id, root.span_context.span_id());
    assert_eq!(root.span_kind, SpanKind::Internal);
    assert_eq!(root.status, Status::Unset);

    let chat = find("chat gpt-test");
    assert_eq!(chat.span_kind, SpanKind::Client);
    let chat = attributes("chat gpt-test");
    assert_eq!(chat["gen_ai.operation.name"], Value::from("chat"));
    assert_eq!(chat["gen_ai.provider.name"], Value::from("openai"));
    assert_eq!(chat["gen_ai.request.model"], Value::from("gpt-test"));
    assert_eq!(chat["gen_ai.usage.input_tokens"], Value::I64(1000));
    assert_eq!(chat["gen_ai.usage.output_tokens"], Value::I64(50));
    assert_eq!(chat["gen_ai.response.finish_reasons"], Value::from(r#"["stop"]"#));
    assert_eq!(chat["agentic.run.id"], Value::from(report.run.to_string()));
    assert_eq!(chat["agentic.attempt"], Value::I64(1));
    assert!(matches!(chat["agentic.cost.usd"], Value::F64(_)));

    let failed = find("execute_tool picky");
    assert_eq!(failed.span_kind, SpanKind::Internal);
    assert_eq!(failed.status, Status::error("the tool failed"));
    assert_eq!(attributes("execute_tool picky")["error.type"], Value::from("tool_error"));
    let notes = find("invoke_agent helper").events.iter().filter(|event| event.name == "note").count();
    assert_eq!(notes, 1);
}
