//! Every store keeps the contract of `VectorStore`.

use std::sync::Arc;

use agentic_core::{
    EmbedderInfo, Hit, MemoryScope, Record, Selection, StoreErrorKind, Timestamp, VectorStore, WriteBatch,
};
use agentic_memory::backend::memory::MemoryStore;
use agentic_memory::open;
use agentic_testkit::conformance::vector_store;

fn embedder() -> EmbedderInfo {
    EmbedderInfo::new("test:16", 16)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory() {
    let store: Arc<dyn VectorStore> = Arc::new(MemoryStore::new(&embedder()));
    vector_store::all(&store).await;
    // A store that was used before.
    vector_store::all(&store).await;
    assert!(!store.info().capabilities.durable && store.info().capabilities.exact);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("a folder/größe.db").display());
    let embedder = embedder();
    for _ in 0..2 {
        let store = open(&url, Some(&embedder)).await.unwrap();
        vector_store::all(&store).await;
    }
    let again = async |embedder: Option<&EmbedderInfo>| open(&url, embedder).await;
    vector_store::what_is_durable_is_there_again(again, &embedder).await;
    vector_store::a_store_is_for_one_embedder(again, &embedder).await;
    vector_store::a_store_is_opened_without_an_embedder(again, &embedder).await;
    vector_store::what_one_writes_the_other_finds(again, &embedder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_of_two_handles() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("memory.db").display());
    let embedder = embedder();
    let (one, other) = tokio::join!(open(&url, Some(&embedder)), open(&url, Some(&embedder)));
    let (one, other) = (one.unwrap(), other.unwrap());
    tokio::join!(vector_store::all(&one), vector_store::all(&other));
}

/// Whichever was written first, and in whichever store.
#[tokio::test]
async fn of_equal_ones_the_first_by_id_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let scope = MemoryScope::of_tenant("anna");
    for url in ["memory:".to_owned(), format!("sqlite://{}", folder.path().join("equal.db").display())] {
        let store = open(&url, Some(&embedder())).await.unwrap();
        for id in ["c", "a", "d", "b"] {
            let record = Record::new(id, scope.clone(), Timestamp::from_millis(1));
            let record = record.with_vector(vec![1.0; 16]).with_words(["word"]);
            store.apply(WriteBatch::upsert([record])).await.unwrap();
        }
        let two = Selection::new(scope.clone(), 2);
        let ids = |hits: Vec<Hit>| hits.into_iter().map(|hit| hit.record.id).collect::<Vec<_>>();
        assert_eq!(ids(store.nearest(&[1.0; 16], &two).await.unwrap()), ["a", "b"], "{url}");
        assert_eq!(ids(store.matching(&["word".into()], &two).await.unwrap()), ["a", "b"], "{url}");
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_named() {
    let unnamed = open("memory:x", Some(&embedder())).await.unwrap_err();
    assert!(unnamed.message.contains("write `memory:`"), "{unnamed}");
    for (url, message) in [
        ("redis://x", "no memory backend for scheme `redis`"),
        ("notes.db", "for a file write `sqlite://notes.db`"),
        ("", "it has no scheme"),
    ] {
        let error = open(url, Some(&embedder())).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Invalid);
        assert!(error.message.contains(message) && error.message.contains("known: memory"), "{error}");
    }
    assert_eq!(open("memory:", None).await.unwrap_err().kind, StoreErrorKind::NotFound);
}
