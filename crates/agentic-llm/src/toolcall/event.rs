//! What the parser reports.

use serde_json::{Map, Value};

/// One piece of a model's reply.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Text for the reader.
    Content(String),
    /// The model's reasoning.
    Thinking(String),
    /// A complete, readable call.
    Call(Call),
    /// Something in the place of a call that cannot be read as one.
    Malformed(Malformed),
}

/// A call of a tool. Its arguments are not validated here.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Call {
    /// The tool's name as written.
    pub name: String,
    /// The arguments by name.
    pub arguments: Map<String, Value>,
}

impl Call {
    pub(super) fn new(name: impl Into<String>, arguments: Map<String, Value>) -> Self {
        Self { name: name.into(), arguments }
    }
}

/// Text in the place of a call that is not a call.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Malformed {
    /// The text between the tags, unchanged.
    pub raw: String,
    /// Why it is not a call.
    pub error: ToolCallError,
}

/// Why a text is not a tool call. The message can be fed back to the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ToolCallError {
    /// The JSON is broken.
    #[error("tool call is not valid JSON ({0}); write one JSON object with \"name\" and \"arguments\"")]
    Json(String),
    /// The call names no tool.
    #[error("tool call has no tool name; write one JSON object with \"name\" and \"arguments\"")]
    NoName,
    /// The arguments are not an object.
    #[error("arguments of tool call `{0}` are not an object; write them as {{\"parameter\": value}}")]
    Arguments(String),
    /// The text looks like no known form of a call.
    #[error("text between the tool call tags is not a call; write the tool's name and its arguments")]
    Unrecognised,
    /// The reply ended before the call did.
    #[error("tool call was not finished; write the whole call again")]
    Unfinished,
}

/// A whole reply, sorted by kind. The order *between* the kinds is lost; keep the events where it matters.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Reply {
    /// All content, joined.
    pub content: String,
    /// All reasoning, joined.
    pub thinking: String,
    /// The calls in the order written.
    pub calls: Vec<Call>,
    /// What could not be read.
    pub malformed: Vec<Malformed>,
}

impl FromIterator<Event> for Reply {
    fn from_iter<I: IntoIterator<Item = Event>>(events: I) -> Self {
        let mut reply = Self::default();
        for event in events {
            match event {
                Event::Content(text) => reply.content.push_str(&text),
                Event::Thinking(text) => reply.thinking.push_str(&text),
                Event::Call(call) => reply.calls.push(call),
                Event::Malformed(malformed) => reply.malformed.push(malformed),
            }
        }
        reply
    }
}

/// Joins neighbouring pieces of the same kind of text, so that replies fed in different pieces can be compared.
pub fn merge(events: impl IntoIterator<Item = Event>) -> Vec<Event> {
    let mut merged = Vec::new();
    for event in events {
        match (merged.last_mut(), event) {
            (Some(Event::Content(last)), Event::Content(text))
            | (Some(Event::Thinking(last)), Event::Thinking(text)) => last.push_str(&text),
            (_, event) => merged.push(event),
        }
    }
    merged
}
