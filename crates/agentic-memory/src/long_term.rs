//! Long-term memory: what is remembered for good, found by keywords and by meaning.

mod check;
pub(crate) mod options;
pub(crate) mod queue;
mod recalls;
pub(crate) mod record;
mod remember;
mod steps;
mod whole;
mod writes;

use std::collections::HashMap;
use std::sync::Arc;

use agentic_core::{
    Added, Beside, EffectClass, Embedder, Filter, Hit, Memory, MemoryEntry, MemoryError, MemoryQuery,
    MemoryScope, Recalled, Record, RunContext, Selection, StoreError, StoreErrorKind, Timestamp, VectorStore,
    async_trait,
};
use futures_util::lock::{Mutex, MutexGuard};
use serde::Serialize;

pub(crate) use self::check::{NO_TENANT, asked, check};
pub use self::options::LongTermOptions;
use self::recalls::Recalls;
use self::record::{Kept, is_entry};
pub(crate) use self::steps::step;
use self::writes::change;
pub(crate) use self::writes::{Writes, clear, delete, forget, settled};
use crate::admission::Screen;
use crate::consolidation::Comparer;
use crate::{backend, episodic, rank};

/// Remembers for good, in a store that is chosen by URL.
///
/// An entry is found by its keywords and by its meaning at the same time, then ranked by relevance, recency and importance
/// (Park et al., "Generative Agents: Interactive Simulacra of Human Behavior", 2023). It lends some of its relevance to the
/// entries that stand before and after it in its scope, in order of time: so give the entries of a session times that
/// grow. [`Weights`](crate::Weights) says how much all of this counts.
///
/// What comes is [admitted](crate::Admission), or rejected with a reason. What is contradicted later is
/// [invalidated](Self::consolidate), not deleted; what fades or expires is [swept](Self::sweep); and
/// [`why`](Self::why) says what an entry was made of.
///
/// The embedding model is asked through the run context alone, once for each call. Entries come in one after the other, also
/// from several tasks of a process. Two processes that add the same at the same moment may both keep it, until it is
/// consolidated.
///
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct LongTermMemory {
    store: Arc<dyn VectorStore>,
    embedder: Arc<dyn Embedder>,
    options: Arc<LongTermOptions>,
    screen: Arc<Screen>,
    recalls: Arc<Recalls>,
    /// Held by whoever writes entries.
    writing: Arc<Mutex<()>>,
    comparer: Option<Arc<dyn Comparer>>,
}

/// The longest content of an entry, in bytes.
pub const MAX_CONTENT: usize = 256 * 1024;

/// Which memories of a store are searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Tiers {
    /// Long-term memory.
    LongTerm,
    /// That, short-term memory, and episodes.
    All,
}

pub(crate) type Stored<T> = Result<T, StoreError>;

impl LongTermMemory {
    /// A memory in this store. Its vectors have to be of this model: otherwise whatever needs a vector fails with
    /// [`StoreErrorKind::OtherEmbedder`].
    pub fn new(store: Arc<dyn VectorStore>, embedder: impl Embedder) -> Self {
        let options = LongTermOptions::default();
        let screen = Arc::new(Screen::new(&options.admission, options.language));
        let (recalls, writing, options) = (Arc::default(), Arc::default(), Arc::new(options));
        Self { store, embedder: Arc::new(embedder), options, screen, recalls, writing, comparer: None }
    }

    /// The memory at this [address](backend::open), with vectors of this model.
    ///
    /// # Errors
    /// [`StoreError`] if the address is none, the store can't be opened, or its vectors are of another model.
    pub async fn open(url: &str, embedder: impl Embedder) -> Result<Self, StoreError> {
        Ok(Self::new(backend::open(url, Some(embedder.info())).await?, embedder))
    }

    /// The same memory with these options.
    #[must_use]
    pub fn with_options(mut self, options: LongTermOptions) -> Self {
        self.screen = Arc::new(Screen::new(&options.admission, options.language));
        self.options = Arc::new(options);
        self
    }

    /// The same memory, in which this finds at [consolidation](Self::consolidate) what says the same as another entry, or
    /// otherwise. From now on facts and thoughts that are kept wait for that.
    #[must_use]
    pub fn with_comparer(mut self, comparer: impl Comparer) -> Self {
        self.comparer = Some(Arc::new(comparer));
        self
    }

    /// How it finds, ranks and lets in.
    pub fn options(&self) -> &LongTermOptions {
        &self.options
    }

    /// Where its entries are.
    pub fn store(&self) -> &Arc<dyn VectorStore> {
        &self.store
    }

    /// Remembers those of the entries that are [worth it](crate::Admission), all of them or none, with one call of the embedding
    /// model. Says what became of each, in their order.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] if one of them can't be used, or why they can't be kept.
    ///
    /// # Cancel safety
    /// Dropping the future is safe; the entries may then be kept or not.
    pub async fn add_all(
        &self,
        entries: Vec<MemoryEntry>,
        cx: &RunContext,
    ) -> Result<Vec<Added>, MemoryError> {
        entries.iter().try_for_each(check)?;
        self.take_in(entries.into_iter().map(Kept::new).collect(), cx).await
    }

    /// The entry with this id, forgotten or not; `None` if the scope has none.
    ///
    /// # Errors
    /// [`MemoryError`] if it can't be read.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn get(
        &self,
        scope: &MemoryScope,
        id: &str,
        cx: &RunContext,
    ) -> Result<Option<Recalled>, MemoryError> {
        let (store, asked, ids) = (self.store.clone(), scope.clone(), [id.to_owned()]);
        step(cx, "memory.get", EffectClass::Pure, &(scope, id), async move {
            let found = store.get(&asked, &ids).await?.pop().filter(is_entry);
            found.map(|record| recalled(&*store, &record, 0.0)).transpose()
        })
        .await
    }

    /// Brings back what was forgotten. Gives whether there was such an entry.
    ///
    /// # Errors
    /// [`MemoryError`] if it can't be changed.
    ///
    /// # Cancel safety
    /// Dropping the future is safe; the entry may then be back or not.
    pub async fn restore(&self, scope: &MemoryScope, id: &str, cx: &RunContext) -> Result<bool, MemoryError> {
        let restore = |kept: &mut Kept| {
            kept.marks.faded = false;
            kept.standing.forgotten_at.take().is_some()
        };
        change(self.writes(), "memory.restore", scope, id, restore, cx).await
    }

    /// Pins an entry, so that it does not decay, or lets it go. Gives whether that changed it.
    ///
    /// # Errors
    /// [`MemoryError`] if it can't be changed.
    ///
    /// # Cancel safety
    /// Dropping the future is safe; the entry may then be changed or not.
    pub async fn pin(
        &self,
        scope: &MemoryScope,
        id: &str,
        pinned: bool,
        cx: &RunContext,
    ) -> Result<bool, MemoryError> {
        let pin = move |kept: &mut Kept| std::mem::replace(&mut kept.standing.pinned, pinned) != pinned;
        change(self.writes(), "memory.pin", scope, id, pin, cx).await
    }

    /// Keeps an entry until a time, or for ever. After that time it is given no more, unless it is pinned, and
    /// [`sweep`](Self::sweep) deletes it. Gives whether that changed it.
    ///
    /// # Errors
    /// [`MemoryError`] if it can't be changed.
    ///
    /// # Cancel safety
    /// Dropping the future is safe; the entry may then be changed or not.
    pub async fn keep_until(
        &self,
        scope: &MemoryScope,
        id: &str,
        until: Option<Timestamp>,
        cx: &RunContext,
    ) -> Result<bool, MemoryError> {
        let keep = move |kept: &mut Kept| std::mem::replace(&mut kept.standing.expires_at, until) != until;
        change(self.writes(), "memory.keep_until", scope, id, keep, cx).await
    }

    /// Deletes an entry for good, from every index. Gives whether there was one; a step that is done again after a crash may
    /// find it gone.
    ///
    /// # Errors
    /// [`MemoryError`] if it can't be changed.
    ///
    /// # Cancel safety
    /// Dropping the future is safe; the entry may then be gone or not.
    pub async fn delete(&self, scope: &MemoryScope, id: &str, cx: &RunContext) -> Result<bool, MemoryError> {
        delete(self.writes(), scope, id, cx).await
    }

    fn writes(&self) -> Writes {
        Writes { store: self.store.clone(), alone: self.writing.clone() }
    }

    pub(crate) fn comparer(&self) -> Option<&Arc<dyn Comparer>> {
        self.comparer.as_ref()
    }

    /// Nobody else of this process writes entries until it is dropped.
    pub(crate) async fn writes_alone(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().await
    }

    /// As many vectors as texts.
    pub(crate) async fn vectors(
        &self,
        texts: &[String],
        cx: &RunContext,
    ) -> Result<Vec<Vec<f32>>, MemoryError> {
        let (store, model) = (self.store.info(), self.embedder.info());
        if store.embedder != model.id {
            let (of, id) = (&store.embedder, &model.id);
            let message =
                format!("its vectors are of `{of}`, not of `{id}`; use that model, or embed all again");
            return Err(store.error(StoreErrorKind::OtherEmbedder, message).into());
        }
        let vectors = cx.embed(&self.embedder, texts).await?.vectors;
        if vectors.len() == texts.len() {
            return Ok(vectors);
        }
        let (name, n, of) = (&model.id, vectors.len(), texts.len());
        let message = format!("the embedding model `{name}` gave {n} vectors for {of} texts; use another");
        Err(MemoryError::invalid(message))
    }

    /// What fits a query, best first, in these memories.
    pub(crate) async fn find(
        &self,
        query: &MemoryQuery,
        tiers: Tiers,
        cx: &RunContext,
    ) -> Result<Vec<Recalled>, MemoryError> {
        asked(&query.text)?;
        query.metadata.check().map_err(MemoryError::invalid)?;
        if query.limit == 0 {
            return Ok(Vec::new());
        }
        let cx = cx.scope("recall");
        let vector = self.vectors(std::slice::from_ref(&query.text), &cx).await?.swap_remove(0);
        let (memory, asked, now) = (self.clone(), query.clone(), cx.now());
        let request = (query, tiers, now);
        let found = step(&cx, "memory.search", EffectClass::Pure, &request, async move {
            memory.search(&asked, tiers, &vector, now).await
        });
        let found: Vec<Recalled> = found.await?;
        self.recalls.note(cx.run_id(), &query.scope, now, found.iter(), self.options.language);
        Ok(found)
    }

    async fn search(
        &self,
        query: &MemoryQuery,
        tiers: Tiers,
        vector: &[f32],
        now: Timestamp,
    ) -> Stored<Vec<Recalled>> {
        let (options, store) = (&*self.options, &*self.store);
        let candidates = options.candidates.max(query.limit.saturating_mul(2));
        let filter = record::filter(query, now);
        let filter = if tiers == Tiers::LongTerm { record::long_term(filter) } else { filter };
        let mut wanted = Selection::new(query.scope.clone(), candidates).filtered(filter);
        wanted.with_index = options.diversity > 0.0;
        let mut by_meaning = store.nearest(vector, &wanted).await?;
        let mut episodes = HashMap::new();
        if let Some(filter) = (tiers == Tiers::All).then(|| episodic::filter(query)).flatten() {
            for hit in store.nearest(vector, &wanted.clone().filtered(filter)).await? {
                if let Some(entry) = episodic::entry(store.info(), &hit.record, query)? {
                    episodes.insert(hit.record.id.clone(), entry);
                    by_meaning.push(hit);
                }
            }
            by_meaning.sort_by(|one, other| other.score.total_cmp(&one.score));
        }
        let by_words = store.matching(&options.language.words(&query.text), &wanted).await?;
        let mut relevance = rank::relevance(&by_words, &by_meaning, options.weights.keywords);
        rank::without_unlike(&mut relevance, &by_words, &mut by_meaning, options.likeness);
        let found = by_meaning.into_iter().chain(by_words).map(|Hit { record, .. }| record);
        let mut records: HashMap<String, Record> = found.map(|record| (record.id.clone(), record)).collect();
        let relevance = self.lent(relevance, &mut records, &episodes, &wanted).await?;
        let mut found = Vec::with_capacity(records.len());
        for (id, mut record) in records {
            let vector = std::mem::take(&mut record.vector);
            let kept = match episodes.remove(&id) {
                Some(entry) => Kept::new(entry),
                None => Kept::read(store.info(), &record)?,
            };
            let score = options.score(relevance.get(&id).copied().unwrap_or_default(), &kept, now);
            found.push((kept.recalled(id, score), vector));
        }
        found.sort_by(|(one, _), (other, _)| {
            other.score.total_cmp(&one.score).then_with(|| one.id.cmp(&other.id))
        });
        let (mut found, vectors): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        if options.diversity > 0.0 {
            let scores: Vec<_> = found.iter().map(|recalled: &Recalled| recalled.score).collect();
            let places = rank::diverse(&scores, &vectors, query.limit, options.diversity);
            return Ok(places.into_iter().map(|at| found[at].clone()).collect());
        }
        found.truncate(query.limit);
        Ok(found)
    }

    /// What is relevant with what the most relevant ones lend to those beside them, which come to the records.
    async fn lent(
        &self,
        relevance: HashMap<String, f32>,
        records: &mut HashMap<String, Record>,
        episodes: &HashMap<String, MemoryEntry>,
        wanted: &Selection,
    ) -> Stored<HashMap<String, f32>> {
        let weights = &self.options.weights;
        if weights.lent_to_next == 0.0 && weights.lent_to_previous == 0.0 {
            return Ok(relevance);
        }
        // What stands beside an episode in time is no part of it.
        let lenders = relevance.iter().filter(|(id, _)| !episodes.contains_key(*id));
        let mut lenders: Vec<(&String, f32)> = lenders.map(|(id, relevance)| (id, *relevance)).collect();
        lenders.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.cmp(other.0)));
        let lenders: Vec<String> =
            lenders.into_iter().take(self.options.lenders).map(|(id, _)| id.clone()).collect();
        let beside = self.store.beside(&lenders, wanted).await?;
        let id = |record: &Option<Record>| record.as_ref().map(|record| record.id.clone());
        let names: Vec<_> = beside.iter().map(|Beside { before, after }| (id(before), id(after))).collect();
        let lending = lenders.iter().zip(&names);
        let lending = lending.map(|(id, (before, after))| (id.as_str(), before.as_deref(), after.as_deref()));
        let lent = rank::lend(&relevance, lending, weights.lent_to_next, weights.lent_to_previous);
        for record in beside.into_iter().flat_map(|Beside { before, after }| [before, after]).flatten() {
            records.entry(record.id.clone()).or_insert(record);
        }
        Ok(lent)
    }
}

#[async_trait]
impl Memory for LongTermMemory {
    async fn add(&self, entry: MemoryEntry, cx: &RunContext) -> Result<Added, MemoryError> {
        let added = self.add_all(vec![entry], cx).await?.pop();
        added.ok_or_else(|| MemoryError::invalid("nothing came of one entry"))
    }

    async fn retrieve(&self, query: &MemoryQuery, cx: &RunContext) -> Result<Vec<Recalled>, MemoryError> {
        self.find(query, Tiers::LongTerm, cx).await
    }

    async fn recent(
        &self,
        scope: &MemoryScope,
        limit: usize,
        cx: &RunContext,
    ) -> Result<Vec<Recalled>, MemoryError> {
        newest(&self.store, scope, limit, record::long_term, cx).await
    }

    async fn forget(&self, scope: &MemoryScope, id: &str, cx: &RunContext) -> Result<bool, MemoryError> {
        forget(self.writes(), scope, id, cx).await
    }

    async fn clear(&self, scope: &MemoryScope, cx: &RunContext) -> Result<usize, MemoryError> {
        clear(self.writes(), scope, cx).await
    }
}

/// An entry of a record, as it is given.
pub(crate) fn recalled(store: &dyn VectorStore, record: &Record, score: f32) -> Stored<Recalled> {
    Ok(Kept::read(store.info(), record)?.recalled(record.id.clone(), score))
}

/// The newest entries of a scope that are given, of what `within` leaves of the filter.
pub(crate) async fn newest(
    store: &Arc<dyn VectorStore>,
    scope: &MemoryScope,
    limit: usize,
    within: fn(Filter) -> Filter,
    cx: &RunContext,
) -> Result<Vec<Recalled>, MemoryError> {
    let (store, now) = (store.clone(), cx.now());
    let wanted = Selection::new(scope.clone(), limit).filtered(within(record::given_at(now, now)));
    step(cx, "memory.recent", EffectClass::Pure, &(scope, limit, now), async move {
        let records = store.list(&wanted, None).await?;
        records.into_iter().map(|record| recalled(&*store, &record, 0.0)).collect()
    })
    .await
}
