//! Patterns that are replaced.

use agentic_core::{Gate, Guardrail, GuardrailVerdict, Passage, Stand};
use regex::Regex;
use thiserror::Error;

use super::strings::change;

/// What stands in the place of what was found.
const REDACTED: &str = "[redacted]";

/// Puts `[redacted]` in the place of whatever matches one of its patterns, at all gates, in every text of arguments and
/// results. For the patterns that everybody has there is [`NoSecrets`](crate::NoSecrets).
#[derive(Clone, Debug)]
pub struct Redact {
    name: String,
    patterns: Vec<Regex>,
    gates: Vec<Gate>,
    window: Option<usize>,
}

/// A pattern is no regular expression.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{pattern}` is no regular expression: {message}")]
pub struct PatternError {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it, in one line.
    pub message: String,
}

impl Redact {
    /// Nothing yet. The name is for errors and events.
    pub fn new(name: impl Into<String>) -> Self {
        let gates = vec![Gate::Input, Gate::ToolCall, Gate::ToolResult, Gate::Output];
        Self { name: name.into(), patterns: Vec::new(), gates, window: None }
    }

    /// Also this: a regular expression, in the syntax of the crate `regex`. It must not match `[redacted]`.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn pattern(mut self, pattern: &str) -> Result<Self, PatternError> {
        let compiled = Regex::new(pattern).map_err(|error| {
            // The last line says what is wrong; those before point at it.
            let message = error.to_string().lines().last().unwrap_or_default().trim().to_owned();
            PatternError { pattern: pattern.to_owned(), message }
        })?;
        self.patterns.push(compiled);
        Ok(self)
    }

    /// At these gates and no others.
    #[must_use]
    pub fn at(mut self, gates: impl IntoIterator<Item = Gate>) -> Self {
        self.gates = gates.into_iter().collect();
        self
    }

    /// Lets answers be streamed, all but their last so many characters: each pattern has to match once so many have come
    /// of what it is for, and to go on matching while more come. Without it nothing of an answer is shown before its end.
    #[must_use]
    pub fn holding_back(mut self, characters: usize) -> Self {
        self.window = Some(characters);
        self
    }

    fn redacted(&self, text: &str) -> Option<String> {
        let mut redacted: Option<String> = None;
        for pattern in &self.patterns {
            let replaced = match pattern.replace_all(redacted.as_deref().unwrap_or(text), REDACTED) {
                std::borrow::Cow::Borrowed(_) => continue,
                std::borrow::Cow::Owned(replaced) => replaced,
            };
            redacted = Some(replaced);
        }
        redacted
    }
}

impl Guardrail for Redact {
    fn name(&self) -> &str {
        &self.name
    }

    fn stands_at(&self, gate: Gate) -> Stand {
        if self.gates.contains(&gate) { Stand::Screens } else { Stand::Away }
    }

    fn screen(&self, passage: &Passage) -> GuardrailVerdict {
        match change(&passage.content, &|text| self.redacted(text)) {
            Some(content) => GuardrailVerdict::Replace(content),
            None => GuardrailVerdict::Pass,
        }
    }

    fn window(&self) -> Option<usize> {
        self.window
    }
}
