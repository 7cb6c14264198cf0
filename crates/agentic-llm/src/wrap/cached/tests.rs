use std::sync::atomic::{AtomicUsize, Ordering};

use crate::adapter::hashing::HashingEmbedder;
use agentic_core::RunContext;
use agentic_runtime::RunContextExt as _;
use agentic_testkit::conformance;

use super::*;

/// Counts the texts that it is asked for.
#[derive(Debug)]
struct Counting {
    model: HashingEmbedder,
    texts: AtomicUsize,
}

#[async_trait]
impl Embedder for Counting {
    fn info(&self) -> &EmbedderInfo {
        self.model.info()
    }

    async fn embed(&self, texts: Arc<[String]>, mcx: ModelContext) -> Result<Embeddings, ModelError> {
        self.texts.fetch_add(texts.len(), Ordering::SeqCst);
        let usage = Usage { input_tokens: texts.len() as u64, ..Usage::default() };
        Ok(Embeddings { usage, ..self.model.embed(texts, mcx).await? })
    }
}

struct Fixture {
    counting: Arc<Counting>,
    cached: Arc<dyn Embedder>,
}

impl Fixture {
    fn new(bytes: usize) -> Self {
        let counting = Arc::new(Counting { model: HashingEmbedder::new(8), texts: AtomicUsize::new(0) });
        let cached = Arc::new(Cached::new(counting.clone()).with_bytes(bytes));
        Self { counting, cached }
    }

    /// Asks, checks the vectors, and gives how many texts the model inside was asked for, and the usage.
    async fn ask(&self, texts: &[&str]) -> (usize, u64) {
        let before = self.counting.texts.load(Ordering::SeqCst);
        let answer = RunContext::ephemeral().embed(&self.cached, texts.iter().copied()).await.unwrap();
        let expected: Vec<_> = texts.iter().map(|text| self.counting.model.vector(text)).collect();
        assert_eq!(answer.vectors, expected);
        (self.counting.texts.load(Ordering::SeqCst) - before, answer.usage.input_tokens)
    }
}

#[tokio::test]
async fn the_same_text_is_embedded_once() {
    let fixture = Fixture::new(BYTES);
    assert_eq!(fixture.ask(&["tea", "rain", "tea", ""]).await, (3, 3));
    assert_eq!(fixture.ask(&["rain", "tea", ""]).await, (0, 0));
    assert_eq!(fixture.ask(&["snow", "tea"]).await, (1, 1));
    assert_eq!(fixture.ask(&[]).await, (0, 0));
}

#[tokio::test]
async fn what_was_not_asked_for_goes_first() {
    // A half holds four texts.
    let fixture = Fixture::new(2 * 4 * (OVERHEAD + 8 * 4 + 2));
    assert_eq!(fixture.ask(&["t1", "t2", "t3", "t4"]).await.0, 4);
    assert_eq!(fixture.ask(&["t5", "t1"]).await.0, 1, "t1 to t4 are the old half now");
    assert_eq!(fixture.ask(&["t6", "t7", "t8"]).await.0, 3, "t5 to t8 are the young one");
    assert_eq!(fixture.ask(&["t1"]).await.0, 0, "t1 begins a young half, and t2 to t4 go");
    assert_eq!(fixture.ask(&["t2"]).await.0, 1);
}

#[tokio::test]
async fn what_is_too_large_is_not_kept() {
    let fixture = Fixture::new(0);
    assert_eq!(fixture.ask(&["tea"]).await.0, 1);
    assert_eq!(fixture.ask(&["tea"]).await.0, 1);
    let kept = fixture.counting.texts.load(Ordering::SeqCst);
    assert_eq!(kept, 2);
}

#[tokio::test]
async fn the_suite_for_embedders_passes() {
    conformance::embedder::all(&RunContext::ephemeral(), &Fixture::new(BYTES).cached).await;
}
