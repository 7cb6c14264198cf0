//! Vector stores: records and vectors, and nothing of what they mean.

use std::fmt::Debug;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

/// A vector with an id and a payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Unique in its store; writing the same id again replaces the record.
    pub id: String,
    /// The vector.
    pub vector: Vec<f32>,
    /// What is kept with it.
    #[serde(default)]
    pub payload: Map<String, Value>,
}

/// A record that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// The record.
    pub record: Record,
    /// Its cosine similarity to the query, -1 to 1.
    pub score: f32,
}

/// Keeps records and finds the nearest ones.
#[async_trait]
pub trait VectorStore: Debug + Send + Sync + 'static {
    /// The numbers in each vector.
    fn dimensions(&self) -> usize;

    /// Writes records; all or none of them.
    ///
    /// # Errors
    /// [`StoreErrorKind::WrongDimension`] or that the store failed.
    async fn upsert(&self, records: Vec<Record>) -> Result<(), StoreError>;

    /// The nearest records to `vector` by cosine, nearest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreErrorKind::WrongDimension`] or that the store failed.
    async fn search(&self, vector: &[f32], limit: usize) -> Result<Vec<Hit>, StoreError>;

    /// Deletes the records with these ids and gives how many there were.
    ///
    /// # Errors
    /// If the store failed.
    async fn delete(&self, ids: &[String]) -> Result<usize, StoreError>;
}

/// A failed call of a vector store.
#[derive(Clone, Debug, PartialEq, Error, Serialize, Deserialize)]
#[error("vector store `{store}`: {message}")]
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
    /// The vector has another number of dimensions than the store.
    WrongDimension,
    /// The store can't be reached.
    Unreachable,
    /// The store's data are damaged.
    Corrupt,
    /// The store failed in another way.
    Failed,
}
