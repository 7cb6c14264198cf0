//! `edge://` keeps the contract of `VectorStore`, also when it is killed.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "these are tests")]

#[path = "../it/crash/writer.rs"]
mod writer;

use agentic_core::{
    EmbedderInfo, Filter, Hit, MemoryScope, Record, Selection, StoreErrorKind as Kind, Timestamp, WriteBatch,
};
use agentic_memory::open;
use agentic_testkit::conformance::vector_store;

fn embedder() -> EmbedderInfo {
    EmbedderInfo::new("test:16", 16)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("edge://{}", folder.path().join("a folder/größe").display());
    let embedder = embedder();
    for _ in 0..2 {
        let store = open(&url, Some(&embedder)).await.unwrap();
        vector_store::all(&store).await;
        let can = store.info().capabilities;
        assert!(can.durable && can.atomic && !can.exact && !can.shared);
    }
    let again = async |embedder: Option<&EmbedderInfo>| open(&url, embedder).await;
    vector_store::what_is_durable_is_there_again(again, &embedder).await;
    vector_store::a_store_is_for_one_embedder(again, &embedder).await;
    vector_store::a_store_is_opened_without_an_embedder(again, &embedder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_writer_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    writer::check(&format!("edge://{}", folder.path().join("memory").display())).await;
}

/// Whichever was written first.
#[tokio::test]
async fn of_equal_ones_the_first_by_id_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let scope = MemoryScope::of_tenant("anna");
    let store =
        open(&format!("edge://{}", folder.path().join("equal").display()), Some(&embedder())).await.unwrap();
    for n in (0..100).rev() {
        let record = Record::new(format!("{n:02}"), scope.clone(), Timestamp::from_millis(1));
        let record = record.with_vector(vec![1.0; 16]).with_words(["word"]);
        store.apply(WriteBatch::upsert([record])).await.unwrap();
    }
    let two = Selection::new(scope.clone(), 2);
    let ids = |hits: Vec<Hit>| hits.into_iter().map(|hit| hit.record.id).collect::<Vec<_>>();
    assert_eq!(ids(store.nearest(&[1.0; 16], &two).await.unwrap()), ["00", "01"]);
    assert_eq!(ids(store.matching(&["word".into()], &two).await.unwrap()), ["00", "01"]);
}

#[tokio::test]
async fn a_second_opener_is_told_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("edge://{}", folder.path().join("memory").display());
    let store = open(&url, Some(&embedder())).await.unwrap();
    let error = open(&url, Some(&embedder())).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable, "{error}");
    assert!(error.is_retryable() && error.message.contains("this process has it open already"), "{error}");
    drop(store);
    let store = open(&url, Some(&embedder())).await.unwrap();
    assert_eq!(store.count(&MemoryScope::of_tenant("t"), &Filter::any()).await.unwrap(), 0);
}
