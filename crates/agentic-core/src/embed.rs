//! Embedding models: text in, vectors out.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::model_context::ModelContext;
use crate::model_error::ModelError;
use crate::usage::{Price, Usage};

/// One embedding model. Adapters implement exactly this; agents call
/// [`RunContext::embed`](crate::RunContext::embed).
#[async_trait]
pub trait Embedder: Debug + Send + Sync + 'static {
    /// Identity and dimensions; constant and cheap.
    fn info(&self) -> &EmbedderInfo;

    /// Embeds texts: as many vectors as texts, in their order, each of [`EmbedderInfo::dimensions`] numbers.
    ///
    /// # Errors
    /// A [`ModelError`]; either all texts are embedded or none.
    ///
    /// # Cancel safety
    /// Dropping the future aborts the request.
    async fn embed(&self, texts: Arc<[String]>, mcx: ModelContext) -> Result<Embeddings, ModelError>;
}

#[async_trait]
impl<E: Embedder + ?Sized> Embedder for Arc<E> {
    fn info(&self) -> &EmbedderInfo {
        (**self).info()
    }

    async fn embed(&self, texts: Arc<[String]>, mcx: ModelContext) -> Result<Embeddings, ModelError> {
        (**self).embed(texts, mcx).await
    }
}

/// What is known about an embedding model before it is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EmbedderInfo {
    /// The model's name with its adapter's scheme.
    pub id: Arc<str>,
    /// Numbers in each vector.
    pub dimensions: usize,
    /// The most tokens of one text; what is beyond is cut off, or the text is refused
    /// ([`ContextOverflow`](crate::ModelErrorKind::ContextOverflow)). `None` if unknown.
    pub max_tokens: Option<u64>,
    /// What it costs (only `input` counts); `None` if unknown.
    pub price: Option<Price>,
}

impl EmbedderInfo {
    /// A model with this name and this many numbers in a vector.
    pub fn new(id: impl Into<Arc<str>>, dimensions: usize) -> Self {
        Self { id: id.into(), dimensions, max_tokens: None, price: None }
    }
}

/// The vectors of some texts, in the order of the texts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Embeddings {
    /// One vector a text.
    pub vectors: Vec<Vec<f32>>,
    /// What it took.
    #[serde(default)]
    pub usage: Usage,
}
