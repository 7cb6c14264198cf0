//! The entries that wait for consolidation: each has a record beside it in the store, which is written and deleted together
//! with what it is about. So whatever happens to a process, no entry is left out and none is consolidated twice.

use agentic_core::{Cursor, Json, MemoryScope, Record, Selection, VectorStore, WriteBatch};

use super::Stored;
use super::record::mark;

/// After the id of the entry.
const BESIDE: &str = "/waits";

/// What can't be compared so often waits no more.
const TRIES: u64 = 3;

/// The id of the record beside an entry.
pub(crate) fn id(entry: &str) -> String {
    format!("{entry}{BESIDE}")
}

/// Whether this is the id of such a record.
pub(crate) fn is_beside(id: &str) -> bool {
    id.ends_with(BESIDE)
}

/// The word of those records, which no entry has: one look finds all of them.
fn waits() -> String {
    mark("waits", &())
}

/// The record beside an entry's. It has no fields: so no query finds it.
pub(crate) fn record(entry: &Record) -> Record {
    Record::new(id(&entry.id), entry.scope.clone(), entry.at).with_words([waits()])
}

/// How many entries wait.
pub(crate) async fn len(store: &dyn VectorStore, scope: &MemoryScope) -> Stored<usize> {
    Ok(all(store, scope).await?.len())
}

/// The entries that wait, the oldest first.
pub(crate) async fn all(store: &dyn VectorStore, scope: &MemoryScope) -> Stored<Vec<String>> {
    let wanted = Selection::new(scope.clone(), usize::MAX);
    let hits = store.matching(&[waits()], &wanted).await?;
    let mut waiting: Vec<Cursor> = hits.iter().map(|hit| Cursor::of(&hit.record)).collect();
    waiting.sort_unstable();
    Ok(waiting.iter().filter_map(|it| it.id.strip_suffix(BESIDE)).map(str::to_owned).collect())
}

/// Counts that an entry could not be compared. It goes on waiting, a few times.
pub(crate) async fn failed(store: &dyn VectorStore, scope: &MemoryScope, entry: &str) -> Stored<()> {
    let ids = [id(entry)];
    let Some(record) = store.get(scope, &ids).await?.pop() else { return Ok(()) };
    let tries = record.body.read::<Option<u64>>().ok().flatten().unwrap_or_default() + 1;
    let changes = if tries < TRIES {
        WriteBatch::upsert([record.with_body(Json::of(&tries).unwrap_or_default())])
    } else {
        WriteBatch::delete(&scope.tenant, ids)
    };
    store.apply(changes).await.map(drop)
}
