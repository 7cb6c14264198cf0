//! The history of a conversation: its digest and its bound of tokens.

use std::sync::Arc;

use agentic_core::{Message, Messages, ModelRequest, OutputFormat, ToolSet, ToolSpec, Usage};
use serde_json::json;

fn history(texts: &[&str]) -> Messages {
    texts.iter().map(|text| Message::user(*text)).collect()
}

fn tools(description: &str) -> ToolSet {
    let spec = ToolSpec::new("add", description, json!({"type": "object", "properties": {}}));
    ToolSet::new([Arc::new(spec)])
}

#[test]
fn equal_histories_have_equal_digests_and_others_have_others() {
    assert_eq!(history(&["a", "b"]).digest(), history(&["a", "b"]).digest());
    assert_ne!(history(&["a", "b"]).digest(), history(&["b", "a"]).digest());
    assert_ne!(history(&["a", "b"]).digest(), history(&["ab"]).digest());
    let read: Messages = serde_json::from_value(serde_json::to_value(history(&["a", "b"])).unwrap()).unwrap();
    assert_eq!(read.digest(), history(&["a", "b"]).digest(), "also after it was written and read");
}

#[test]
fn the_bound_is_what_the_model_counted_and_a_token_a_byte_for_the_rest() {
    let (model, tools_then, tools_now) = (Arc::from("m"), tools("Adds."), tools("Adds two numbers."));
    let mut messages = history(&[&"x".repeat(1_000)]);
    let before = messages.token_bound("m", &tools_then);
    assert!(before > 1_000 + 30, "text, tools and what a template adds: {before}");
    let usage = Usage { input_tokens: 300, output_tokens: 20, ..Usage::default() };
    messages.push_response(Message::assistant("y"), &model, &tools_then, &usage);
    assert_eq!(messages.token_bound("m", &tools_then), 320, "the tools are in what was counted");
    messages.push(Message::user("z"));
    assert_eq!(messages.token_bound("m", &tools_then), 320 + 1 + 32);
    assert!(messages.token_bound("m", &tools_now) > 1_000, "other tools: nothing is known");
    assert!(messages.token_bound("other", &tools_then) > 1_000, "another model counts otherwise");
}

#[test]
fn a_schema_for_the_answer_counts_too() {
    let schema = json!({"type": "object", "description": "d".repeat(500)});
    let request = ModelRequest::new(history(&["hi"]));
    let plain = request.token_bound("m");
    let format = OutputFormat::JsonSchema { name: "answer".into(), schema };
    assert!(request.with_output(format).token_bound("m") > plain + 500);
}
