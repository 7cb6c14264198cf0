//! Teams: roles, and the messages that agents send each other.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an agent is in a team.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AgentRole {
    /// The role's name, by which it is addressed.
    pub name: String,
    /// What it does, for whoever hands out work.
    pub description: String,
}

/// A message from one agent to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentMessage {
    /// Unique in its run.
    pub id: String,
    /// Who sends it.
    pub from: String,
    /// What kind of message it is, and to whom.
    #[serde(flatten)]
    pub kind: AgentMessageKind,
    /// What it says.
    pub content: Value,
}

/// Requests, responses and broadcasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AgentMessageKind {
    /// Asks one agent.
    Request {
        /// Who is asked.
        to: String,
    },
    /// Answers a request.
    Response {
        /// Who asked.
        to: String,
        /// The request's id.
        of: String,
    },
    /// Tells all.
    Broadcast,
}
