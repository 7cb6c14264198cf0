//! What is said, in the form that the conventions give to messages.

use agentic_core::{FinishReason, ModelResponse, Part, ToolCall, value_text};
use serde_json::{Value, json};

/// A goal, as what the agent is told.
pub(super) fn goal(text: &str) -> String {
    json!([{"role": "user", "parts": [{"type": "text", "content": text}]}]).to_string()
}

/// What an agent gave.
pub(super) fn output(output: &Value) -> String {
    let parts = [json!({"type": "text", "content": value_text(output)})];
    json!([{"role": "assistant", "parts": parts, "finish_reason": "stop"}]).to_string()
}

/// What a model answered.
pub(super) fn answer(response: &ModelResponse) -> String {
    let parts: Vec<Value> = response.message.parts.iter().map(part).collect();
    let finish = match finish(&response.finish) {
        "tool_calls" => "tool_call",
        other => other,
    };
    json!([{"role": "assistant", "parts": parts, "finish_reason": finish}]).to_string()
}

/// Why a model stopped, in the words that most providers use.
pub(super) fn finish(reason: &FinishReason) -> &str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::Length => "length",
        FinishReason::Refusal => "content_filter",
        FinishReason::Other(other) => other,
        _ => "unknown",
    }
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text { text } => json!({"type": "text", "content": text}),
        Part::Reasoning { text, .. } => json!({"type": "reasoning", "content": text}),
        Part::ToolCall(ToolCall { id, name, arguments }) => {
            // Perhaps no JSON: it is what the model wrote.
            let arguments: Value =
                serde_json::from_str(arguments).unwrap_or_else(|_| arguments.as_str().into());
            json!({"type": "tool_call", "id": id, "name": name, "arguments": arguments})
        }
        Part::Image(image) => json!({"type": "image", "mime_type": image.media_type}),
        _ => json!({"type": "other"}),
    }
}
