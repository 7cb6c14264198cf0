//! Episodic memory: what was done from a start to an end, whole and in summary.

mod summary;

use std::sync::Arc;

use agentic_core::{
    Added, ChatModel, Cursor, EffectClass, Filter, Hit, Json, Memory as _, MemoryEntry, MemoryError,
    MemoryKind, MemoryQuery, MemoryScope, Predicate, Recalled, Record, RunContext, Selection, StoreErrorKind,
    StoreInfo, Timestamp, VectorStore, WriteBatch,
};
use serde::{Deserialize, Serialize};

pub use self::summary::EpisodeSummary;
use crate::long_term::{LongTermMemory, NO_TENANT, Stored, asked, recalled, record, step};

/// Remembers episodes: a task, a conversation, a run. An episode starts, takes in entries, and ends with a summary that a
/// model makes of them; it is found by what its summary says, and can be read whole.
///
/// The entries of an episode are in the long-term memory too, in a session of their own, so they are found one by one as
/// well.
///
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct EpisodicMemory {
    memory: LongTermMemory,
    model: Arc<dyn ChatModel>,
}

/// Something that was done, from its start to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Episode {
    /// Its id.
    pub id: String,
    /// Whose it is. Its entries are in the [session](Self::session) within it.
    pub scope: MemoryScope,
    /// What it is about, in a few words.
    pub title: String,
    /// When it started.
    pub started: Timestamp,
    /// When it ended; `None` as long as it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// What came of it; `None` as long as it goes on, or if nothing happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<EpisodeSummary>,
}

/// An episode with all that happened in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WholeEpisode {
    /// The episode.
    pub episode: Episode,
    /// Its entries, the oldest first, forgotten ones left out.
    pub entries: Vec<Recalled>,
}

/// An episode that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoundEpisode {
    /// The episode.
    pub episode: Episode,
    /// How like its summary is to what was asked: the cosine of both, -1 to 1.
    pub score: f32,
}

/// The field that tells the records of episodes from those of entries, which have none.
const EPISODE: &str = "episode";

/// So many records are read at a time.
const PAGE: usize = 500;

impl Episode {
    /// The scope of its entries.
    pub fn session(&self) -> MemoryScope {
        self.scope.clone().session(&self.id)
    }

    /// What it is found by.
    fn text(&self) -> String {
        let summary = self.summary.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{}\n{summary}", self.title)
    }

    fn record(&self) -> Record {
        let record = Record::new(&self.id, self.scope.clone(), self.started);
        record.with_field(EPISODE, self.ended.is_some()).with_body(Json::of(self).unwrap_or_default())
    }

    fn read(store: &StoreInfo, record: &Record) -> Stored<Self> {
        record.body.read().map_err(|error| {
            let id = &record.id;
            let message = format!("episode {id} can't be read: {error}; was it written by a newer version?");
            store.error(StoreErrorKind::Corrupt, message)
        })
    }
}

impl EpisodicMemory {
    /// Episodes beside the entries of this memory, summarised by this model.
    pub fn new(memory: LongTermMemory, model: impl ChatModel) -> Self {
        Self::of(memory, Arc::new(model))
    }

    pub(crate) fn of(memory: LongTermMemory, model: Arc<dyn ChatModel>) -> Self {
        Self { memory, model }
    }

    /// Starts an episode in a scope, which has no session: the episode makes one.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] if the scope has a session, or why it can't be written.
    ///
    /// # Cancel safety
    /// Dropping the future is safe; the episode may then be there or not.
    pub async fn start(
        &self,
        scope: &MemoryScope,
        title: impl Into<String> + Send,
        cx: &RunContext,
    ) -> Result<Episode, MemoryError> {
        if scope.tenant.is_empty() {
            return Err(MemoryError::invalid(NO_TENANT));
        }
        if scope.session.is_some() {
            return Err(MemoryError::invalid("an episode makes its own session; give a scope without one"));
        }
        let (id, title, started) = (cx.next_id().to_string(), title.into(), cx.now());
        let episode = Episode { id, scope: scope.clone(), title, started, ended: None, summary: None };
        self.write("episode.start", episode.record(), cx).await?;
        Ok(episode)
    }

    /// Remembers something that happens in an episode.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] if the episode has ended, or why it can't be kept.
    ///
    /// # Cancel safety
    /// As [`Memory::add`](agentic_core::Memory::add).
    pub async fn add(
        &self,
        episode: &Episode,
        kind: MemoryKind,
        content: impl Into<String> + Send,
        cx: &RunContext,
    ) -> Result<Added, MemoryError> {
        if episode.ended.is_some() {
            return Err(MemoryError::invalid(format!("episode {} has ended; start another", episode.id)));
        }
        self.memory.add(MemoryEntry::new(episode.session(), kind, content, cx.now()), cx).await
    }

    /// Ends an episode: a model says what was accomplished, decided and learned. One in which nothing happened has no
    /// summary. An episode that has ended is given as it is.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] if there is no such episode or the model gives no summary, or why it can't be written. The
    /// episode then goes on.
    ///
    /// # Cancel safety
    /// Dropping the future is safe; the episode may then have ended or not.
    pub async fn end(&self, scope: &MemoryScope, id: &str, cx: &RunContext) -> Result<Episode, MemoryError> {
        let cx = cx.scope("episode");
        let whole = self.whole(scope, id, &cx).await?;
        let Some(WholeEpisode { mut episode, entries }) = whole else {
            return Err(MemoryError::invalid(format!("there is no episode {id} of {scope}")));
        };
        if episode.ended.is_some() {
            return Ok(episode);
        }
        if !entries.is_empty() {
            episode.summary = Some(summary::of(&episode.title, &entries, &self.model, &cx).await?);
        }
        episode.ended = Some(cx.now());
        let vector = self.memory.vectors(&[episode.text()], &cx).await?.swap_remove(0);
        self.write("episode.end", episode.record().with_vector(vector), &cx).await?;
        Ok(episode)
    }

    /// The newest episodes of a scope, the newest first.
    ///
    /// # Errors
    /// [`MemoryError`] if they can't be read.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn list(
        &self,
        scope: &MemoryScope,
        limit: usize,
        cx: &RunContext,
    ) -> Result<Vec<Episode>, MemoryError> {
        let (store, wanted) = (self.memory.store().clone(), Selection::new(scope.clone(), limit));
        let wanted =
            wanted.filtered(Filter::any().and(EPISODE, Predicate::AnyOf(vec![true.into(), false.into()])));
        step(cx, "episode.list", EffectClass::Pure, &(scope, limit), async move {
            let records = store.list(&wanted, None).await?;
            records.iter().map(|record| Episode::read(store.info(), record)).collect()
        })
        .await
    }

    /// An episode with all of its entries; `None` if the scope has none with this id.
    ///
    /// # Errors
    /// [`MemoryError`] if it can't be read.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn whole(
        &self,
        scope: &MemoryScope,
        id: &str,
        cx: &RunContext,
    ) -> Result<Option<WholeEpisode>, MemoryError> {
        let (store, asked, ids) = (self.memory.store().clone(), scope.clone(), [id.to_owned()]);
        step(cx, "episode.read", EffectClass::Pure, &(scope, id), async move {
            let found = store.get(&asked, &ids).await?.pop();
            let Some(record) = found.filter(|record| record.fields.contains_key(EPISODE)) else {
                return Ok(None);
            };
            let episode = Episode::read(store.info(), &record)?;
            let entries = entries(&*store, &episode).await?;
            Ok(Some(WholeEpisode { episode, entries }))
        })
        .await
    }

    /// The episodes that have ended whose summaries are most like a text, the likest first.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] if the text is empty, or why they can't be searched.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn find(
        &self,
        scope: &MemoryScope,
        text: &str,
        limit: usize,
        cx: &RunContext,
    ) -> Result<Vec<FoundEpisode>, MemoryError> {
        asked(text)?;
        let cx = cx.scope("episodes");
        let vector = self.memory.vectors(&[text.to_owned()], &cx).await?.swap_remove(0);
        let (store, wanted) = (self.memory.store().clone(), Selection::new(scope.clone(), limit));
        let wanted = wanted.filtered(Filter::any().is(EPISODE, true));
        step(&cx, "episode.find", EffectClass::Pure, &(scope, text, limit), async move {
            let hits = store.nearest(&vector, &wanted).await?;
            let found = |Hit { record, score }: &Hit| {
                Ok(FoundEpisode { episode: Episode::read(store.info(), record)?, score: *score })
            };
            hits.iter().map(found).collect()
        })
        .await
    }

    async fn write(&self, name: &str, record: Record, cx: &RunContext) -> Result<(), MemoryError> {
        let (store, changes) = (self.memory.store().clone(), WriteBatch::upsert([record.clone()]));
        step(cx, name, EffectClass::Idempotent, &record, async move { store.apply(changes).await.map(drop) })
            .await
    }
}

/// Which episodes a query is about; `None` if it is about entries alone.
pub(crate) fn filter(query: &MemoryQuery) -> Option<Filter> {
    let thoughts = query.kinds.is_empty() || query.kinds.contains(&MemoryKind::Thought);
    (thoughts && query.metadata == Filter::any()).then(|| Filter::any().is(EPISODE, true))
}

/// What an episode says, as an entry from the time when it ended, with its id as the metadata `episode`; `None` if the query
/// is about another time.
pub(crate) fn entry(store: &StoreInfo, record: &Record, query: &MemoryQuery) -> Stored<Option<MemoryEntry>> {
    let episode = Episode::read(store, record)?;
    let ended = episode.ended.unwrap_or(episode.started);
    let fits = query.since.is_none_or(|since| ended >= since)
        && query.until.is_none_or(|until| ended < until)
        && query.as_of.is_none_or(|as_of| ended <= as_of);
    let entry = || {
        let entry = MemoryEntry::new(episode.scope.clone(), MemoryKind::Thought, episode.text(), ended);
        entry.with(EPISODE, episode.id.as_str())
    };
    Ok(fits.then(entry))
}

/// What an episode of a record is found by.
pub(crate) fn text(store: &StoreInfo, record: &Record) -> Stored<String> {
    Ok(Episode::read(store, record)?.text())
}

/// The entries of an episode, the oldest first.
async fn entries(store: &dyn VectorStore, episode: &Episode) -> Stored<Vec<Recalled>> {
    // Beside entries stands what waits for consolidation.
    let wanted = Selection::new(episode.session(), PAGE).filtered(record::entries());
    let mut after = None;
    let mut entries = Vec::new();
    loop {
        let page = store.list(&wanted, after.as_ref()).await?;
        let Some(last) = page.last() else { break };
        after = Some(Cursor::of(last));
        for record in &page {
            entries.push(recalled(store, record, 0.0)?);
        }
    }
    entries.retain(|recalled| recalled.standing.forgotten_at.is_none());
    entries.reverse();
    Ok(entries)
}
