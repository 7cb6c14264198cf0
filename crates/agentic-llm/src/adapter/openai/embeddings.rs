//! Embeddings, as OpenAI defined them: `POST …/embeddings`.

mod answer;
mod builder;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use agentic_core::{
    Embedder, EmbedderInfo, Embeddings, ModelContext, ModelError, ModelErrorKind as Kind, Usage,
};
use async_trait::async_trait;
use serde::Serialize;

pub use builder::OpenAiEmbedderBuilder;
pub(crate) use builder::open_embedder;

use super::exchange;
use super::origin::Origin;
use crate::transport::Endpoint;
use crate::wrap::RetryPolicy;

/// The longest answer that is read, in bytes: that of a full request has some 10 MB.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;

/// An embedding model behind an endpoint.
///
/// Texts go out in as many requests as they need, one after another; each is tried again by the builder's
/// [`RetryPolicy`], so that a failure in a long list does not cost what was paid for before. An empty text is sent as a
/// space, since OpenAI refuses it. A text that is too long is refused by the server: most say so with
/// [`ContextOverflow`](agentic_core::ModelErrorKind::ContextOverflow). Vectors are as the server sends them; of OpenAI's
/// own models they have length 1.
///
/// An answer with another number of vectors than texts, with vectors of another length than
/// [`EmbedderInfo::dimensions`] or with numbers that are none is an error
/// ([`InvalidResponse`](agentic_core::ModelErrorKind::InvalidResponse)). Usage is what the server counts; none if it
/// counts nothing.
///
/// ```
/// use agentic_llm::adapter::openai::OpenAiEmbedder;
///
/// let server = "http://127.0.0.1:11434/v1";
/// let embedder = OpenAiEmbedder::builder("nomic-embed-text").base_url(server).dimensions(768).build()?;
/// # Ok::<(), agentic_llm::adapter::openai::OpenAiError>(())
/// ```
#[derive(Clone)]
pub struct OpenAiEmbedder(Arc<Inner>);

struct Inner {
    endpoint: Endpoint,
    /// The name that the server knows the model by.
    model: String,
    info: EmbedderInfo,
    /// Whether the server is asked for vectors of this length.
    shorten: bool,
    limits: Limits,
    retry: RetryPolicy,
    origin: Origin,
}

/// What one request may hold.
#[derive(Clone, Copy, Debug)]
struct Limits {
    texts: usize,
    /// Bytes of text; no text has more tokens than bytes.
    bytes: usize,
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
}

impl OpenAiEmbedder {
    /// A model of this name, as its server knows it, at OpenAI's own endpoint unless said otherwise.
    pub fn builder(model: impl Into<String>) -> OpenAiEmbedderBuilder {
        OpenAiEmbedderBuilder::new(model.into())
    }
}

impl fmt::Debug for OpenAiEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { info, origin, .. } = &*self.0;
        let mut shown = f.debug_struct("OpenAiEmbedder");
        shown.field("id", &info.id).field("dimensions", &info.dimensions).field("host", &origin.host);
        shown.field("key", &origin.key).finish_non_exhaustive()
    }
}

#[async_trait]
impl Embedder for OpenAiEmbedder {
    fn info(&self) -> &EmbedderInfo {
        &self.0.info
    }

    async fn embed(&self, texts: Arc<[String]>, mcx: ModelContext) -> Result<Embeddings, ModelError> {
        let mut all = Embeddings { vectors: Vec::with_capacity(texts.len()), usage: Usage::default() };
        for range in requests(&texts, self.0.limits) {
            let texts = texts.get(range).unwrap_or_default();
            let part = self.0.part(texts, &mcx).await?;
            all.vectors.extend(part.vectors);
            all.usage += part.usage;
        }
        Ok(all)
    }
}

impl Inner {
    /// The vectors of the texts of one request, which is tried again as long as that may help.
    async fn part(&self, texts: &[String], mcx: &ModelContext) -> Result<Embeddings, ModelError> {
        let began = mcx.now();
        let mut attempt = 1;
        loop {
            match self.ask(texts, mcx).await {
                Ok(part) => return Ok(part),
                Err(error) if self.retry.wait_after(attempt, &error, began, mcx).await => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    async fn ask(&self, texts: &[String], mcx: &ModelContext) -> Result<Embeddings, ModelError> {
        let input = texts.iter().map(|text| if text.is_empty() { " " } else { text.as_str() }).collect();
        let dimensions = self.shorten.then_some(self.info.dimensions);
        let request = Request { model: &self.model, input, dimensions };
        let body = serde_json::to_vec(&request).map_err(|error| {
            self.origin.error(Kind::InvalidRequest, format!("the texts can't be written as JSON: {error}"))
        })?;
        let response = exchange::send(&self.endpoint, body, &self.origin, mcx).await?;
        let body = exchange::whole(response, LONGEST_ANSWER, &self.origin).await?;
        answer::read(&body, texts.len(), self.info.dimensions, &self.origin)
    }
}

/// How texts are spread over requests, in their order.
fn requests(texts: &[String], limits: Limits) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (index, text) in texts.iter().enumerate() {
        bytes += text.len();
        match ranges.last_mut() {
            Some(range) if range.len() < limits.texts && bytes <= limits.bytes => range.end = index + 1,
            _ => {
                ranges.push(index..index + 1);
                bytes = text.len();
            }
        }
    }
    ranges
}

#[cfg(test)]
mod tests;
