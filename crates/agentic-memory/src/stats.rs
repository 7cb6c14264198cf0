//! What is in a memory, in numbers.

use std::collections::BTreeMap;

use agentic_core::{EffectClass, MemoryError, MemoryKind, MemoryScope, RunContext, StoreInfo};
use serde::{Deserialize, Serialize};

use crate::long_term::record::{entries, given_at, gone_at, invalid_at, long_term, of_kind};
use crate::long_term::{LongTermMemory, queue, step};

/// What is in a memory, in numbers of entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemoryStats {
    /// Its store.
    pub store: StoreInfo,
    /// All entries, whatever became of them.
    pub entries: usize,
    /// Those that are given to who asks now.
    pub given: usize,
    /// Those that are forgotten or have expired.
    pub forgotten: usize,
    /// Those that hold no more: something newer says otherwise.
    pub invalid: usize,
    /// Those that wait for consolidation.
    pub waiting: usize,
    /// All entries by kind.
    pub kinds: BTreeMap<MemoryKind, usize>,
}

impl LongTermMemory {
    /// What a scope has, in numbers.
    ///
    /// # Errors
    /// [`MemoryError`] if it can't be read.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn stats(&self, scope: &MemoryScope, cx: &RunContext) -> Result<MemoryStats, MemoryError> {
        let (store, asked, now) = (self.store().clone(), scope.clone(), cx.now());
        step(cx, "memory.stats", EffectClass::Pure, &(scope, now), async move {
            let mut kinds = BTreeMap::new();
            for kind in [MemoryKind::Observation, MemoryKind::Action, MemoryKind::Thought, MemoryKind::Fact] {
                let all = store.count(&asked, &of_kind(entries(), kind)).await?;
                if all > 0 {
                    kinds.insert(kind, all);
                }
            }
            Ok(MemoryStats {
                store: store.info().clone(),
                entries: kinds.values().sum(),
                given: store.count(&asked, &long_term(given_at(now, now))).await?,
                forgotten: store.count(&asked, &gone_at(now)).await?,
                invalid: store.count(&asked, &invalid_at(now)).await?,
                waiting: queue::len(&*store, &asked).await?,
                kinds,
            })
        })
        .await
    }
}
