//! Asking a person.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A question to a person: may this happen?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Approval {
    /// What is about to happen, in one line.
    pub question: String,
    /// The tool that is about to be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The exact arguments that it will get.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub arguments: Value,
    /// How long it may stay unanswered; then it counts as denied. `None` waits for as long as it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_after: Option<Duration>,
}

impl Approval {
    /// A question that is no tool's.
    pub fn new(question: impl Into<String>) -> Self {
        Self { question: question.into(), tool: None, arguments: Value::Null, expires_after: None }
    }

    /// May this tool be called with these arguments?
    pub fn of_tool(tool: impl Into<String>, arguments: Value) -> Self {
        let tool = tool.into();
        let question = format!("Call `{tool}` with {arguments}?");
        Self { question, tool: Some(tool), arguments, expires_after: None }
    }

    /// The same question, denied if nobody answers it in this time.
    pub fn expiring_after(mut self, time: Duration) -> Self {
        self.expires_after = Some(time);
        self
    }
}

/// A person's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// Go ahead.
    Approve,
    /// Go ahead, with these arguments instead.
    Edit {
        /// The arguments to use.
        arguments: Value,
    },
    /// Don't.
    Deny {
        /// Why, for the model to read.
        reason: String,
    },
}

impl Decision {
    /// What counts where a question [expires](Approval::expires_after).
    pub fn unanswered() -> Self {
        Self::Deny { reason: "nobody answered in time".into() }
    }
}
