//! Stores are copied, embedded again, taken out and put in.

use std::sync::Arc;

use agentic_core::{
    Embedder, Filter, Memory as _, MemoryEntry, MemoryError, MemoryKind, MemoryQuery, MemoryScope, Recalled,
    RunContext, StoreErrorKind, Timestamp, VectorStore,
};
use agentic_llm::adapter::hashing::HashingEmbedder;
use agentic_memory::backend::sqlite::reembed_file;
use agentic_memory::{EpisodicMemory, LongTermMemory, copy, open, reembed};
use agentic_runtime::RunContextExt as _;
use agentic_testkit::ScriptedModel;
use serde_json::json;

fn scope(tenant: &str) -> MemoryScope {
    MemoryScope::of_tenant(tenant)
}

fn run() -> RunContext {
    RunContext::ephemeral()
}

/// A memory of 1,100 entries of two tenants, with one forgotten, and an episode.
async fn filled(url: &str) -> LongTermMemory {
    let (memory, cx) = (LongTermMemory::open(url, HashingEmbedder::new(64)).await.unwrap(), run());
    for (tenant, n) in [("anna", 900), ("ben", 200)] {
        let entry = |n: u64| {
            let content = format!("{tenant} has seen bird number {n} of the year");
            MemoryEntry::new(
                scope(tenant).session("birds"),
                MemoryKind::Fact,
                content,
                Timestamp::from_millis(n),
            )
        };
        let added = memory.add_all((0..n).map(entry).collect(), &cx).await.unwrap();
        assert!(memory.forget(&scope(tenant), added[7].id().unwrap(), &cx).await.unwrap());
    }
    let summary = json!({ "accomplished": ["fed the birds"], "decisions": [], "learned": [] }).to_string();
    let episodes = EpisodicMemory::new(memory.clone(), ScriptedModel::new().says(summary));
    let episode = episodes.start(&scope("anna"), "The day of the birds", &cx).await.unwrap();
    episodes.add(&episode, MemoryKind::Observation, "A robin came", &cx).await.unwrap();
    episodes.end(&scope("anna"), &episode.id, &cx).await.unwrap();
    memory
}

/// Whatever can be asked, in both the same.
async fn same(one: &LongTermMemory, other: &LongTermMemory) {
    for tenant in ["anna", "ben"] {
        let (scope, cx) = (scope(tenant), run());
        let all = |memory: &LongTermMemory| {
            let store: Arc<dyn VectorStore> = memory.store().clone();
            let scope = scope.clone();
            async move { store.count(&scope, &Filter::any()).await.unwrap() }
        };
        assert_eq!(all(one).await, all(other).await);
        let pages =
            (one.page(&scope, None, 2_000, &cx).await.unwrap(), other.page(&scope, None, 2_000, &cx).await);
        assert_eq!(pages.0, pages.1.unwrap());
        let query = MemoryQuery::new(scope.clone(), "bird number 77", 5);
        let ids = |found: Vec<Recalled>| found.into_iter().map(|it| it.id).collect::<Vec<_>>();
        let found = one.retrieve(&query, &run()).await.unwrap();
        assert_eq!(ids(found)[0], ids(other.retrieve(&query, &run()).await.unwrap())[0]);
    }
}

#[tokio::test]
async fn a_store_is_copied_once_however_often() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("from.db").display());
    let from = filled(&url).await;
    let to = LongTermMemory::open("memory:", HashingEmbedder::new(64)).await.unwrap();
    // It stops after the first page.
    let mut pages = 0;
    let stopped = tokio::time::timeout(std::time::Duration::from_secs(60), async {
        let (store, target) = (from.store(), to.store());
        let copying = copy(&**store, &**target, |_| pages += 1);
        copying.await
    });
    let done = stopped.await.unwrap().unwrap();
    assert_eq!((done.written, done.there), (done.all(), 0));
    assert!(pages > 2, "{pages} pages");
    same(&from, &to).await;
    let again = copy(&**from.store(), &**to.store(), |_| {}).await.unwrap();
    assert_eq!((again.written, again.there), (0, done.all()));
    same(&from, &to).await;
    let other = open("memory:", Some(HashingEmbedder::new(32).info())).await.unwrap();
    let error = copy(&**from.store(), &*other, |_| {}).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::OtherEmbedder, "{error}");
}

#[tokio::test]
async fn a_store_is_embedded_again_while_it_is_copied() {
    let from = filled("memory:").await;
    let to = LongTermMemory::open("memory:", HashingEmbedder::new(128)).await.unwrap();
    let embedder: Arc<dyn Embedder> = Arc::new(HashingEmbedder::new(128));
    let done = reembed(&**from.store(), &**to.store(), &embedder, &run(), |_| {}).await.unwrap();
    same(&from, &to).await;
    let found = EpisodicMemory::new(to.clone(), ScriptedModel::new())
        .find(&scope("anna"), "the day of the birds", 1, &run())
        .await
        .unwrap();
    assert!(found[0].score > 0.5, "episodes too");
    let again = reembed(&**from.store(), &**to.store(), &embedder, &run(), |_| {}).await.unwrap();
    assert_eq!((again.written, again.there), (0, done.all()));
    let wrong: Arc<dyn Embedder> = Arc::new(HashingEmbedder::new(32));
    let error = reembed(&**from.store(), &**to.store(), &wrong, &run(), |_| {}).await.unwrap_err();
    assert!(matches!(error, MemoryError::Store(error) if error.kind == StoreErrorKind::OtherEmbedder));
}

#[tokio::test]
async fn entries_are_taken_out_and_put_in_as_they_were() {
    let (from, cx) = (filled("memory:").await, run());
    let to = LongTermMemory::open("memory:", HashingEmbedder::new(64)).await.unwrap();
    for _ in 0..2 {
        let mut last: Option<Recalled> = None;
        loop {
            let page = from.page(&scope("anna"), last.as_ref(), 400, &cx).await.unwrap();
            let Some(end) = page.last() else { break };
            last = Some(end.clone());
            to.put_in(page, &cx).await.unwrap();
        }
    }
    let (mine, theirs) =
        (from.stats(&scope("anna"), &cx).await.unwrap(), to.stats(&scope("anna"), &cx).await);
    let theirs = theirs.unwrap();
    assert_eq!((mine.entries, mine.given, mine.forgotten, mine.invalid), (901, 900, 1, 0));
    assert_eq!((theirs.entries, theirs.given, theirs.forgotten), (901, 900, 1));
    assert_eq!(theirs.kinds[&MemoryKind::Fact], 900);
    let mut nameless = to.page(&scope("anna"), None, 1, &cx).await.unwrap();
    nameless[0].id.clear();
    assert!(matches!(to.put_in(nameless, &cx).await, Err(MemoryError::Invalid { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_gets_vectors_of_another_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("memory.db");
    let url = format!("sqlite://{}", path.display());
    let (before, cx) = (filled(&url).await, RunContext::ephemeral());
    let embedder: Arc<dyn Embedder> = Arc::new(HashingEmbedder::new(128));
    // Somebody has it open.
    let error = reembed_file(&path, &embedder, &cx, |_| {}).await.unwrap_err();
    assert!(matches!(&error, MemoryError::Store(it) if it.kind == StoreErrorKind::Unreachable), "{error}");
    assert_eq!(before.stats(&scope("ben"), &cx).await.unwrap().entries, 200, "it is as it was");
    // What was embedded is not embedded again; what was deleted since is not brought back.
    let ids: Vec<_> = before.page(&scope("ben"), None, 9, &cx).await.unwrap();
    assert!(before.delete(&scope("ben"), &ids[3].id, &cx).await.unwrap());
    let kept = before.page(&scope("ben"), None, 999, &cx).await.unwrap();
    drop(before);
    let again = cx.scope("again");
    reembed_file(&path, &embedder, &again, |_| {}).await.unwrap();
    let old = LongTermMemory::open(&url, HashingEmbedder::new(64)).await.unwrap_err();
    assert_eq!(old.kind, StoreErrorKind::OtherEmbedder);
    let after = LongTermMemory::open(&url, HashingEmbedder::new(128)).await.unwrap();
    assert_eq!(after.page(&scope("ben"), None, 999, &cx.scope("after")).await.unwrap(), kept);
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(files.iter().all(|it| !it.to_string_lossy().contains("reembed")), "{files:?}");
    drop(after);
    let other: Arc<dyn Embedder> = Arc::new(HashingEmbedder::new(32));
    let done = reembed_file(&path, &other, &cx.scope("once more"), |_| {}).await.unwrap();
    assert!(done.written > 1_000 && done.there == 0);
}
