//! What memories are: entries, queries and the trait that every kind of memory implements.

use std::fmt::{self, Debug};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::context::RunContext;
use crate::id::{RunId, StepId};
use crate::time::Timestamp;

/// What kind of thing is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryKind {
    /// Something seen or heard.
    Observation,
    /// Something done.
    Action,
    /// Something concluded.
    Thought,
    /// Something that holds.
    Fact,
}

/// One thing that is remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemoryEntry {
    /// What is remembered, in words.
    pub content: String,
    /// What kind of thing it is.
    pub kind: MemoryKind,
    /// When it was remembered.
    pub timestamp: Timestamp,
    /// How much it matters, 0 to 1.
    pub importance: f32,
    /// Anything else, by name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// The step that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<(RunId, StepId)>,
}

impl MemoryEntry {
    /// An entry of middle importance (0.5).
    pub fn new(content: impl Into<String>, kind: MemoryKind, timestamp: Timestamp) -> Self {
        let content = content.into();
        Self { content, kind, timestamp, importance: 0.5, metadata: Map::new(), provenance: None }
    }
}

/// What to look for in a memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemoryQuery {
    /// The text to find entries for.
    pub text: String,
    /// The most entries to give.
    pub limit: usize,
    /// Only these kinds; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<MemoryKind>,
}

impl MemoryQuery {
    /// At most `limit` entries for this text.
    pub fn new(text: impl Into<String>, limit: usize) -> Self {
        Self { text: text.into(), limit, ..Self::default() }
    }
}

/// An entry that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recalled {
    /// The entry's id in its memory.
    pub id: String,
    /// The entry.
    pub entry: MemoryEntry,
    /// How well it fits, higher is better; comparable within one answer only.
    pub score: f32,
}

/// Something that remembers. What is remembered lies outside the agent, so it survives the run.
#[async_trait]
pub trait Memory: Debug + Send + Sync + 'static {
    /// Remembers an entry and gives its id. Adding the same step's entry again changes nothing.
    ///
    /// # Errors
    /// [`MemoryError`] if it can't be kept.
    async fn add(&self, entry: MemoryEntry, cx: &RunContext) -> Result<String, MemoryError>;

    /// The entries that fit the query, best first.
    ///
    /// # Errors
    /// [`MemoryError`] if it can't be searched.
    async fn retrieve(&self, query: &MemoryQuery, cx: &RunContext) -> Result<Vec<Recalled>, MemoryError>;

    /// The newest entries, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`MemoryError`] if it can't be read.
    async fn recent(&self, limit: usize, cx: &RunContext) -> Result<Vec<Recalled>, MemoryError>;

    /// Forgets an entry; whether there was one.
    ///
    /// # Errors
    /// [`MemoryError`] if it can't be changed.
    async fn forget(&self, id: &str, cx: &RunContext) -> Result<bool, MemoryError>;
}

/// A failed call of a memory.
#[derive(Clone, Debug, PartialEq, Error, Serialize, Deserialize)]
#[error("memory: {message}")]
pub struct MemoryError {
    /// What went wrong.
    pub kind: MemoryErrorKind,
    /// What failed, on what, what to do.
    pub message: String,
}

/// What went wrong, by what a caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MemoryErrorKind {
    /// The entry or query can't be used.
    Invalid,
    /// The store behind the memory failed.
    Store,
    /// The embedding model failed.
    Embedder,
    /// A step of the run failed.
    Step,
}

impl fmt::Display for MemoryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
