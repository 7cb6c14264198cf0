//! The way into a long-term memory.

use std::collections::{HashMap, HashSet};

use agentic_core::{
    Added, EffectClass, Filter, MemoryError, MemoryScope, Record, RunContext, Selection, Timestamp,
    WriteBatch,
};

use super::options::said;
use super::recalls::in_order;
use super::record::{Kept, is_entry, is_mark, of_kind};
use super::{LongTermMemory, Stored, queue, settled, step};
use crate::rank::cosine;

/// So many entries that say the same are looked at.
const TWINS: usize = 64;

/// What is to be kept, as it comes.
struct Coming {
    kept: Kept,
    record: Record,
    /// The word of all that say the same.
    same: String,
    /// What was just recalled and may say it.
    told: Vec<String>,
}

/// What becomes of an entry.
enum Fate {
    Kept,
    /// Into the one at this place of the changes.
    Merged(usize),
    /// Into this one, which stays as it is.
    Known(String),
    Rejected(String),
}

/// What is to be written.
#[derive(Default)]
struct Writing {
    entries: Vec<(Record, Kept)>,
    /// The places of the entries that have a word which marks them.
    marked: HashMap<String, Vec<usize>>,
    queue: Vec<Record>,
}

impl Writing {
    /// Gives the place of the entry.
    fn push(&mut self, record: Record, kept: Kept) -> usize {
        let place = self.entries.len();
        for word in record.words.iter().filter(|word| is_mark(word)) {
            self.marked.entry(word.clone()).or_default().push(place);
        }
        self.entries.push((record, kept));
        place
    }
}

impl LongTermMemory {
    /// Takes in entries: all that are let in, or none.
    pub(crate) async fn take_in(
        &self,
        entries: Vec<Kept>,
        cx: &RunContext,
    ) -> Result<Vec<Added>, MemoryError> {
        let reasons: Vec<_> = entries.iter().map(|kept| self.screen.rejects(&kept.entry)).collect();
        let worthy = entries.into_iter().zip(&reasons).filter(|(_, reason)| reason.is_none());
        let mut worthy: Vec<Kept> = worthy.map(|(kept, _)| kept).collect();
        let mut kept = Vec::new();
        if !worthy.is_empty() {
            worthy.iter_mut().for_each(|kept| {
                kept.entry.provenance.run.get_or_insert(cx.run_id());
                kept.standing.expires_at = self.options.expires_at(&kept.entry);
            });
            kept = self.let_in(worthy, cx).await?;
        }
        let mut kept = kept.into_iter();
        let added = reasons.into_iter().map(|reason| match reason {
            Some(reason) => Some(Added::Rejected { reason }),
            None => kept.next(),
        });
        Ok(added.flatten().collect())
    }

    async fn let_in(&self, entries: Vec<Kept>, cx: &RunContext) -> Result<Vec<Added>, MemoryError> {
        let cx = cx.scope("remember");
        let texts: Vec<String> = entries.iter().map(|kept| said(&kept.entry)).collect();
        let vectors = self.vectors(&texts, &cx).await?;
        let (now, run) = (cx.now(), cx.run_id());
        let mut coming = Vec::with_capacity(entries.len());
        for ((kept, text), vector) in entries.into_iter().zip(texts).zip(vectors) {
            let same = self.options.same(&kept.entry);
            let mut words = self.options.keywords(&kept.entry, &text);
            words.push(same.clone());
            let record = kept.record(cx.next_id().to_string(), words).with_vector(vector);
            let lately = self.options.admission.recalled_for;
            let essence = self.options.language.essence(&kept.entry.content);
            let told = self.recalls.of(run, &kept.entry.scope, now, lately, &essence);
            coming.push(Coming { kept, record, same, told });
        }
        let records: Vec<Record> = coming.iter().map(|coming| coming.record.clone()).collect();
        let memory = self.clone();
        step(&cx, "memory.add", EffectClass::Idempotent, &records, async move {
            // One after the other: two that come at once and say the same are not both news.
            let _alone = memory.writing.lock().await;
            settled(|| memory.write(&coming, now)).await
        })
        .await
    }

    async fn write(&self, coming: &[Coming], now: Timestamp) -> Stored<Vec<Added>> {
        let here = self.already_here(coming).await?;
        let (mut writing, mut added) = (Writing::default(), Vec::with_capacity(coming.len()));
        for coming in coming {
            let id = coming.record.id.clone();
            // The same step wrote it before a crash.
            if here.contains(&(coming.record.scope.tenant.clone(), id.clone())) {
                added.push(Added::Kept { id });
                continue;
            }
            added.push(match self.fate(coming, &mut writing, now).await? {
                Fate::Kept => {
                    if self.comparer.is_some() && self.options.admission.is_made(coming.kept.entry.kind) {
                        writing.queue.push(queue::record(&coming.record));
                    }
                    writing.push(coming.record.clone(), coming.kept.clone());
                    Added::Kept { id }
                }
                Fate::Merged(at) => {
                    let (record, kept) = &mut writing.entries[at];
                    kept.takes(&coming.kept);
                    Added::Merged { into: record.id.clone() }
                }
                Fate::Known(into) => Added::Merged { into },
                Fate::Rejected(reason) => Added::Rejected { reason },
            });
        }
        let entries = writing.entries.into_iter().map(|(record, kept)| kept.in_place_of(record));
        let records: Vec<Record> = entries.chain(writing.queue).collect();
        if !records.is_empty() {
            self.store.apply(WriteBatch::upsert(records)).await?;
        }
        Ok(added)
    }

    async fn already_here(&self, coming: &[Coming]) -> Stored<HashSet<(String, String)>> {
        let mut ids: HashMap<&str, Vec<String>> = HashMap::new();
        for Coming { record, .. } in coming {
            ids.entry(&record.scope.tenant).or_default().push(record.id.clone());
        }
        let mut here = HashSet::new();
        for (tenant, ids) in ids {
            let found = self.store.get(&MemoryScope::of_tenant(tenant), &ids).await?;
            here.extend(found.into_iter().map(|record| (tenant.to_owned(), record.id)));
        }
        Ok(here)
    }

    async fn fate(&self, coming: &Coming, writing: &mut Writing, now: Timestamp) -> Stored<Fate> {
        if self.options.admission.is_made(coming.kept.entry.kind) {
            if let Some(reason) = self.told_again(coming).await? {
                return Ok(Fate::Rejected(reason));
            }
            if let Some(reason) = self.ungrounded(coming).await? {
                return Ok(Fate::Rejected(reason));
            }
        }
        let Coming { kept, record, same, .. } = coming;
        let alike = |other: &Record| cosine(&record.vector, &other.vector) >= self.options.admission.likeness;
        let beside = |at: &&usize| {
            let (other, _) = &writing.entries[**at];
            record.scope == other.scope && alike(other)
        };
        if let Some(at) = writing.marked.get(same).and_then(|places| places.iter().find(beside)) {
            return Ok(Fate::Merged(*at));
        }
        if self.options.admission.likeness > 1.0 {
            return Ok(Fate::Kept);
        }
        let wanted = Selection::new(record.scope.clone(), TWINS).with_index();
        let wanted = wanted.filtered(of_kind(Filter::any(), kept.entry.kind));
        let mut fate = Fate::Kept;
        for hit in self.store.matching(std::slice::from_ref(same), &wanted).await? {
            if !alike(&hit.record) {
                continue;
            }
            let twin = self.which_stands_for(hit.record).await?;
            let Some((twin, known)) = twin.filter(|(twin, _)| record.scope == twin.scope) else {
                continue;
            };
            let standing = &known.standing;
            let expired = standing.expires_at.is_some_and(|at| at <= now) && !standing.pinned;
            match (standing.forgotten_at, standing.invalid_from) {
                _ if expired => {}
                (Some(_), _) if known.marks.short => {}
                (Some(_), _) if !known.marks.faded => {
                    if self.options.admission.is_made(kept.entry.kind) {
                        let id = &twin.id;
                        fate =
                            Fate::Rejected(format!("forgotten: {id} says the same; restore it if it holds"));
                    }
                }
                (_, Some(until)) if kept.entry.timestamp < until => fate = Fate::Known(twin.id),
                (_, Some(_)) => {}
                _ => {
                    // It may be among what is written already.
                    let at = writing.entries.iter().position(|(other, _)| {
                        other.id == twin.id && other.scope.tenant == twin.scope.tenant
                    });
                    return Ok(Fate::Merged(at.unwrap_or_else(|| writing.push(twin, known))));
                }
            }
        }
        Ok(fate)
    }

    /// The entry of a record, or the one that says the same in its place.
    async fn which_stands_for(&self, record: Record) -> Stored<Option<(Record, Kept)>> {
        let kept = Kept::read(self.store.info(), &record)?;
        match &kept.standing {
            standing if standing.forgotten_at.is_some() && !kept.marks.short => match &standing.replaced_by {
                Some(other) => {
                    let tenant = MemoryScope::of_tenant(&record.scope.tenant);
                    let found = self.store.get(&tenant, std::slice::from_ref(other)).await?.pop();
                    let read = |record: Record| Ok((Kept::read(self.store.info(), &record)?, record));
                    let found = found.filter(is_entry).map(read).transpose()?;
                    Ok(found.map(|(kept, record)| (record, kept)))
                }
                None => Ok(Some((record, kept))),
            },
            _ => Ok(Some((record, kept))),
        }
    }

    /// Why this is what was just recalled, if it is.
    async fn told_again(&self, coming: &Coming) -> Stored<Option<String>> {
        let Coming { kept, record, told, .. } = coming;
        let (language, least) = (self.options.language, self.options.admission.recalled_likeness);
        if told.is_empty() || least > 1.0 {
            return Ok(None);
        }
        let essence = language.essence(&kept.entry.content);
        let tenant = MemoryScope::of_tenant(&record.scope.tenant);
        for recalled in self.store.get(&tenant, told).await?.into_iter().filter(is_entry) {
            let entry = Kept::read(self.store.info(), &recalled)?.entry;
            let all = in_order(&essence, &language.essence(&said(&entry)));
            if all && cosine(&record.vector, &recalled.vector) >= least {
                return Ok(Some(format!("recalled: {} says it, which was just recalled", recalled.id)));
            }
        }
        Ok(None)
    }

    /// Why this is not what it was made of, if it is not.
    async fn ungrounded(&self, coming: &Coming) -> Stored<Option<String>> {
        let Coming { kept, record, .. } = coming;
        let (admission, made_of) = (&self.options.admission, &kept.entry.provenance.made_of);
        if made_of.is_empty() || admission.grounded <= 0.0 {
            return Ok(None);
        }
        let sources = self.store.get(&record.scope, made_of).await?;
        let sources: Vec<Record> = sources.into_iter().filter(is_entry).collect();
        let near = |source: &Record| cosine(&record.vector, &source.vector) >= admission.grounded_likeness;
        if sources.is_empty() || sources.iter().any(near) {
            return Ok(None);
        }
        let read = |source| Ok(said(&Kept::read(self.store.info(), source)?.entry));
        let texts = sources.iter().map(read).collect::<Stored<Vec<String>>>()?;
        let part = self.screen.grounded(&kept.entry.content, texts.iter().map(String::as_str));
        let percent = (part * 100.0).round();
        let reason = format!("ungrounded: {percent} % of its words are in what it was made of");
        Ok((part < admission.grounded).then_some(reason))
    }
}
