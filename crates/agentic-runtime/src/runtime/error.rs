//! How the runtime fails.

use std::error::Error;
use std::fmt;

use agentic_core::{RunId, StepId};

use crate::store::{JournalError, JournalErrorKind};

/// A failed call of a [`Runtime`](crate::Runtime). One line: what failed, on what, what to do.
#[derive(Clone, Debug)]
pub struct RuntimeError {
    kind: RuntimeErrorKind,
    message: String,
    source: Option<JournalError>,
}

/// What went wrong, by what a caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RuntimeErrorKind {
    /// The store of journals failed, see [`RuntimeError::journal`].
    Journal,
    /// Nobody knows the run's agent here: register it.
    UnknownAgent,
    /// The run was begun by another agent.
    OtherAgent,
    /// The run does not ask this, or does not ask it any more.
    NotAsked,
    /// The caller's mistake.
    Invalid,
}

impl RuntimeError {
    pub(crate) fn new(kind: RuntimeErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(super) fn no_json(error: serde_json::Error) -> Self {
        Self::new(RuntimeErrorKind::Invalid, format!("the run can't be written as JSON: {error}"))
    }

    pub(super) fn other_agent(run: RunId, expected: &str, found: &str) -> Self {
        let message = format!(
            "run {run} was begun by the agent `{expected}`, not by `{found}`; resume it with that one"
        );
        Self::new(RuntimeErrorKind::OtherAgent, message)
    }

    pub(super) fn not_asked(run: RunId, step: &StepId, open: &[&StepId]) -> Self {
        let open: Vec<_> = open.iter().map(|step| format!("`{step}`")).collect();
        let open = if open.is_empty() { "nothing is".into() } else { open.join(", ") };
        let message = format!("step `{step}` of run {run} does not wait for this; open: {open}");
        Self::new(RuntimeErrorKind::NotAsked, message)
    }

    /// What went wrong.
    pub fn kind(&self) -> RuntimeErrorKind {
        self.kind
    }

    pub(super) fn into_journal(self) -> Option<JournalError> {
        self.source
    }

    /// How the store of journals failed, if it did.
    pub fn journal(&self) -> Option<JournalErrorKind> {
        self.source.as_ref().map(JournalError::kind)
    }
}

impl From<JournalError> for RuntimeError {
    fn from(error: JournalError) -> Self {
        let message = error.to_string();
        Self { kind: RuntimeErrorKind::Journal, message, source: Some(error) }
    }
}

impl fmt::Display for RuntimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for RuntimeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().and_then(Error::source)
    }
}
