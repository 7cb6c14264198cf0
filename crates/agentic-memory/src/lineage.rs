//! Lineage: why something is remembered.

use std::collections::HashSet;

use agentic_core::{EffectClass, MemoryError, MemoryScope, Recalled, Record, RunContext, VectorStore};
use serde::{Deserialize, Serialize};

use crate::long_term::record::is_entry;
use crate::long_term::{LongTermMemory, Stored, recalled, step};

/// An entry of a lineage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ancestor {
    /// Its id.
    pub id: String,
    /// The entry, forgotten or not, with its [provenance](agentic_core::Provenance); `None` if it was deleted, or belongs to
    /// somebody else.
    pub recalled: Option<Recalled>,
    /// How many steps lie between it and the entry that was asked for; 0 for that one.
    pub depth: usize,
}

/// So many ancestors are told.
const MOST: usize = 1_000;

impl LongTermMemory {
    /// Why an entry is remembered: the entry, then what it was [made of](agentic_core::Provenance::made_of), then what that
    /// was made of, and so on to the turns of a conversation or the steps of a run. Each is told once, at most 1,000 of them.
    /// Nothing if the scope has no such entry.
    ///
    /// # Errors
    /// [`MemoryError`] if they can't be read.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn why(
        &self,
        scope: &MemoryScope,
        id: &str,
        cx: &RunContext,
    ) -> Result<Vec<Ancestor>, MemoryError> {
        let (store, asked, first) = (self.store().clone(), scope.clone(), id.to_owned());
        step(cx, "memory.why", EffectClass::Pure, &(scope, id), async move {
            let lineage = lineage(&*store, &asked, first).await?;
            // Whoever does not see the entry learns nothing of it.
            Ok(if lineage.first().is_some_and(|it| it.recalled.is_some()) { lineage } else { Vec::new() })
        })
        .await
    }
}

async fn lineage(store: &dyn VectorStore, scope: &MemoryScope, first: String) -> Stored<Vec<Ancestor>> {
    let (mut told, mut lineage) = (HashSet::from([first.clone()]), Vec::new());
    let (mut generation, mut depth) = (vec![first], 0);
    while !generation.is_empty() && lineage.len() < MOST {
        let found: Vec<Record> = store.get(scope, &generation).await?;
        let mut found = found.into_iter().filter(is_entry).peekable();
        let mut next = Vec::new();
        for id in generation {
            // They come in the order in which they were asked for.
            let record = found.next_if(|record| record.id == id);
            let recalled = record.map(|record| recalled(store, &record, 0.0)).transpose()?;
            let made_of = recalled.iter().flat_map(|recalled| &recalled.entry.provenance.made_of);
            next.extend(made_of.filter(|id| told.insert((*id).clone())).cloned());
            lineage.push(Ancestor { id, recalled, depth });
        }
        (generation, depth) = (next, depth + 1);
    }
    lineage.truncate(MOST);
    Ok(lineage)
}
