//! What is said to the model.

use agentic_core::{Message, Messages, ModelRequest, ModelResponse, Part, Role};
use serde_json::Value;

/// The history with the wish for JSON of this schema at its end: in the user's last message if that is the last,
/// because some chat templates refuse two in a row.
pub(super) fn with_schema(messages: &Messages, schema: &Value) -> Messages {
    let wish = format!(
        "Answer with one JSON value and nothing else: no prose, no code fence. It must be valid by this JSON Schema:\n{schema}"
    );
    let mut all: Vec<Message> = messages.iter().cloned().collect();
    match all.last_mut() {
        Some(last) if last.role == Role::User => last.parts.push(Part::Text { text: format!("\n\n{wish}") }),
        _ => all.push(Message::user(wish)),
    }
    all.into_iter().collect()
}

/// Adds the answer that was not valid, and why.
pub(super) fn ask_again(request: &mut ModelRequest, response: &ModelResponse, reason: &str) {
    let messages = &mut request.messages;
    // As text, also where it came as a tool call: a call without its result would break the history.
    let said = text_of(response);
    let said = if said.is_empty() { "(nothing)".to_owned() } else { said };
    messages.push_response(Message::assistant(said), &response.asked, &request.tools, &response.usage);
    messages.push(Message::user(format!(
        "That is not valid: {reason}. Write the whole JSON value again, corrected, and nothing else."
    )));
}

/// The answer's text; of a model that answers with a tool call, its arguments.
pub(super) fn text_of(response: &ModelResponse) -> String {
    let text = response.text();
    if !text.trim().is_empty() {
        return text;
    }
    response.tool_calls().next().map(|call| call.arguments.clone()).unwrap_or_default()
}
