//! Stores that are opened again. Each function takes what opens the same store each time, for an embedding model or for
//! whichever it has, and is for stores that are `durable`.

use std::sync::Arc;

use agentic_core::{EmbedderInfo, StoreError, StoreErrorKind as Kind, VectorStore, WriteBatch};

use super::make::{all_of, common, count, fresh, get, listed, near, record, refused, vector, write};

/// What opens a store.
pub trait Open: AsyncFn(Option<&EmbedderInfo>) -> Result<Arc<dyn VectorStore>, StoreError> {}

impl<F: AsyncFn(Option<&EmbedderInfo>) -> Result<Arc<dyn VectorStore>, StoreError>> Open for F {}

/// What was written is there again, and what was deleted is not.
pub async fn what_is_durable_is_there_again(open: impl Open, embedder: &EmbedderInfo) {
    let scope = fresh();
    let store = open(Some(embedder)).await.expect("the store opens");
    let info = store.info().clone();
    assert!(info.capabilities.durable, "{} is not durable", info.url);
    let monday = scope.clone().session("monday");
    let (a, b) = (record(&store, "a", &monday).with_field("kind", "ü"), record(&store, "b", &scope));
    write(&store, [a.clone(), b, record(&store, "c", &scope)]).await;
    write(&store, [record(&store, "b", &scope).with_words(["other"])]).await;
    store.apply(WriteBatch::delete(&scope.tenant, ["c"])).await.expect("records can be deleted");
    drop(store);
    for _ in 0..2 {
        let store = open(Some(embedder)).await.expect("the store opens again");
        assert_eq!(store.info(), &info);
        assert_eq!(get(&store, &monday, "a").await.as_ref(), Some(&a));
        assert_eq!(near(&store, &all_of(&scope)).await, ["a", "b"]);
        assert_eq!(common(&store, &all_of(&scope)).await, ["a"]);
        assert_eq!(listed(&store, &all_of(&monday)).await, ["a"]);
        assert_eq!(count(&store, &scope).await, 2);
    }
}

/// A store with vectors of another model, or of another length, refuses to open, and is as it was.
pub async fn a_store_is_for_one_embedder(open: impl Open, embedder: &EmbedderInfo) {
    let store = open(Some(embedder)).await.expect("the store opens");
    let scope = fresh();
    write(&store, [record(&store, "a", &scope)]).await;
    drop(store);
    let other = EmbedderInfo::new("another model", embedder.dimensions);
    refused(open(Some(&other)).await, Kind::OtherEmbedder, "another model");
    let longer = EmbedderInfo::new(embedder.id.clone(), embedder.dimensions + 1);
    refused(open(Some(&longer)).await, Kind::WrongDimension, "a model of the same name with longer vectors");
    let store = open(Some(embedder)).await.expect("the store still opens");
    assert_eq!(near(&store, &all_of(&scope)).await, ["a"]);
    let wrong = vec![1.0; vector(&store, &[]).len() + 1];
    refused(store.nearest(&wrong, &all_of(&scope)).await, Kind::WrongDimension, "a longer vector");
}

/// A store that is there tells which model made it. Who opens it need not know.
pub async fn a_store_is_opened_without_an_embedder(open: impl Open, embedder: &EmbedderInfo) {
    drop(open(Some(embedder)).await.expect("the store opens"));
    let store = open(None).await.expect("the store opens without a model");
    assert_eq!((&*store.info().embedder, store.info().dimensions), (&*embedder.id, embedder.dimensions));
}

/// Of a store that is `shared`: what one handle writes and deletes, the other finds at once.
pub async fn what_one_writes_the_other_finds(open: impl Open, embedder: &EmbedderInfo) {
    let (one, other) = (open(Some(embedder)).await, open(Some(embedder)).await);
    let (one, other) = (one.expect("the store opens"), other.expect("it opens twice"));
    assert!(one.info().capabilities.shared, "{} is not shared", one.info().url);
    let scope = fresh();
    for round in 0..3 {
        for (mine, theirs) in [(&one, &other), (&other, &one)] {
            write(mine, [record(mine, "a", &scope), record(mine, "b", &scope)]).await;
            assert_eq!(near(theirs, &all_of(&scope)).await, ["a", "b"], "in round {round}");
            write(theirs, [record(theirs, "a", &scope).with_words(["other"])]).await;
            assert_eq!(common(mine, &all_of(&scope)).await, ["b"], "in round {round}");
            let gone = theirs.apply(WriteBatch::delete(&scope.tenant, ["b"])).await;
            assert_eq!(gone.expect("records can be deleted"), 1);
            assert_eq!(count(mine, &scope).await, 1, "in round {round}");
            assert_eq!(mine.clear(&scope).await.expect("a scope can be cleared"), 1);
            assert!(listed(theirs, &all_of(&scope)).await.is_empty(), "in round {round}");
        }
    }
}
