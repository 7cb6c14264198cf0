//! What memories are: entries, queries and the trait that every kind of memory implements.

use std::fmt::{self, Debug};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::context::RunContext;
use crate::filter::Filter;
use crate::id::{RunId, StepId};
use crate::memory_scope::MemoryScope;
use crate::model_error::ModelError;
use crate::step::StepError;
use crate::store::StoreError;
use crate::time::Timestamp;
use crate::tool::{ToolError, ToolErrorKind};

/// What kind of thing is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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

/// One thing to remember.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemoryEntry {
    /// Whose it is.
    pub scope: MemoryScope,
    /// What is remembered, in words.
    pub content: String,
    /// What kind of thing it is.
    pub kind: MemoryKind,
    /// When it happened, or was said.
    pub timestamp: Timestamp,
    /// How much it matters, 0 to 1.
    pub importance: f32,
    /// Anything else, by name. Queries can filter by it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// Where it came from.
    #[serde(default, skip_serializing_if = "Provenance::is_unknown")]
    pub provenance: Provenance,
}

/// Where an entry came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Provenance {
    /// The run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The step of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    /// Who or what said it: a user, a file, a tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The entries that it was made of, by their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made_of: Vec<String>,
}

impl Provenance {
    /// Whether nothing is known of it.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

impl MemoryEntry {
    /// An entry of middle importance (0.5).
    pub fn new(
        scope: MemoryScope,
        kind: MemoryKind,
        content: impl Into<String>,
        timestamp: Timestamp,
    ) -> Self {
        let (content, metadata, provenance) = (content.into(), Map::new(), Provenance::default());
        Self { scope, content, kind, timestamp, importance: 0.5, metadata, provenance }
    }

    /// The same, with this importance, 0 to 1.
    #[must_use]
    pub fn importance(mut self, importance: f32) -> Self {
        self.importance = importance;
        self
    }

    /// The same, with this beside it.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// The same, said by this.
    #[must_use]
    pub fn said_by(mut self, source: impl Into<String>) -> Self {
        self.provenance.source = Some(source.into());
        self
    }
}

/// How an entry stands in its memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Standing {
    /// From when on it does not hold any more: something newer says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid_from: Option<Timestamp>,
    /// The entry that says otherwise, or the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<String>,
    /// It is not given any more, and can be brought back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgotten_at: Option<Timestamp>,
    /// It is gone after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// It neither decays nor expires.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
}

/// What to look for in a memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemoryQuery {
    /// Whose memories.
    pub scope: MemoryScope,
    /// The text to find entries for.
    pub text: String,
    /// The most entries to give.
    pub limit: usize,
    /// Only these kinds; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<MemoryKind>,
    /// Only from this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Only before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What the metadata have to be.
    #[serde(default)]
    pub metadata: Filter,
    /// What held at this time, instead of what holds now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
}

impl MemoryQuery {
    /// At most `limit` entries of this scope for this text.
    pub fn new(scope: MemoryScope, text: impl Into<String>, limit: usize) -> Self {
        let (text, kinds, metadata) = (text.into(), Vec::new(), Filter::any());
        Self { scope, text, limit, kinds, since: None, until: None, metadata, as_of: None }
    }

    /// The same, of these kinds alone.
    #[must_use]
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = MemoryKind>) -> Self {
        self.kinds = kinds.into_iter().collect();
        self
    }

    /// The same, from this time on.
    #[must_use]
    pub fn since(mut self, since: Timestamp) -> Self {
        self.since = Some(since);
        self
    }

    /// The same, before this time.
    #[must_use]
    pub fn until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }

    /// The same, where the metadata fulfil this.
    #[must_use]
    pub fn metadata(mut self, filter: Filter) -> Self {
        self.metadata = filter;
        self
    }

    /// The same, of what held at this time.
    #[must_use]
    pub fn as_of(mut self, time: Timestamp) -> Self {
        self.as_of = Some(time);
        self
    }
}

/// An entry that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recalled {
    /// The entry's id in its memory.
    pub id: String,
    /// The entry.
    pub entry: MemoryEntry,
    /// How it stands.
    #[serde(default)]
    pub standing: Standing,
    /// How well it fits, higher is better; comparable within one answer only.
    pub score: f32,
}

/// What became of an entry that was to be remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "added", rename_all = "snake_case")]
pub enum Added {
    /// It is remembered.
    Kept {
        /// Its id.
        id: String,
    },
    /// It says what an entry says that is there already.
    Merged {
        /// That entry.
        into: String,
    },
    /// It is not worth remembering.
    Rejected {
        /// Why.
        reason: String,
    },
}

impl Added {
    /// The id under which what it says is remembered, if it is.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Kept { id } | Self::Merged { into: id } => Some(id),
            Self::Rejected { .. } => None,
        }
    }
}

/// Something that remembers. What is remembered lies outside the agent, so it survives the run.
///
/// Every call is made of steps of the run: what a recorded run has remembered and recalled is not asked for again.
///
/// # Cancel safety
/// Dropping a future is safe. What it was about to write may be written, as a whole.
#[async_trait]
pub trait Memory: Debug + Send + Sync + 'static {
    /// Remembers an entry, unless it is known or not worth it. Adding the same step's entry again changes nothing.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] if the entry can't be used, or why it can't be kept.
    async fn add(&self, entry: MemoryEntry, cx: &RunContext) -> Result<Added, MemoryError>;

    /// The entries that fit the query, best first. What is forgotten or expired is left out, and so is what does not hold
    /// at the time that the query is about.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] if the query can't be used, or why it can't be searched.
    async fn retrieve(&self, query: &MemoryQuery, cx: &RunContext) -> Result<Vec<Recalled>, MemoryError>;

    /// The newest entries of a scope, newest first, at most `limit`, all with the score 0.
    ///
    /// # Errors
    /// [`MemoryError`] if it can't be read.
    async fn recent(
        &self,
        scope: &MemoryScope,
        limit: usize,
        cx: &RunContext,
    ) -> Result<Vec<Recalled>, MemoryError>;

    /// Forgets an entry of a scope: it is given no more. Gives whether there was one that was not forgotten yet.
    ///
    /// # Errors
    /// [`MemoryError`] if it can't be changed.
    async fn forget(&self, scope: &MemoryScope, id: &str, cx: &RunContext) -> Result<bool, MemoryError>;

    /// Deletes all that a scope has, for good, and gives how many entries that were.
    ///
    /// # Errors
    /// [`MemoryError`] if it can't be changed.
    async fn clear(&self, scope: &MemoryScope, cx: &RunContext) -> Result<usize, MemoryError>;
}

#[async_trait]
impl<M: Memory + ?Sized> Memory for Arc<M> {
    async fn add(&self, entry: MemoryEntry, cx: &RunContext) -> Result<Added, MemoryError> {
        (**self).add(entry, cx).await
    }

    async fn retrieve(&self, query: &MemoryQuery, cx: &RunContext) -> Result<Vec<Recalled>, MemoryError> {
        (**self).retrieve(query, cx).await
    }

    async fn recent(
        &self,
        scope: &MemoryScope,
        limit: usize,
        cx: &RunContext,
    ) -> Result<Vec<Recalled>, MemoryError> {
        (**self).recent(scope, limit, cx).await
    }

    async fn forget(&self, scope: &MemoryScope, id: &str, cx: &RunContext) -> Result<bool, MemoryError> {
        (**self).forget(scope, id, cx).await
    }

    async fn clear(&self, scope: &MemoryScope, cx: &RunContext) -> Result<usize, MemoryError> {
        (**self).clear(scope, cx).await
    }
}

/// A failed call of a memory.
#[derive(Clone, Debug, PartialEq, Error, Serialize, Deserialize)]
#[serde(tag = "error", content = "detail", rename_all = "snake_case")]
#[non_exhaustive]
pub enum MemoryError {
    /// The entry or the query can't be used.
    #[error("memory: {message}")]
    Invalid {
        /// What is wrong, and what to do.
        message: String,
    },
    /// The store behind it failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A model failed: the one that embeds, or the one that summarises.
    #[error(transparent)]
    Model(ModelError),
    /// A step of the run failed, or the run ends.
    #[error(transparent)]
    Step(StepError),
}

impl MemoryError {
    /// The entry or the query can't be used.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into() }
    }
}

/// As a step of whoever asked the memory.
impl From<MemoryError> for StepError {
    fn from(error: MemoryError) -> Self {
        match error {
            MemoryError::Step(error) => error,
            MemoryError::Model(error) => Self::Model(error),
            MemoryError::Invalid { message } => Self::Tool(ToolError::invalid(message)),
            MemoryError::Store(error) if error.is_retryable() => {
                Self::Tool(ToolError::new(ToolErrorKind::Unavailable, error.to_string()))
            }
            MemoryError::Store(error) => Self::Tool(ToolError::failed(error.to_string())),
        }
    }
}

impl From<StepError> for MemoryError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Model(error) => Self::Model(error),
            error => Self::Step(error),
        }
    }
}

impl fmt::Display for MemoryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
