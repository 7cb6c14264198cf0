//! A long-term memory as a whole: to be looked through, taken out, and put in again.

use agentic_core::{
    Cursor, EffectClass, MemoryError, MemoryScope, Recalled, Record, RunContext, Selection, WriteBatch,
};

use super::options::said;
use super::record::{Kept, entries};
use super::{LongTermMemory, check, recalled, step};

impl LongTermMemory {
    /// All entries of a scope, whatever became of them, the newest first, at most `limit`; with an entry those that come after
    /// it.
    ///
    /// # Errors
    /// [`MemoryError`] if they can't be read.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn page(
        &self,
        scope: &MemoryScope,
        after: Option<&Recalled>,
        limit: usize,
        cx: &RunContext,
    ) -> Result<Vec<Recalled>, MemoryError> {
        let after = after.map(|last| Cursor { at: last.entry.timestamp, id: last.id.clone() });
        let (store, wanted) =
            (self.store().clone(), Selection::new(scope.clone(), limit).filtered(entries()));
        step(cx, "memory.page", EffectClass::Pure, &(scope, &after.clone(), limit), async move {
            let records = store.list(&wanted, after.as_ref()).await?;
            records.iter().map(|record| recalled(&*store, record, 0.0)).collect()
        })
        .await
    }

    /// Puts entries in as they are, with their ids and their standing, in place of those with the same ids. Nothing is
    /// admitted, merged or rejected: they were in a memory. Either all of them or none. They are in long-term memory then, and
    /// do not wait for consolidation; episodes and windows are moved by [`copy`](crate::copy).
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] if one of them can't be used, or why they can't be kept.
    ///
    /// # Cancel safety
    /// Dropping the future is safe; the entries may then be kept or not.
    pub async fn put_in(&self, entries: Vec<Recalled>, cx: &RunContext) -> Result<(), MemoryError> {
        for Recalled { id, entry, .. } in &entries {
            check(entry)?;
            if id.is_empty() {
                return Err(MemoryError::invalid("an entry has no id; give it one"));
            }
        }
        let cx = cx.scope("put_in");
        let texts: Vec<String> = entries.iter().map(|recalled| said(&recalled.entry)).collect();
        if texts.is_empty() {
            return Ok(());
        }
        let vectors = self.vectors(&texts, &cx).await?;
        let put = |((Recalled { id, entry, standing, .. }, text), vector): ((Recalled, String), Vec<f32>)| {
            let mut words = self.options.keywords(&entry, &text);
            words.push(self.options.same(&entry));
            let mut kept = Kept::new(entry);
            kept.standing = standing;
            kept.record(id, words).with_vector(vector)
        };
        let records: Vec<Record> = entries.into_iter().zip(texts).zip(vectors).map(put).collect();
        let (store, changes) = (self.store().clone(), WriteBatch::upsert(records.clone()));
        step(&cx, "memory.put_in", EffectClass::Idempotent, &records, async move {
            store.apply(changes).await.map(drop)
        })
        .await
    }
}
