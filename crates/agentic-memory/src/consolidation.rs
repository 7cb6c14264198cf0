//! Consolidation: what says the same becomes one, what is contradicted holds no more.

mod model_comparer;

use std::collections::BTreeMap;
use std::fmt::Debug;

use agentic_core::{
    EffectClass, Hit, MemoryError, MemoryKind, MemoryScope, Recalled, Record, RunContext, Selection,
    Timestamp, WriteBatch, async_trait,
};
use serde::{Deserialize, Serialize};

pub use self::model_comparer::ModelComparer;
use crate::long_term::record::{Kept, given_at, is_entry, of_kind};
use crate::long_term::{LongTermMemory, Stored, queue, settled, step};
use crate::rank::{self, cosine};

/// How one entry stands to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// Both can hold at the same time.
    Compatible,
    /// Both say the same.
    Same,
    /// Both can't hold at the same time.
    Contradicts,
}

/// Says how entries stand to each other. It may ask models, through the run context alone.
#[async_trait]
pub trait Comparer: Debug + Send + Sync + 'static {
    /// How `entry` stands to each of `others`, in their order.
    ///
    /// # Errors
    /// [`MemoryError`] if that can't be said. The entry then waits for the next time.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    async fn compare(
        &self,
        entry: &Recalled,
        others: &[Recalled],
        cx: &RunContext,
    ) -> Result<Vec<Relation>, MemoryError>;
}

/// What a consolidation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Consolidated {
    /// How many entries were looked at.
    pub looked_at: usize,
    /// How many say what another one says, and are no longer given.
    pub merged: usize,
    /// How many are contradicted by a newer one, and hold no more.
    pub invalidated: usize,
    /// How many could not be compared: they wait for the next time, or no longer after three times.
    pub failed: usize,
    /// How many still wait.
    pub waiting: usize,
}

/// What is to be compared.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Case {
    entry: Recalled,
    others: Vec<Recalled>,
}

/// What was found: the ids of two entries, and how they stand to each other.
type Compared = Vec<(String, Relation)>;

impl LongTermMemory {
    /// Looks at the entries of a scope that wait for it, the oldest first, at most
    /// [`consolidated`](crate::LongTermOptions::consolidated) of them. The comparer compares each with those that are most
    /// like it:
    ///
    /// - Of two of the same scope that say the same the older one stays, and is then made of the newer one too. The newer one is
    ///   [replaced](agentic_core::Standing::replaced_by), and forgotten in a way that can be taken back. Of two scopes both
    ///   stay: one may be cleared, and what it knew with it.
    /// - Of two that contradict each other the one of the earlier time holds [until](agentic_core::Standing::invalid_from)
    ///   the time of the later one. Nothing is deleted: whoever asks what held [then](agentic_core::MemoryQuery::as_of)
    ///   finds it. One of a narrower scope holds on: not everybody who sees it sees what is of a wider scope.
    ///
    /// An entry is compared with those alone that everybody sees who sees it.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] without a [comparer](LongTermMemory::with_comparer); that its model can't be reached for now, or
    /// the run ends; that the store failed. What was looked at before stays done; the others wait. Where the comparer fails at
    /// one entry, that is counted and the others are looked at.
    ///
    /// # Cancel safety
    /// Dropping the future is safe, as is the end of the process: each entry is done with, or waits.
    pub async fn consolidate(
        &self,
        scope: &MemoryScope,
        cx: &RunContext,
    ) -> Result<Consolidated, MemoryError> {
        let Some(comparer) = self.comparer() else {
            return Err(MemoryError::invalid("nobody compares entries; give the memory a comparer"));
        };
        let cx = cx.scope("consolidate");
        let (store, asked, most) = (self.store().clone(), scope.clone(), self.options().consolidated);
        let waiting: Vec<String> =
            step(&cx, "memory.waiting", EffectClass::Pure, &(scope, most), async move {
                let mut waiting = queue::all(&*store, &asked).await?;
                waiting.truncate(most);
                Ok(waiting)
            })
            .await?;
        let mut done = Consolidated::default();
        for id in waiting {
            let cx = cx.keyed("entry", &id);
            let relations = match self.case(scope, &id, &cx).await? {
                Some(Case { entry, others }) if !others.is_empty() => {
                    let relations = match comparer.compare(&entry, &others, &cx).await {
                        Ok(relations) => relations,
                        Err(error) if is_of_the_entry(&error) => {
                            self.failed(scope, &id, &cx).await?;
                            done.failed += 1;
                            continue;
                        }
                        Err(error) => return Err(error),
                    };
                    others.into_iter().map(|other| other.id).zip(relations).collect()
                }
                _ => Compared::new(),
            };
            let (merged, invalidated) = self.carry_out(scope, &id, relations, &cx).await?;
            done.looked_at += 1;
            done.merged += merged;
            done.invalidated += invalidated;
        }
        let (store, asked) = (self.store().clone(), scope.clone());
        let left =
            step(
                &cx,
                "memory.waits",
                EffectClass::Pure,
                scope,
                async move { queue::len(&*store, &asked).await },
            );
        done.waiting = left.await?;
        Ok(done)
    }

    /// Notes that an entry could not be compared. Such ones don't keep others from it for ever.
    async fn failed(&self, scope: &MemoryScope, id: &str, cx: &RunContext) -> Result<(), MemoryError> {
        let (memory, asked, entry) = (self.clone(), scope.clone(), id.to_owned());
        step(cx, "memory.failed", EffectClass::Idempotent, &(scope, id), async move {
            let _alone = memory.writes_alone().await;
            settled(|| queue::failed(&**memory.store(), &asked, &entry)).await
        })
        .await
    }

    /// An entry and those that are like it; `None` if it is not there, or not given any more.
    async fn case(
        &self,
        scope: &MemoryScope,
        id: &str,
        cx: &RunContext,
    ) -> Result<Option<Case>, MemoryError> {
        let (memory, asked, ids, now) = (self.clone(), scope.clone(), [id.to_owned()], cx.now());
        step(cx, "memory.like", EffectClass::Pure, &(scope, id, now), async move {
            let store = memory.store();
            let Some(record) = store.get(&asked, &ids).await?.pop().filter(is_entry) else { return Ok(None) };
            let kept = Kept::read(store.info(), &record)?;
            if kept.standing.forgotten_at.is_some() || record.vector.is_empty() {
                return Ok(None);
            }
            let others = memory.like(&record, kept.entry.kind, now).await?;
            Ok(Some(Case { entry: kept.recalled(record.id, 0.0), others }))
        })
        .await
    }

    /// The entries that are most like one, by meaning and by keywords: who is spoken of counts more than how.
    async fn like(&self, record: &Record, kind: MemoryKind, now: Timestamp) -> Stored<Vec<Recalled>> {
        let (store, options) = (self.store(), self.options());
        let wanted = Selection::new(record.scope.clone(), options.candidates).with_index();
        let wanted = wanted.filtered(of_kind(given_at(now, now), kind));
        let mut by_meaning = store.nearest(&record.vector, &wanted).await?;
        let mut by_words = store.matching(&record.words, &wanted).await?;
        let far = |hit: &Hit| cosine(&record.vector, &hit.record.vector) < options.compared_likeness;
        for hits in [&mut by_meaning, &mut by_words] {
            hits.retain(|hit| hit.record.id != record.id && !far(hit));
        }
        let relevance = rank::relevance(&by_words, &by_meaning, options.weights.keywords);
        let mut found: BTreeMap<String, Record> = BTreeMap::new();
        found.extend(by_meaning.into_iter().chain(by_words).map(|hit| (hit.record.id.clone(), hit.record)));
        let mut others = Vec::with_capacity(found.len());
        for (id, record) in found {
            let score = relevance.get(&id).copied().unwrap_or_default();
            others.push(Kept::read(store.info(), &record)?.recalled(id, score));
        }
        others.sort_by(|one, other| other.score.total_cmp(&one.score));
        others.truncate(options.compared);
        Ok(others)
    }

    /// Makes relations true, and the entry waits no more. Gives how many were merged and invalidated.
    async fn carry_out(
        &self,
        scope: &MemoryScope,
        id: &str,
        compared: Compared,
        cx: &RunContext,
    ) -> Result<(usize, usize), MemoryError> {
        let (memory, asked, entry, now) = (self.clone(), scope.clone(), id.to_owned(), cx.now());
        let request = (scope, id, compared.clone(), now);
        step(cx, "memory.consolidate", EffectClass::Idempotent, &request, async move {
            let _alone = memory.writes_alone().await;
            settled(|| memory.change_all(&asked, &entry, &compared, now)).await
        })
        .await
    }

    async fn change_all(
        &self,
        scope: &MemoryScope,
        id: &str,
        compared: &Compared,
        now: Timestamp,
    ) -> Stored<(usize, usize)> {
        let store = self.store();
        let ids: Vec<String> =
            [id].into_iter().chain(compared.iter().map(|(other, _)| &**other)).map(str::to_owned).collect();
        let records = store.get(scope, &ids).await?;
        let read = |record: Record| Ok((Kept::read(store.info(), &record)?, record));
        let mut found = records.into_iter().filter(is_entry).map(read).collect::<Stored<Vec<_>>>()?;
        let (mut merged, mut invalidated) = (0, 0);
        if let Some(at) = found.iter().position(|(_, record)| record.id == id) {
            let (mut entry, record) = found.swap_remove(at);
            for (other, relation) in compared {
                let Some(at) = found.iter().position(|(_, record)| record.id == *other) else { continue };
                // One of them may have been forgotten while they were compared; but not by this, before a crash.
                let gone = |kept: &Kept, by: &str| {
                    kept.standing.forgotten_at.is_some() && kept.standing.replaced_by.as_deref() != Some(by)
                };
                if gone(&entry, other) || gone(&found[at].0, id) {
                    continue;
                }
                match relation {
                    Relation::Compatible => {}
                    // One of them may be deleted with its scope: then the other has to be there.
                    Relation::Same if merged > 0 || entry.entry.scope != found[at].0.entry.scope => {}
                    Relation::Same => {
                        merged += 1;
                        merge(&mut entry, id, &mut found[at].0, other, now);
                    }
                    Relation::Contradicts => {
                        invalidated += usize::from(contradict(&mut entry, id, &mut found[at].0, other));
                    }
                }
            }
            found.push((entry, record));
        }
        let touched = if merged + invalidated > 0 { found } else { Vec::new() };
        let mut changes =
            WriteBatch::upsert(touched.into_iter().map(|(kept, record)| kept.in_place_of(record)));
        let mut waits_no_more = WriteBatch::delete(&scope.tenant, [queue::id(id)]);
        // First what was found, then that it was: what is between is done again, and is the same then.
        if store.info().capabilities.atomic {
            changes.delete = std::mem::take(&mut waits_no_more.delete);
        }
        store.apply(changes).await?;
        if !waits_no_more.delete.is_empty() {
            store.apply(waits_no_more).await?;
        }
        Ok((merged, invalidated))
    }
}

/// Whether another entry may still be compared: the comparer failed at this one alone.
fn is_of_the_entry(error: &MemoryError) -> bool {
    match error {
        MemoryError::Invalid { .. } => true,
        MemoryError::Model(error) => !error.is_retryable(),
        _ => false,
    }
}

/// Of two that say the same, the one that is older stays.
fn merge(entry: &mut Kept, id: &str, other: &mut Kept, other_id: &str, now: Timestamp) {
    let older = (other.entry.timestamp, other_id) <= (entry.entry.timestamp, id);
    let (stays, stays_id, goes, goes_id) =
        if older { (other, other_id, entry, id) } else { (entry, id, other, other_id) };
    stays.takes(goes);
    stays.standing.pinned |= goes.standing.pinned;
    let made_of = &mut stays.entry.provenance.made_of;
    if !made_of.iter().any(|id| id == goes_id) {
        made_of.push(goes_id.to_owned());
    }
    goes.standing.forgotten_at.get_or_insert(now);
    goes.standing.replaced_by = Some(stays_id.to_owned());
}

/// Of two that contradict each other, the one of the earlier time holds until the later one. Of the same time, the one that
/// came to the memory later is the later one. One of a narrower scope is not ended by one of a wider scope: not everybody sees
/// that. Gives whether one of them holds until the other.
fn contradict(entry: &mut Kept, id: &str, other: &mut Kept, other_id: &str) -> bool {
    let later = entry.entry.timestamp >= other.entry.timestamp;
    // The others are of the same scope or of narrower ones.
    if later && entry.entry.scope != other.entry.scope {
        return false;
    }
    let (held, holds, holds_id) = if later { (other, entry, id) } else { (entry, other, other_id) };
    let until = holds.entry.timestamp;
    if held.standing.invalid_from.is_none_or(|known| until < known) {
        held.standing.invalid_from = Some(until);
        held.standing.replaced_by = Some(holds_id.to_owned());
    }
    true
}
