//! Hierarchical memory: what happened lately, what is kept for good, and episodes, as one.

use std::sync::Arc;

use agentic_core::{
    Added, ChatModel, Memory, MemoryEntry, MemoryError, MemoryQuery, MemoryScope, Recalled, RunContext,
    async_trait,
};

use crate::episodic::EpisodicMemory;
use crate::long_term::record::Kept;
use crate::long_term::{LongTermMemory, Tiers, check, newest};
use crate::short_term::window::{Limits, Window, tolerated};

/// Remembers in tiers, as people do (Atkinson and Shiffrin, "Human Memory: A Proposed System and its Control Processes",
/// 1968): each entry comes to the window of its scope. What matters goes to long-term memory at once, or when it leaves the
/// window; the rest is said in short by a model, and forgotten in a way that can be taken back.
///
/// All tiers are in one store, and the tier is a mark of the entry. So an entry that is in two tiers is there once, is found
/// once, and moves in one write: whatever happens to the process, it is neither lost nor doubled.
///
/// What comes is admitted as to the long-term memory, but for its importance: the window takes what does not matter, too.
///
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct HierarchicalMemory {
    long_term: LongTermMemory,
    window: Window,
    episodes: Option<EpisodicMemory>,
    options: Arc<HierarchicalOptions>,
}

/// When entries go from one tier to another.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HierarchicalOptions {
    /// The most entries in the window of a scope. Default: 100.
    pub entries: usize,
    /// The most tokens in the window; `None` for any number. Default: `None`.
    pub tokens: Option<u64>,
    /// The model whose tokens these are, as in [`ShortTermOptions`](crate::ShortTermOptions::model). Default: none.
    pub model: Option<Arc<str>>,
    /// What matters more than this is in long-term memory at once, 0 to 1. Default: 0.7.
    pub at_once: f32,
    /// What matters more than this is in long-term memory when it leaves the window, 0 to 1. Default: 0.5.
    pub promoted: f32,
    /// The window is consolidated whenever so many entries have come. Default: 50.
    pub every: usize,
    /// How many of the newest entries stay in the window then. Default: 20.
    pub keep: usize,
}

impl Default for HierarchicalOptions {
    fn default() -> Self {
        Self { entries: 100, tokens: None, model: None, at_once: 0.7, promoted: 0.5, every: 50, keep: 20 }
    }
}

impl HierarchicalOptions {
    fn limits(&self) -> Limits {
        let Self { entries, tokens, ref model, at_once: _, promoted, every, keep } = *self;
        // One that never comes would never leave.
        let (every, keep) = (Some(every.max(1)), keep.min(entries));
        Limits { entries, tokens, counted_by: model.clone(), every, keep, promoted: Some(promoted) }
    }
}

impl HierarchicalMemory {
    /// Tiers in the store of this long-term memory, by its embedding model and its options.
    pub fn new(long_term: LongTermMemory) -> Self {
        let options = HierarchicalOptions::default();
        let mut admitted = long_term.options().clone();
        admitted.admission.importance = 0.0;
        let long_term = long_term.with_options(admitted);
        let window = Window::new(long_term.store().clone(), options.limits());
        Self { long_term, window, episodes: None, options: Arc::new(options) }
    }

    /// The same memory, with these options.
    #[must_use]
    pub fn with_options(mut self, options: HierarchicalOptions) -> Self {
        self.window.limits = options.limits();
        self.options = Arc::new(options);
        self
    }

    /// The same memory, in which a model says in short what leaves the window, and what came of an episode.
    #[must_use]
    pub fn with_model(mut self, model: impl ChatModel) -> Self {
        let model: Arc<dyn ChatModel> = Arc::new(model);
        self.window.model = Some(model.clone());
        self.episodes = Some(EpisodicMemory::of(self.long_term.clone(), model));
        self
    }

    /// Its long-term memory, to pin, restore, delete, explain and sweep entries of all tiers.
    pub fn long_term(&self) -> &LongTermMemory {
        &self.long_term
    }

    /// Its episodes; `None` without a model.
    pub fn episodes(&self) -> Option<&EpisodicMemory> {
        self.episodes.as_ref()
    }

    /// Consolidates the window of a scope now: all but the newest entries leave it, and long-term memory is
    /// [consolidated](LongTermMemory::consolidate) if it has a comparer. Otherwise this happens whenever
    /// [so many](HierarchicalOptions::every) entries have come.
    ///
    /// # Errors
    /// [`MemoryError`] if the store or a model fails. What has not left the window then leaves it the next time.
    ///
    /// # Cancel safety
    /// Dropping the future is safe, as is the end of the process.
    pub async fn consolidate(&self, scope: &MemoryScope, cx: &RunContext) -> Result<(), MemoryError> {
        self.shrink(scope, true, cx).await
    }

    async fn shrink(&self, scope: &MemoryScope, at_once: bool, cx: &RunContext) -> Result<(), MemoryError> {
        let left = self.window.shrink(scope, Some(&self.long_term), at_once, cx).await?;
        if (left || at_once) && self.long_term.comparer().is_some() {
            self.long_term.consolidate(scope, cx).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Memory for HierarchicalMemory {
    /// Remembers an entry, if it is [let in](crate::Admission). Then the window may be consolidated.
    ///
    /// # Errors
    /// [`MemoryError`] if it can't be used or kept, or the run ends. A model that fails at the consolidation is no error of
    /// what is kept: the next entry is the next try, and [`consolidate`](Self::consolidate) tells what is wrong.
    async fn add(&self, entry: MemoryEntry, cx: &RunContext) -> Result<Added, MemoryError> {
        check(&entry)?;
        let (scope, mut kept) = (entry.scope.clone(), Kept::new(entry));
        kept.marks = Window::marks(kept.entry.importance <= self.options.at_once);
        let added = self.long_term.take_in(vec![kept], cx).await?.pop();
        let added = added.ok_or_else(|| MemoryError::invalid("nothing came of one entry"))?;
        if matches!(added, Added::Kept { .. }) {
            tolerated(self.shrink(&scope, false, cx).await)?;
        }
        Ok(added)
    }

    /// The entries of all tiers that fit, each once, best first. An episode comes as what its summary says, with its id as
    /// the metadata `episode`, unless the query asks for metadata or for other kinds than thoughts.
    async fn retrieve(&self, query: &MemoryQuery, cx: &RunContext) -> Result<Vec<Recalled>, MemoryError> {
        self.long_term.find(query, Tiers::All, cx).await
    }

    async fn recent(
        &self,
        scope: &MemoryScope,
        limit: usize,
        cx: &RunContext,
    ) -> Result<Vec<Recalled>, MemoryError> {
        newest(self.long_term.store(), scope, limit, |all| all, cx).await
    }

    async fn forget(&self, scope: &MemoryScope, id: &str, cx: &RunContext) -> Result<bool, MemoryError> {
        self.long_term.forget(scope, id, cx).await
    }

    async fn clear(&self, scope: &MemoryScope, cx: &RunContext) -> Result<usize, MemoryError> {
        self.long_term.clear(scope, cx).await
    }
}
