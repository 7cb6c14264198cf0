//! Asking a person.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A question to a person: may this happen?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// What is about to happen, in one line.
    pub question: String,
    /// The tool that is about to be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The exact arguments that it will get.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub arguments: Value,
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
