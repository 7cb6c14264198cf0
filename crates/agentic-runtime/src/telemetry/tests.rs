//! Events in any order, and of any number of runs.

use agentic_core::{Event, EventKind, EventSink, RunId, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{TracingSink, UNTAKEN};

fn run(n: u64) -> RunId {
    RunId(Uuid::from_u64_pair(1, n))
}

fn event(n: u64, kind: Value) -> Event {
    let kind: EventKind = serde_json::from_value(kind).unwrap();
    Event { run: run(n), seq: None, at: Timestamp::from_millis(5), scope: "a/b".into(), kind }
}

fn kinds() -> Vec<Value> {
    let spend = json!({"input_tokens": 1, "output_tokens": 2});
    vec![
        json!({"type": "run_started", "format": 1, "agent": "a", "goal": "g"}),
        json!({"type": "run_resumed", "attempt": 2}),
        json!({"type": "agent_started", "agent": "b"}),
        json!({"type": "agent_finished", "agent": "b", "error": "no"}),
        json!({"type": "step_restarted", "step": "a/b/tool:x", "attempt": 2, "lost": spend}),
        json!({"type": "step_delta", "step": "a/b/model", "attempt": 1, "index": 0, "delta": {"type": "text", "text": "t"}}),
        json!({"type": "step_finished", "step": "a/b/model", "kind": "model", "result": {"no": "answer"}, "spend": spend}),
        json!({"type": "step_finished", "step": "a/b/embed", "kind": "embed", "result": {"vectors": []}, "spend": spend}),
        json!({"type": "step_finished", "step": "", "kind": "sleep", "spend": spend}),
        json!({"type": "step_refused", "step": "a/b/tool:x@1", "kind": "tool", "error": "no", "error_class": "tool_error"}),
        json!({"type": "step_dropped", "step": "a/b/effect", "spend": spend}),
        json!({"type": "step_late", "step": "a/b/effect", "kind": "effect", "error": "no"}),
        json!({"type": "approval_decided", "step": "a/b/approve", "decision": {"decision": "approve"}}),
        json!({"type": "message_received", "mailbox": "m", "content": 1}),
        json!({"type": "cancel_requested", "reason": "requested"}),
        json!({"type": "note", "text": "n"}),
        json!({"type": "what the future brings"}),
    ]
}

#[test]
fn any_order_is_taken() {
    let subscriber = tracing_subscriber::registry();
    let _guard = tracing::subscriber::set_default(subscriber);
    let kinds = kinds();
    for sink in [TracingSink::new(), TracingSink::new().with_content()] {
        for n in 0..500 {
            // Every start, and every stride that reaches all of them.
            let (start, stride) =
                (n as usize % kinds.len(), 1 + n as usize / kinds.len() % (kinds.len() - 1));
            for step in 0..kinds.len() {
                sink.on_event(&event(n, kinds[(start + step * stride) % kinds.len()].clone()));
                if n % 7 == step as u64 {
                    sink.on_take(run(n), None);
                }
            }
            sink.on_release(run(n), None);
        }
        assert!(sink.runs().known.is_empty());
    }
}

#[test]
fn runs_that_nobody_ends_are_forgotten() {
    let sink = TracingSink::new();
    sink.on_take(run(0), Some("a"));
    for n in 0..3 * UNTAKEN as u64 {
        sink.on_event(&event(n, json!({"type": "run_started", "format": 1, "agent": "a", "goal": "g"})));
    }
    let known = sink.runs().known.len();
    assert!(known <= UNTAKEN + 1, "{known}");
    assert!(sink.runs().known.contains_key(&run(0)), "a run that is at work here stays");
    for kind in ["step_late", "step_dropped", "note"] {
        let late = json!({"type": kind, "step": "x", "kind": "tool", "spend": {"input_tokens": 0, "output_tokens": 0}, "text": "n"});
        sink.on_event(&event(1_000_000, late));
    }
    assert!(!sink.runs().known.contains_key(&run(1_000_000)), "what comes late begins nothing");
}
