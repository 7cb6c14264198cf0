//! The default embedding model, and what it was asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use agentic_core::{Embedder, EmbedderInfo, Embeddings, ModelContext, ModelError, async_trait};
use agentic_llm::{Cached, DEFAULT_EMBEDDER, open_embedder};

use crate::Failed;

/// An embedding model that counts what it was asked and how long that took. Clones share the counts.
#[derive(Clone, Debug)]
pub struct Watched {
    model: Arc<dyn Embedder>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    tokens: AtomicU64,
    micros: AtomicU64,
}

impl Watched {
    /// Tokens that went through the network so far.
    pub fn tokens(&self) -> u64 {
        self.counts.tokens.load(Ordering::Relaxed)
    }

    /// How long it was at work so far.
    pub fn time(&self) -> Duration {
        Duration::from_micros(self.counts.micros.load(Ordering::Relaxed))
    }
}

#[async_trait]
impl Embedder for Watched {
    fn info(&self) -> &EmbedderInfo {
        self.model.info()
    }

    async fn embed(&self, texts: Arc<[String]>, mcx: ModelContext) -> Result<Embeddings, ModelError> {
        let began = Instant::now();
        let embeddings = self.model.embed(texts, mcx).await?;
        self.counts.tokens.fetch_add(embeddings.usage.input_tokens, Ordering::Relaxed);
        self.counts.micros.fetch_add(began.elapsed().as_micros() as u64, Ordering::Relaxed);
        Ok(embeddings)
    }
}

/// The default model, fetched if it is not on this machine, and the same with what it gave kept: a text is embedded when
/// it is asked for first, and not again for another way to look for it.
///
/// # Errors
/// Why it can't be opened.
pub async fn default_model() -> Result<(Watched, Cached<Watched>), Failed> {
    let began = Instant::now();
    let model = open_embedder(DEFAULT_EMBEDDER).await?;
    println!("{DEFAULT_EMBEDDER}: opened in {:.2} s", began.elapsed().as_secs_f64());
    let watched = Watched { model, counts: Arc::default() };
    Ok((watched.clone(), Cached::new(watched)))
}
