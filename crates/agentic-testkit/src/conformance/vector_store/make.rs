//! Records and questions for the suite.

use std::fmt::Debug;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use agentic_core::{
    Filter, Hit, Json, MemoryScope, Record, Selection, StoreError, StoreErrorKind, Timestamp, VectorStore,
    WriteBatch,
};
use serde_json::json;

pub(super) type Store = Arc<dyn VectorStore>;

/// A tenant that nobody has, not even in a store that was used before.
pub(super) fn fresh() -> MemoryScope {
    MemoryScope::of_tenant(format!("tenant {:016x}", RandomState::new().hash_one(0)))
}

pub(super) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000 + millis)
}

/// A record like any other: found by the first direction and by `common`.
pub(super) fn record(store: &Store, id: &str, scope: &MemoryScope) -> Record {
    bare(id, scope).with_vector(vector(store, &[1.0])).with_words(["common"])
}

/// A record that nothing finds but its id and lists.
pub(super) fn bare(id: &str, scope: &MemoryScope) -> Record {
    let body = Json::of(&json!({ "of": id })).expect("a value has a JSON form");
    Record::new(id, scope.clone(), at(0)).with_body(body)
}

/// The record at another time.
pub(super) fn timed(mut record: Record, millis: u64) -> Record {
    record.at = at(millis);
    record
}

/// A vector that begins with these numbers.
pub(super) fn vector(store: &Store, numbers: &[f32]) -> Vec<f32> {
    let dimensions = store.info().dimensions;
    assert!(dimensions >= 4, "the suite needs vectors of at least 4 dimensions");
    let mut vector = numbers.to_vec();
    vector.resize(dimensions, 0.0);
    vector
}

pub(super) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

pub(super) async fn write(store: &Store, records: impl IntoIterator<Item = Record>) {
    store.apply(WriteBatch::upsert(records)).await.expect("records can be written");
}

/// The ids of what is nearest to the first direction.
pub(super) async fn near(store: &Store, wanted: &Selection) -> Vec<String> {
    let hits = store.nearest(&vector(store, &[1.0]), wanted).await.expect("the nearest are found");
    sorted(&hits)
}

/// The ids of what has the word `common`.
pub(super) async fn common(store: &Store, wanted: &Selection) -> Vec<String> {
    sorted(&store.matching(&words("common"), wanted).await.expect("words are found"))
}

pub(super) async fn listed(store: &Store, wanted: &Selection) -> Vec<String> {
    ids(&store.list(wanted, None).await.expect("records are listed"))
}

pub(super) async fn count(store: &Store, scope: &MemoryScope) -> usize {
    store.count(scope, &Filter::any()).await.expect("records are counted")
}

pub(super) async fn get(store: &Store, scope: &MemoryScope, id: &str) -> Option<Record> {
    let mut found = store.get(scope, &[id.to_owned()]).await.expect("records are read");
    assert!(found.len() <= 1, "one id has one record: {found:?}");
    found.pop().map(as_written)
}

/// A record that the store gave, without what the store added to it.
pub(super) fn as_written(record: Record) -> Record {
    assert_ne!(record.revision, 0, "a store says which revision of `{}` it gives", record.id);
    record.over(0)
}

/// Everything that the scope sees, of at most 100.
pub(super) fn all_of(scope: &MemoryScope) -> Selection {
    Selection::new(scope.clone(), 100)
}

pub(super) fn ids(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| record.id.clone()).collect()
}

/// The ids of hits, which have to be in order.
pub(super) fn sorted(hits: &[Hit]) -> Vec<String> {
    for pair in hits.windows(2) {
        let (one, next) = (&pair[0], &pair[1]);
        let in_order = one.score > next.score || (one.score == next.score && one.record.id < next.record.id);
        assert!(in_order, "best first, equal ones in the order of their ids: {hits:?}");
    }
    hits.iter().map(|hit| hit.record.id.clone()).collect()
}

#[track_caller]
pub(super) fn refused<T: Debug>(result: Result<T, StoreError>, kind: StoreErrorKind, what: &str) {
    match result {
        Err(error) => {
            assert_eq!(error.kind, kind, "{what}: {error}");
            let text = error.to_string();
            assert!(!text.contains('\n'), "{what}: one line: {text}");
        }
        Ok(value) => panic!("{what}: it was accepted: {value:?}"),
    }
}
