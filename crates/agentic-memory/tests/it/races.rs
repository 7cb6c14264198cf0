//! What happens to an entry while somebody else is about to change it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agentic_core::{
    Beside, Cursor, Embedder as _, Filter, Hit, Memory as _, MemoryEntry, MemoryError, MemoryKind,
    MemoryScope, Recalled, Record, RunContext, Selection, StoreError, StoreInfo, Timestamp, VectorStore,
    WriteBatch, async_trait,
};
use agentic_llm::adapter::hashing::HashingEmbedder;
use agentic_memory::backend::memory::MemoryStore;
use agentic_memory::{Comparer, LongTermMemory, Relation};
use agentic_runtime::Ephemeral;
use agentic_testkit::FakeSources;

/// A store that takes its time to give what is read next, when it is told to.
#[derive(Debug)]
struct Slow {
    store: MemoryStore,
    next: Arc<AtomicBool>,
}

#[async_trait]
impl VectorStore for Slow {
    fn info(&self) -> &StoreInfo {
        self.store.info()
    }

    async fn apply(&self, changes: WriteBatch) -> Result<usize, StoreError> {
        self.store.apply(changes).await
    }

    async fn nearest(&self, vector: &[f32], wanted: &Selection) -> Result<Vec<Hit>, StoreError> {
        self.store.nearest(vector, wanted).await
    }

    async fn matching(&self, words: &[String], wanted: &Selection) -> Result<Vec<Hit>, StoreError> {
        self.store.matching(words, wanted).await
    }

    async fn list(&self, wanted: &Selection, after: Option<&Cursor>) -> Result<Vec<Record>, StoreError> {
        self.store.list(wanted, after).await
    }

    async fn beside(&self, ids: &[String], wanted: &Selection) -> Result<Vec<Beside>, StoreError> {
        self.store.beside(ids, wanted).await
    }

    async fn get(&self, scope: &MemoryScope, ids: &[String]) -> Result<Vec<Record>, StoreError> {
        let found = self.store.get(scope, ids).await;
        if self.next.swap(false, Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
        found
    }

    async fn count(&self, scope: &MemoryScope, filter: &Filter) -> Result<usize, StoreError> {
        self.store.count(scope, filter).await
    }

    async fn clear(&self, scope: &MemoryScope) -> Result<usize, StoreError> {
        self.store.clear(scope).await
    }

    async fn tenants(&self) -> Result<Vec<String>, StoreError> {
        self.store.tenants().await
    }
}

/// Says that everything contradicts everything; what is read next to change that takes its time.
#[derive(Debug)]
struct Quarrel(Arc<AtomicBool>);

#[async_trait]
impl Comparer for Quarrel {
    async fn compare(
        &self,
        _: &Recalled,
        others: &[Recalled],
        _: &RunContext,
    ) -> Result<Vec<Relation>, MemoryError> {
        self.0.store(true, Ordering::Relaxed);
        Ok(vec![Relation::Contradicts; others.len()])
    }
}

fn anna() -> MemoryScope {
    MemoryScope::of_tenant("anna")
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Meanwhile {
    Deleted,
    Cleared,
    Forgotten,
    Pinned,
}

#[tokio::test(start_paused = true)]
async fn consolidation_brings_back_nothing_that_is_changed_meanwhile() {
    let all = [Meanwhile::Deleted, Meanwhile::Cleared, Meanwhile::Forgotten, Meanwhile::Pinned];
    for (what, in_one_process) in all.into_iter().flat_map(|what| [(what, true), (what, false)]) {
        let (embedder, next) = (HashingEmbedder::new(64), Arc::<AtomicBool>::default());
        let store = Arc::new(Slow { store: MemoryStore::new(embedder.info()), next: next.clone() });
        let memory = LongTermMemory::new(store.clone(), embedder.clone()).with_comparer(Quarrel(next));
        // Another process holds none of this one's locks.
        let others = if in_one_process { memory.clone() } else { LongTermMemory::new(store, embedder) };
        let cx = Ephemeral::new().sources(FakeSources::seeded(1)).context();
        let mut ids = Vec::new();
        for (content, millis) in [("Anna lives in Oslo", 1), ("Anna lives in Bergen", 2)] {
            let entry = MemoryEntry::new(anna(), MemoryKind::Fact, content, Timestamp::from_millis(millis));
            ids.push(memory.add(entry, &cx).await.unwrap().id().unwrap().to_owned());
        }
        let (consolidating, other, anna) = (cx.keyed("by", "one"), cx.keyed("by", "other"), anna());
        let changing = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let (scope, id, cx) = (&anna, &ids[0], &other);
            match what {
                Meanwhile::Deleted => assert!(others.delete(scope, id, cx).await.unwrap()),
                Meanwhile::Cleared => assert_eq!(others.clear(scope, cx).await.unwrap(), 2),
                Meanwhile::Forgotten => assert!(others.forget(scope, id, cx).await.unwrap()),
                Meanwhile::Pinned => assert!(others.pin(scope, id, true, cx).await.unwrap()),
            }
        };
        let (done, ()) = tokio::join!(memory.consolidate(&anna, &consolidating), changing);
        done.unwrap();
        let standing = memory.get(&anna, &ids[0], &cx).await.unwrap().map(|it| it.standing);
        match what {
            Meanwhile::Deleted | Meanwhile::Cleared => assert_eq!(standing, None, "{what:?}"),
            Meanwhile::Forgotten => assert!(standing.unwrap().forgotten_at.is_some()),
            Meanwhile::Pinned => assert!(standing.unwrap().pinned),
        }
    }
}
