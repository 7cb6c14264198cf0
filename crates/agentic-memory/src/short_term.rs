//! Short-term memory: the last entries of a scope.

pub(crate) mod window;

use std::sync::Arc;

use agentic_core::{
    Added, ChatModel, EffectClass, EmbedderInfo, Memory, MemoryEntry, MemoryError, MemoryQuery, MemoryScope,
    ModelInfo, Recalled, RunContext, Selection, VectorStore, WriteBatch, async_trait,
};

use self::window::{Limits, Window, counted_by, tolerated};
use crate::backend::memory::MemoryStore;
use crate::long_term::options::said;
use crate::long_term::record::{self, Kept};
use crate::long_term::{LongTermOptions, asked, check, clear, delete, newest, step};
use crate::rank;

/// Remembers the last entries of each scope, as many as its window has room for: by number, and by the tokens of the model
/// that is to read them.
///
/// When the window is too full the oldest entries leave it for good, in big steps; with a [model](Self::with_model) they are
/// replaced by what it says of them in few words, and of the summary before. Entries are found by their keywords; no
/// embedding model is needed.
///
/// Each scope has a window of its own: a session's, an agent's, a tenant's. Give the entries of one times that grow.
///
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct ShortTermMemory {
    window: Window,
    options: Arc<ShortTermOptions>,
    ranking: Arc<LongTermOptions>,
}

/// How long a short-term memory is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ShortTermOptions {
    /// The most entries in a window. Default: 100.
    pub entries: usize,
    /// The most tokens in a window; `None` for any number. Default: `None`.
    pub tokens: Option<u64>,
    /// The model whose tokens these are. What it [has counted](ShortTermMemory::counted) is counted so, anything else as a token a byte,
    /// which is never too few. Default: none.
    pub model: Option<Arc<str>>,
    /// How many of the newest entries stay when others leave. Default: all that have room; with a model that says what
    /// leaves in short, half as many and half of the tokens, so that it is not asked for each entry.
    pub keep: Option<usize>,
}

impl Default for ShortTermOptions {
    fn default() -> Self {
        Self { entries: 100, tokens: None, model: None, keep: None }
    }
}

impl ShortTermOptions {
    /// For this model: half of its context, if that is known.
    #[must_use]
    pub fn read_by(mut self, model: &ModelInfo) -> Self {
        self.tokens = model.context_tokens.map(|tokens| tokens / 2);
        self.model = Some(model.id.clone());
        self
    }
}

impl ShortTermMemory {
    /// The entry with how many tokens it is, as this model has counted: an answer's
    /// [`output_tokens`](agentic_core::Usage::output_tokens).
    #[must_use]
    pub fn counted(entry: MemoryEntry, model: &str, tokens: u64) -> MemoryEntry {
        entry.with(counted_by(model), tokens)
    }

    /// In memory, gone with the process.
    pub fn in_memory() -> Self {
        // Its records have no vectors.
        Self::new(Arc::new(MemoryStore::new(&EmbedderInfo::new("none", 1))))
    }

    /// In memory, with room for so many entries.
    pub fn turns(entries: usize) -> Self {
        Self::in_memory().with_options(ShortTermOptions { entries, ..ShortTermOptions::default() })
    }

    /// In this store, which it shares with nothing else: a file that outlives the process, for example.
    pub fn new(store: Arc<dyn VectorStore>) -> Self {
        let options = ShortTermOptions::default();
        let window = Window::new(store, options.limits(false));
        Self { window, options: Arc::new(options), ranking: Arc::default() }
    }

    /// The same memory, with this room.
    #[must_use]
    pub fn with_options(mut self, options: ShortTermOptions) -> Self {
        self.window.limits = options.limits(self.window.model.is_some());
        self.options = Arc::new(options);
        self
    }

    /// The same memory, in which a model says in few words what leaves.
    #[must_use]
    pub fn with_model(mut self, model: impl ChatModel) -> Self {
        self.window.model = Some(Arc::new(model));
        self.window.limits = self.options.limits(true);
        self
    }
}

impl ShortTermOptions {
    fn limits(&self, has_model: bool) -> Limits {
        let Self { entries, tokens, ref model, keep } = *self;
        let keep = keep.unwrap_or(if has_model { entries / 2 } else { entries }).min(entries);
        Limits { entries, tokens, counted_by: model.clone(), every: None, keep, promoted: None }
    }
}

#[async_trait]
impl Memory for ShortTermMemory {
    /// Remembers an entry, whatever it says. Then the oldest entries may leave.
    ///
    /// # Errors
    /// [`MemoryError`] if it can't be used or kept, or the run ends. If the model fails that says what leaves, nothing leaves,
    /// and the next entry is the next try.
    async fn add(&self, entry: MemoryEntry, cx: &RunContext) -> Result<Added, MemoryError> {
        check(&entry)?;
        let cx = cx.scope("remember");
        let (scope, mut kept, id) = (entry.scope.clone(), Kept::new(entry), cx.next_id().to_string());
        kept.entry.provenance.run.get_or_insert(cx.run_id());
        kept.marks = Window::marks(true);
        let words = self.ranking.keywords(&kept.entry, &said(&kept.entry));
        let (record, store) = (kept.record(id.clone(), words), self.window.store.clone());
        let changes = WriteBatch::upsert([record.clone()]);
        step(&cx, "memory.add", EffectClass::Idempotent, &record, async move {
            store.apply(changes).await.map(drop)
        })
        .await?;
        tolerated(self.window.shrink(&scope, None, false, &cx).await.map(drop))?;
        Ok(Added::Kept { id })
    }

    /// The entries that have words of the query, best first: by the words, and by how new and important they are.
    async fn retrieve(&self, query: &MemoryQuery, cx: &RunContext) -> Result<Vec<Recalled>, MemoryError> {
        asked(&query.text)?;
        query.metadata.check().map_err(MemoryError::invalid)?;
        let (store, ranking, query, now) =
            (self.window.store.clone(), self.ranking.clone(), query.clone(), cx.now());
        let request = (query.clone(), now);
        step(cx, "memory.search", EffectClass::Pure, &request, async move {
            let wanted = Selection::new(query.scope.clone(), ranking.candidates.max(query.limit));
            let wanted = wanted.filtered(record::in_window(record::filter(&query, now)));
            let hits = store.matching(&ranking.language.words(&query.text), &wanted).await?;
            let relevance = rank::relevance(&hits, &[], 1.0);
            let mut found = Vec::with_capacity(hits.len());
            for hit in hits {
                let (id, kept) = (hit.record.id.clone(), Kept::read(store.info(), &hit.record)?);
                let score = ranking.score(relevance.get(&id).copied().unwrap_or_default(), &kept, now);
                found.push(kept.recalled(id, score));
            }
            found.sort_by(|one, other| other.score.total_cmp(&one.score).then_with(|| one.id.cmp(&other.id)));
            found.truncate(query.limit);
            Ok(found)
        })
        .await
    }

    async fn recent(
        &self,
        scope: &MemoryScope,
        limit: usize,
        cx: &RunContext,
    ) -> Result<Vec<Recalled>, MemoryError> {
        newest(&self.window.store, scope, limit, record::in_window, cx).await
    }

    async fn forget(&self, scope: &MemoryScope, id: &str, cx: &RunContext) -> Result<bool, MemoryError> {
        // What leaves this memory leaves it for good.
        delete(self.window.writes(), scope, id, cx).await
    }

    async fn clear(&self, scope: &MemoryScope, cx: &RunContext) -> Result<usize, MemoryError> {
        clear(self.window.writes(), scope, cx).await
    }
}
