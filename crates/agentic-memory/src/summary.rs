//! What a model says of much, in few words.

use std::sync::Arc;

use agentic_core::{ChatModel, MemoryError, Message, ModelRequest, RunContext};
use agentic_schema::{ExtractError, ExtractOptions, extract};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

/// About so many bytes are read at a time, 6,000 tokens of English.
const PART: usize = 24_000;

/// What a model says of a text, and of what it said of the text before it.
pub(crate) trait Summary: JsonSchema + DeserializeOwned {
    /// What it knows of the text before.
    fn text(&self) -> &str;

    /// Takes the rest along from what was said of the text before.
    fn after(self, earlier: Option<Self>) -> Self;
}

/// Has a model read a text, in parts if it is long, each with what it said of those before.
pub(crate) async fn of<T: Summary>(
    system: &str,
    lines: impl Iterator<Item = String>,
    model: &Arc<dyn ChatModel>,
    cx: &RunContext,
) -> Result<Option<T>, MemoryError> {
    let mut said: Option<T> = None;
    for part in parts(lines) {
        let earlier = match &said {
            Some(said) => format!("What you wrote of what came before:\n{}\n\n", said.text()),
            None => String::new(),
        };
        let user = Message::user(format!("{earlier}The record:\n\n{part}"));
        let request = ModelRequest::new([Message::system(system), user].into_iter().collect());
        let options = ExtractOptions::default().with_name("summary");
        let next = extract::<T>(cx, model, request, &options).await.map_err(told)?.value;
        said = Some(next.after(said.take()));
    }
    Ok(said)
}

/// Lines as texts of about [`PART`] bytes; one that is longer is a part of its own.
pub(crate) fn parts(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for line in lines {
        match parts.last_mut() {
            Some(part) if part.len() + line.len() <= PART => part.push_str(&line),
            _ => parts.push(line),
        }
    }
    parts
}

/// Why a model gave no value, as an error of a memory.
pub(crate) fn told(error: ExtractError) -> MemoryError {
    match error {
        ExtractError::Step { source, .. } => source.into(),
        error => MemoryError::invalid(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_of_whole_lines() {
        let line = |n: usize| "x".repeat(n);
        let lengths = |lines: &[usize]| -> Vec<usize> {
            parts(lines.iter().map(|n| line(*n))).iter().map(String::len).collect()
        };
        assert_eq!(lengths(&[]), [0; 0]);
        assert_eq!(lengths(&[10, 20]), [30]);
        assert_eq!(lengths(&[PART, 1, PART - 1, 1]), [PART, PART, 1]);
        assert_eq!(lengths(&[PART * 2, 1]), [PART * 2, 1]);
    }
}
