//! Forgetting: what has faded, and what has expired.

use std::time::Duration;

use agentic_core::{
    Cursor, EffectClass, MemoryError, MemoryScope, RunContext, Selection, Timestamp, VectorStore, WriteBatch,
};
use serde::{Deserialize, Serialize};

use crate::long_term::record::{Kept, entries};
use crate::long_term::{LongTermMemory, Stored, queue, settled, step};

/// What a [sweep](LongTermMemory::sweep) forgets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Forgetting {
    /// After so long an entry's strength, which is its importance when it is new, has halved (exponential decay; H. Ebbinghaus,
    /// "Über das Gedächtnis", 1885). One that is said again is as new. Pinned entries do not decay. Default: 90 days.
    pub half_life: Duration,
    /// An entry that is weaker than this is forgotten, and can be restored. It comes back by itself when it is remembered
    /// again. Default: 0.05, so one of middle importance after 299 days; 0 forgets nothing.
    pub strength: f32,
    /// How long what is forgotten can be brought back, before it is deleted for good. Default: for ever.
    pub restorable: Option<Duration>,
}

impl Default for Forgetting {
    fn default() -> Self {
        Self { half_life: Duration::from_secs(90 * 24 * 60 * 60), strength: 0.05, restorable: None }
    }
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Swept {
    /// How many entries had faded, and are forgotten now.
    pub faded: usize,
    /// How many were deleted for good: they had expired, or had been forgotten for long.
    pub deleted: usize,
}

/// So many entries are looked at in one step.
const PAGE: usize = 500;

impl LongTermMemory {
    /// Forgets what has faded, and deletes for good what has [expired](agentic_core::Standing::expires_at) or was forgotten
    /// long ago. Nothing does so by itself: call it now and then.
    ///
    /// # Errors
    /// [`MemoryError`] if the store failed. What was done before stays done.
    ///
    /// # Cancel safety
    /// Dropping the future is safe; a part of the entries may then have been looked at.
    pub async fn sweep(
        &self,
        scope: &MemoryScope,
        forgetting: &Forgetting,
        cx: &RunContext,
    ) -> Result<Swept, MemoryError> {
        let cx = cx.scope("sweep");
        let (now, mut swept, mut after) = (cx.now(), Swept::default(), None::<Cursor>);
        loop {
            let (memory, asked, forgetting, from) = (self.clone(), scope.clone(), *forgetting, after.clone());
            let request = (scope, forgetting, now, &after);
            let page = step(&cx, "memory.sweep", EffectClass::Idempotent, &request, async move {
                let _alone = memory.writes_alone().await;
                settled(|| page(&**memory.store(), &asked, &forgetting, now, from.as_ref())).await
            });
            let (Swept { faded, deleted }, last) = page.await?;
            swept.faded += faded;
            swept.deleted += deleted;
            match last {
                Some(last) => after = Some(last),
                None => return Ok(swept),
            }
        }
    }
}

async fn page(
    store: &dyn VectorStore,
    scope: &MemoryScope,
    forgetting: &Forgetting,
    now: Timestamp,
    after: Option<&Cursor>,
) -> Stored<(Swept, Option<Cursor>)> {
    let wanted = Selection::new(scope.clone(), PAGE).filtered(entries()).with_index();
    let records = store.list(&wanted, after).await?;
    let (mut swept, mut changes, last) =
        (Swept::default(), WriteBatch::default(), records.last().map(Cursor::of));
    for record in records {
        let mut kept = Kept::read(store.info(), &record)?;
        if is_over(&kept, forgetting, now) {
            swept.deleted += 1;
            changes.delete.push((record.scope.tenant.clone(), queue::id(&record.id)));
            changes.delete.push((record.scope.tenant, record.id));
        } else if has_faded(&kept, forgetting, now) {
            swept.faded += 1;
            kept.standing.forgotten_at = Some(now);
            kept.marks.faded = true;
            changes.upsert.push(kept.in_place_of(record));
        }
    }
    if swept != Swept::default() {
        store.apply(changes).await?;
    }
    Ok((swept, last))
}

/// Whether nobody gets it back.
fn is_over(kept: &Kept, forgetting: &Forgetting, now: Timestamp) -> bool {
    let standing = &kept.standing;
    let long_ago = |at: Timestamp| forgetting.restorable.is_some_and(|restorable| now.since(at) > restorable);
    !standing.pinned && standing.expires_at.is_some_and(|at| at <= now)
        || standing.forgotten_at.is_some_and(long_ago)
}

fn has_faded(kept: &Kept, forgetting: &Forgetting, now: Timestamp) -> bool {
    let strength = kept.entry.importance * kept.left(forgetting.half_life, now);
    // What is in the window of short-term memory leaves that first.
    let stays = kept.standing.pinned || kept.marks.window || kept.standing.forgotten_at.is_some();
    !stays && strength < forgetting.strength
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentic_core::{MemoryEntry, MemoryKind};

    #[test]
    fn weak_entries_fade_and_pinned_ones_do_not() {
        let day = |n: u64| Timestamp::from_millis(n * 86_400_000);
        let entry = |importance: f32| {
            let entry = MemoryEntry::new(MemoryScope::of_tenant("t"), MemoryKind::Fact, "x", day(0));
            Kept::new(entry.importance(importance))
        };
        let forgetting = Forgetting::default();
        let faded = |kept: &Kept, now| has_faded(kept, &forgetting, day(now));
        assert!(!faded(&entry(0.5), 298) && faded(&entry(0.5), 300));
        assert!(!faded(&entry(1.0), 388) && faded(&entry(1.0), 390));
        let mut pinned = entry(0.5);
        (pinned.standing.pinned, pinned.standing.expires_at) = (true, Some(day(1)));
        assert!(!faded(&pinned, 3_000) && !is_over(&pinned, &forgetting, day(3_000)));
        pinned.standing.pinned = false;
        assert!(!is_over(&pinned, &forgetting, day(0)) && is_over(&pinned, &forgetting, day(1)));
        let never = Forgetting { strength: 0.0, ..forgetting };
        assert!(!has_faded(&entry(0.0), &never, day(9_000)));
    }
}
