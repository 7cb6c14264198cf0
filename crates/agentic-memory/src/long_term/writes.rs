//! Changes of entries that are there: each is read, and written as it is to be.

use std::sync::Arc;

use agentic_core::{
    EffectClass, MemoryError, MemoryScope, RunContext, StoreErrorKind, VectorStore, WriteBatch,
};
use futures_util::lock::Mutex;

use super::record::{self, Kept, is_entry};
use super::steps::{keyed_step, step};
use super::{Stored, queue};

/// A store, and what is held by whoever reads something of it to write it changed: otherwise one would write over what
/// another has changed, and bring back what was deleted.
#[derive(Clone, Debug)]
pub(crate) struct Writes {
    pub(crate) store: Arc<dyn VectorStore>,
    pub(crate) alone: Arc<Mutex<()>>,
}

/// So often another process may have been faster.
const TRIES: usize = 20;

/// Reads, and writes what comes of it: again where another process has changed what was read.
pub(crate) async fn settled<T, F: Future<Output = Stored<T>>>(write: impl Fn() -> F) -> Stored<T> {
    for _ in 1..TRIES {
        match write().await {
            Err(error) if error.kind == StoreErrorKind::Conflict => {}
            done => return done,
        }
    }
    write().await
}

/// Changes an entry, if `change` says that it is another then.
pub(super) async fn change(
    Writes { store, alone }: Writes,
    name: &str,
    scope: &MemoryScope,
    id: &str,
    change: impl Fn(&mut Kept) -> bool + Send + Sync + 'static,
    cx: &RunContext,
) -> Result<bool, MemoryError> {
    let (asked, ids) = (scope.clone(), [id.to_owned()]);
    keyed_step(cx, name, EffectClass::Idempotent, &(scope, id), |step_key| async move {
        let _alone = alone.lock().await;
        settled(|| change_once(&*store, &asked, &ids, &step_key, &change)).await
    })
    .await
}

async fn change_once(
    store: &dyn VectorStore,
    scope: &MemoryScope,
    id: &[String; 1],
    step_key: &str,
    change: &(impl Fn(&mut Kept) -> bool + Sync),
) -> Stored<bool> {
    let found = store.get(scope, id).await?.pop();
    let Some(record) = found.filter(is_entry) else { return Ok(false) };
    let mut kept = Kept::read(store.info(), &record)?;
    // This step did it before a crash.
    if kept.changed_by.as_deref() == Some(step_key) {
        return Ok(true);
    }
    if !change(&mut kept) {
        return Ok(false);
    }
    kept.changed_by = Some(step_key.to_owned());
    store.apply(WriteBatch::upsert([kept.in_place_of(record)])).await?;
    Ok(true)
}

/// Deletes an entry for good.
pub(crate) async fn delete(
    Writes { store, alone }: Writes,
    scope: &MemoryScope,
    id: &str,
    cx: &RunContext,
) -> Result<bool, MemoryError> {
    let (asked, ids) = (scope.clone(), [id.to_owned()]);
    step(cx, "memory.delete", EffectClass::Idempotent, &(scope, id), async move {
        let _alone = alone.lock().await;
        // Not by the tenant alone: nobody deletes what they don't see.
        let found = store.get(&asked, &ids).await?.pop();
        let Some(record) = found.filter(is_entry) else { return Ok(false) };
        let ids = [queue::id(&record.id), record.id];
        Ok(store.apply(WriteBatch::delete(&asked.tenant, ids)).await? > 0)
    })
    .await
}

/// Forgets an entry, in a way that can be taken back. Gives whether it was not forgotten yet.
pub(crate) async fn forget(
    writes: Writes,
    scope: &MemoryScope,
    id: &str,
    cx: &RunContext,
) -> Result<bool, MemoryError> {
    let now = cx.now();
    let forget = move |kept: &mut Kept| {
        if std::mem::take(&mut kept.marks.faded) {
            kept.standing.forgotten_at = None;
        }
        let forgets = kept.standing.forgotten_at.is_none();
        kept.standing.forgotten_at.get_or_insert(now);
        forgets
    };
    change(writes, "memory.forget", scope, id, forget, cx).await
}

/// Deletes all that a scope has, and gives how many entries that were.
pub(crate) async fn clear(
    Writes { store, alone }: Writes,
    scope: &MemoryScope,
    cx: &RunContext,
) -> Result<usize, MemoryError> {
    let asked = scope.clone();
    step(cx, "memory.clear", EffectClass::Idempotent, scope, async move {
        let _alone = alone.lock().await;
        // What else is kept beside them is none of them.
        let entries = store.count(&asked, &record::entries()).await?;
        store.clear(&asked).await?;
        Ok(entries)
    })
    .await
}
