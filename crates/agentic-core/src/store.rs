//! Vector stores: records with vectors and words, and nothing of what they mean.

use std::fmt::{self, Debug};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::filter::Filter;
use crate::json::Json;
use crate::memory_scope::MemoryScope;
use crate::time::Timestamp;

/// What is kept under an id: a vector and words to find it by, fields to filter by, and a body. It comes back as it was
/// written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// Unique in its tenant; writing the same id again replaces the record, also if its scope is another.
    pub id: String,
    /// Whose it is.
    pub scope: MemoryScope,
    /// When it is from: what lists are ordered by.
    pub at: Timestamp,
    /// Found by cosine; as many numbers as the store's vectors have, or none at all. One of zeros points nowhere and is
    /// not found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vector: Vec<f32>,
    /// Found by keywords: words in the form in which they are looked for, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
    /// What filters can ask for: texts, numbers, truth values, and lists of them.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
    /// What is kept with it; no store looks into it.
    #[serde(default)]
    pub body: Json,
    /// Which writing of the record this is, as its store counts them; 0 for a record that no store gave. A record with a
    /// revision is written over that one alone, and fails with [`StoreErrorKind::Conflict`] where that was changed or deleted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(revision: &u64) -> bool {
    *revision == 0
}

impl Record {
    /// A record that nothing finds yet but its id and lists.
    pub fn new(id: impl Into<String>, scope: MemoryScope, at: Timestamp) -> Self {
        let (vector, words, fields) = (Vec::new(), Vec::new(), Map::new());
        Self { id: id.into(), scope, at, vector, words, fields, body: Json::default(), revision: 0 }
    }

    /// The same with this vector.
    #[must_use]
    pub fn with_vector(mut self, vector: Vec<f32>) -> Self {
        self.vector = vector;
        self
    }

    /// The same with these words.
    #[must_use]
    pub fn with_words(mut self, words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.words = words.into_iter().map(Into::into).collect();
        self
    }

    /// The same with this field.
    #[must_use]
    pub fn with_field(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }

    /// The same with this body.
    #[must_use]
    pub fn with_body(mut self, body: Json) -> Self {
        self.body = body;
        self
    }

    /// The same, to be written over this revision alone; over whatever there is with 0.
    #[must_use]
    pub fn over(mut self, revision: u64) -> Self {
        self.revision = revision;
        self
    }
}

/// Which records are wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Selection {
    /// Whose.
    pub scope: MemoryScope,
    /// What their fields have to be.
    pub filter: Filter,
    /// The most records to give.
    pub limit: usize,
    /// Whether their vectors and words are wanted too. Default: no.
    pub with_index: bool,
}

impl Selection {
    /// At most `limit` records of this scope.
    pub fn new(scope: MemoryScope, limit: usize) -> Self {
        Self { scope, filter: Filter::any(), limit, with_index: false }
    }

    /// The same, of those that fulfil this.
    #[must_use]
    pub fn filtered(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// The same, with their vectors and words.
    #[must_use]
    pub fn with_index(mut self) -> Self {
        self.with_index = true;
        self
    }
}

/// A record that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// The record.
    pub record: Record,
    /// How well it fits, higher is better: the cosine, -1 to 1, or the keywords' score by BM25, above 0.
    pub score: f32,
}

/// The place of a record in the order of time and id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cursor {
    /// When the record is from.
    pub at: Timestamp,
    /// Its id.
    pub id: String,
}

impl Cursor {
    /// The place of this record.
    pub fn of(record: &Record) -> Self {
        Self { at: record.at, id: record.id.clone() }
    }
}

/// What stands beside a record in the order of time and id, among the records of exactly its scope.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    /// The next older one.
    pub before: Option<Record>,
    /// The next newer one.
    pub after: Option<Record>,
}

/// What is written in one go: first the deletions, then the records. If a record has a
/// [revision](Record::revision) and the store has another by then, nothing is deleted or written.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct WriteBatch {
    /// Records to delete, by tenant and id.
    pub delete: Vec<(String, String)>,
    /// Records to write. Of several with the same tenant and id the last one counts.
    pub upsert: Vec<Record>,
}

impl WriteBatch {
    /// Records to write.
    pub fn upsert(records: impl IntoIterator<Item = Record>) -> Self {
        Self { delete: Vec::new(), upsert: records.into_iter().collect() }
    }

    /// The records of a tenant to delete.
    pub fn delete(tenant: &str, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let delete = ids.into_iter().map(|id| (tenant.to_owned(), id.into())).collect();
        Self { delete, upsert: Vec::new() }
    }
}

/// What is known of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StoreInfo {
    /// Its address, without secrets.
    pub url: String,
    /// The embedding model that its vectors are from.
    pub embedder: Arc<str>,
    /// The numbers in each vector.
    pub dimensions: usize,
    /// What it can do.
    pub capabilities: StoreCapabilities,
}

impl StoreInfo {
    /// A store with vectors of this model.
    pub fn new(
        url: impl Into<String>,
        embedder: impl Into<Arc<str>>,
        dimensions: usize,
        capabilities: StoreCapabilities,
    ) -> Self {
        Self { url: url.into(), embedder: embedder.into(), dimensions, capabilities }
    }

    /// Checks that a record may be written over what the store has: the revision of that, if there is one.
    ///
    /// # Errors
    /// [`StoreErrorKind::Conflict`].
    pub fn check_revision(&self, record: &Record, found: Option<u64>) -> Result<(), StoreError> {
        if record.revision == 0 || found == Some(record.revision) {
            return Ok(());
        }
        let done = if found.is_some() { "changed" } else { "deleted" };
        let message = format!("record {} was {done} since it was read; read it again", record.id);
        Err(self.error(StoreErrorKind::Conflict, message))
    }

    /// An error of this store.
    pub fn error(&self, kind: StoreErrorKind, message: impl Into<String>) -> StoreError {
        StoreError::new(kind, &*self.url, message)
    }

    /// Checks what is to be written, as each store has to before it writes anything.
    ///
    /// # Errors
    /// [`StoreErrorKind::WrongDimension`]; [`StoreErrorKind::Invalid`] if a number of a vector is not finite.
    pub fn check_changes(&self, changes: &WriteBatch) -> Result<(), StoreError> {
        let vectors = changes.upsert.iter().map(|record| &record.vector).filter(|it| !it.is_empty());
        vectors.into_iter().try_for_each(|vector| self.check_vector(vector))
    }

    /// Checks a vector that is looked for.
    ///
    /// # Errors
    /// [`StoreErrorKind::WrongDimension`]; [`StoreErrorKind::Invalid`] if one of its numbers is not finite.
    pub fn check_vector(&self, vector: &[f32]) -> Result<(), StoreError> {
        let (n, expected) = (vector.len(), self.dimensions);
        if n != expected {
            let message = format!(
                "a vector has {n} numbers, and this store's have {expected}; embed with `{}`",
                self.embedder
            );
            return Err(self.error(StoreErrorKind::WrongDimension, message));
        }
        if vector.iter().all(|number| number.is_finite()) {
            return Ok(());
        }
        let message =
            format!("a vector has a number that is not finite; look at what `{}` gives", self.embedder);
        Err(self.error(StoreErrorKind::Invalid, message))
    }

    /// Checks a filter.
    ///
    /// # Errors
    /// [`StoreErrorKind::Invalid`] if it [can't be asked](Filter::check).
    pub fn check_filter(&self, filter: &Filter) -> Result<(), StoreError> {
        filter.check().map_err(|message| self.error(StoreErrorKind::Invalid, message))
    }
}

/// What a store can do beyond what each must.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StoreCapabilities {
    /// What was written is still there in the next process, and when a write returns, it survives whatever happens to
    /// this one.
    pub durable: bool,
    /// A [`WriteBatch`] is written as a whole or not at all, whatever happens to the process. Otherwise the same
    /// batch has to be written again after a failure.
    pub atomic: bool,
    /// The nearest records are the nearest ones, not nearly so.
    pub exact: bool,
    /// Several processes can use it at the same time, and each sees what the others wrote. Where it is also
    /// [`atomic`](Self::atomic), none of them writes over what another has changed since it was [read](Record::revision).
    pub shared: bool,
}

/// Keeps records and finds them by vector, by keywords, and in order of time.
///
/// # The contract
/// - What a scope does not [see](MemoryScope::sees) is never given to it. No tenant changes another's records.
/// - What was written is found by whatever is asked next, also by other users of the same store object.
/// - `limit` 0 gives nothing. Hits come best first; equal scores in the order of their ids.
/// - A method may be dropped at any await. Changes then happen as a whole, or not at all, where the store is
///   [`atomic`](StoreCapabilities::atomic).
/// - A vector of the wrong length, and a filter that can't be asked, change nothing and are errors of every store
///   ([`StoreInfo`] has the checks).
///
/// `agentic_testkit::conformance::vector_store` tests whether a store keeps it.
#[async_trait]
pub trait VectorStore: Debug + Send + Sync + 'static {
    /// What is known of it; constant and cheap.
    fn info(&self) -> &StoreInfo;

    /// Deletes and writes. Deleting what is not there changes nothing. Gives how many records were deleted; those that
    /// were replaced don't count.
    ///
    /// # Errors
    /// [`WrongDimension`](StoreErrorKind::WrongDimension), [`Invalid`](StoreErrorKind::Invalid),
    /// [`Conflict`](StoreErrorKind::Conflict), or that the store failed.
    async fn apply(&self, changes: WriteBatch) -> Result<usize, StoreError>;

    /// The records whose vectors are nearest to `vector` by cosine. A vector of zeros has nothing near it.
    ///
    /// # Errors
    /// [`WrongDimension`](StoreErrorKind::WrongDimension), [`Invalid`](StoreErrorKind::Invalid), or that the store failed.
    async fn nearest(&self, vector: &[f32], wanted: &Selection) -> Result<Vec<Hit>, StoreError>;

    /// The records that have at least one of these words, by BM25 (Robertson and Zaragoza, "The Probabilistic Relevance
    /// Framework: BM25 and Beyond", 2009). A word that is asked for twice counts once; how rare a word is, is counted
    /// among the records of the tenant alone.
    ///
    /// # Errors
    /// [`Invalid`](StoreErrorKind::Invalid), or that the store failed.
    async fn matching(&self, words: &[String], wanted: &Selection) -> Result<Vec<Hit>, StoreError>;

    /// The records in order of time and id, the newest first; with a place those that come after it in this order.
    ///
    /// # Errors
    /// [`Invalid`](StoreErrorKind::Invalid), or that the store failed.
    async fn list(&self, wanted: &Selection, after: Option<&Cursor>) -> Result<Vec<Record>, StoreError>;

    /// What stands beside the records with these ids, for each of them in the order of the ids. Records have neighbours of
    /// exactly their scope that fulfil the filter; what the scope does not see, or is not there, has none. The limit of the
    /// selection does not count.
    ///
    /// # Errors
    /// [`Invalid`](StoreErrorKind::Invalid), or that the store failed.
    async fn beside(&self, ids: &[String], wanted: &Selection) -> Result<Vec<Beside>, StoreError>;

    /// The records with these ids in their order, as far as the scope sees them, with their vectors and words.
    ///
    /// # Errors
    /// If the store failed.
    async fn get(&self, scope: &MemoryScope, ids: &[String]) -> Result<Vec<Record>, StoreError>;

    /// How many records there are.
    ///
    /// # Errors
    /// [`Invalid`](StoreErrorKind::Invalid), or that the store failed.
    async fn count(&self, scope: &MemoryScope, filter: &Filter) -> Result<usize, StoreError>;

    /// Deletes all that the scope sees, and gives how much it was.
    ///
    /// # Errors
    /// If the store failed.
    async fn clear(&self, scope: &MemoryScope) -> Result<usize, StoreError>;

    /// The tenants that have records, in order: for whoever keeps the store, to copy it or to count what is in it.
    ///
    /// # Errors
    /// If the store failed.
    async fn tenants(&self) -> Result<Vec<String>, StoreError>;
}

/// A failed call of a vector store.
#[derive(Clone, Debug, PartialEq, Error, Serialize, Deserialize)]
#[error("memory store `{store}`: {message}")]
pub struct StoreError {
    /// What went wrong.
    pub kind: StoreErrorKind,
    /// The store, without secrets.
    pub store: String,
    /// What failed and what to do.
    pub message: String,
}

/// What went wrong, by what a caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The address, a filter or a record can't be used. Mend it.
    Invalid,
    /// The vector has another number of dimensions than the store. Use the store's embedding model.
    WrongDimension,
    /// The store's vectors are of another embedding model. Use that one, or embed all again.
    OtherEmbedder,
    /// There is no such store, and it is not made without an embedding model.
    NotFound,
    /// A newer version wrote the store. Use that one.
    Newer,
    /// The store can't be reached, or somebody keeps it locked. Try again.
    Unreachable,
    /// The store's data are damaged, or of another program.
    Corrupt,
    /// The store may not be written, or there is no room.
    Unwritable,
    /// A record that is to be written over was changed or deleted since it was read. Read it again.
    Conflict,
    /// The store failed in another way.
    Failed,
}

impl StoreError {
    /// An error of this kind, of this store.
    pub fn new(kind: StoreErrorKind, store: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, store: store.into(), message: message.into() }
    }

    /// Whether the same may work a little later.
    pub fn is_retryable(&self) -> bool {
        self.kind == StoreErrorKind::Unreachable
    }
}

impl fmt::Display for StoreErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
