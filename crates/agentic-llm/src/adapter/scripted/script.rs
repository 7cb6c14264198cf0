//! Scripts as they are written in files.

use agentic_core::{Message, Messages, ModelErrorKind, Part, Price, Role, Usage};
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    /// What the model asks for its tokens; nothing unless said.
    #[serde(default)]
    pub(super) price: Price,
    pub(super) turns: Vec<Turn>,
}

/// One answer.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Turn {
    /// Played whenever the last message holds this text, instead of in its place in the order.
    pub(super) when: Option<String>,
    pub(super) reasoning: String,
    pub(super) text: String,
    pub(super) calls: Vec<Call>,
    pub(super) error: Option<Failure>,
    /// What the answer took; nothing unless said.
    pub(super) usage: Usage,
    /// How long the model thinks about it.
    pub(super) delay_ms: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Call {
    pub(super) name: String,
    #[serde(default)]
    pub(super) arguments: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Failure {
    pub(super) kind: ModelErrorKind,
    pub(super) message: String,
    #[serde(default)]
    pub(super) status: Option<u16>,
    #[serde(default)]
    pub(super) retry_after_ms: Option<u64>,
}

impl Script {
    /// The turn that answers a conversation and its number from 0, or the number of answers that there would
    /// have to be.
    pub(super) fn turn(&self, messages: &Messages) -> Result<(usize, &Turn), usize> {
        let last = messages.last().map(readable).unwrap_or_default();
        let fits = |turn: &Turn| turn.when.as_ref().is_some_and(|text| last.contains(text.as_str()));
        let mut turns = self.turns.iter().enumerate();
        if let Some(found) = turns.find(|(_, turn)| fits(turn)) {
            return Ok(found);
        }
        let due = messages.iter().filter(|message| message.role == Role::Assistant).count();
        let ordered = self.turns.iter().enumerate().filter(|(_, turn)| turn.when.is_none());
        ordered.into_iter().nth(due).ok_or(due + 1)
    }
}

/// What a message says, results of tools included.
fn readable(message: &Message) -> String {
    let texts = message.parts.iter().filter_map(|part| match part {
        Part::Text { text } => Some(text.as_str()),
        Part::ToolResult(result) => Some(result.content.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}
