//! `memory:`: records in memory, gone with the process; for tests and scratch pads.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use agentic_core::{
    Beside, Cursor, EmbedderInfo, Filter, Hit, MemoryScope, Record, Selection, StoreCapabilities, StoreError,
    StoreErrorKind as Kind, StoreInfo, VectorStore, WriteBatch, async_trait,
};

use super::Backend;
use crate::index::{Asked, Code, Content, Fields, Found, Index, Indexed, Words};

/// `memory:`.
pub(super) const BACKEND: Backend = Backend {
    scheme: "memory",
    open: |url, embedder| {
        Box::pin(async move {
            match embedder {
                _ if url != "memory:" => {
                    let message = "a store in memory has no name; write `memory:`";
                    Err(StoreError::new(Kind::Invalid, url, message))
                }
                Some(embedder) => Ok(Arc::new(MemoryStore::new(&embedder)) as Arc<dyn VectorStore>),
                None => {
                    let message = "a store in memory is new; name its embedding model";
                    Err(StoreError::new(Kind::NotFound, url, message))
                }
            }
        })
    },
};

/// Records in memory. It looks through all of them in the thread that asks: some milliseconds for 100,000.
#[derive(Debug)]
pub struct MemoryStore {
    info: StoreInfo,
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    index: Index,
    contents: HashMap<u64, Content>,
    /// The last key that was given.
    last: u64,
}

impl MemoryStore {
    /// An empty store for vectors of this model.
    pub fn new(embedder: &EmbedderInfo) -> Self {
        let mut capabilities = StoreCapabilities::default();
        (capabilities.atomic, capabilities.exact) = (true, true);
        let info = StoreInfo::new("memory:", embedder.id.clone(), embedder.dimensions, capabilities);
        let state = State { index: Index::new(info.dimensions), contents: HashMap::new(), last: 0 };
        Self { info, state: RwLock::new(state) }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        // Changes are checked before they are made, so a panic elsewhere leaves nothing half-made.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn remove(&mut self, keys: &[u64]) {
        self.index.change(keys, []);
        keys.iter().for_each(|key| {
            self.contents.remove(key);
        });
    }

    fn put(&mut self, record: Record) {
        let Record { id, scope, at, vector, words, fields, body, .. } = record;
        if let Some(old) = self.index.key(&scope.tenant, &id) {
            self.remove(&[old]);
        }
        self.last += 1;
        let (key, code, fields) = (self.last, Code::of(&vector), Fields::of(&fields));
        let code = code.as_ref().map(Code::by_ref);
        let words = Words::Spelled(words.iter().map(String::as_str).collect());
        self.index
            .change(&[], [Indexed { key, id: id.into(), scope: scope.into(), at, fields, code, words }]);
        self.contents.insert(key, Content { vector, body });
    }

    fn record(&self, found: &Found<'_>, with_index: bool) -> Option<Record> {
        let Content { vector, body } = self.contents.get(&found.key)?;
        let vector = if with_index { vector.clone() } else { Vec::new() };
        Some(found.record(Content { vector, body: body.clone() }, with_index))
    }

    fn records(&self, found: &[Found<'_>], with_index: bool) -> Vec<Record> {
        found.iter().filter_map(|found| self.record(found, with_index)).collect()
    }

    fn hits(&self, found: &[Found<'_>], with_index: bool) -> Vec<Hit> {
        let hit =
            |found: &Found<'_>| Some(Hit { record: self.record(found, with_index)?, score: found.score });
        found.iter().filter_map(hit).collect()
    }
}

#[async_trait]
impl VectorStore for MemoryStore {
    fn info(&self) -> &StoreInfo {
        &self.info
    }

    async fn apply(&self, changes: WriteBatch) -> Result<usize, StoreError> {
        self.info.check_changes(&changes)?;
        self.write(|state| {
            for record in &changes.upsert {
                self.info.check_revision(record, state.index.key(&record.scope.tenant, &record.id))?;
            }
            let gone = changes.delete.iter().filter_map(|(tenant, id)| state.index.key(tenant, id));
            let mut gone: Vec<u64> = gone.collect();
            gone.sort_unstable();
            gone.dedup();
            state.remove(&gone);
            changes.upsert.into_iter().for_each(|record| state.put(record));
            Ok(gone.len())
        })
    }

    async fn nearest(&self, vector: &[f32], wanted: &Selection) -> Result<Vec<Hit>, StoreError> {
        self.info.check_vector(vector)?;
        self.info.check_filter(&wanted.filter)?;
        let Some(asked) = Asked::of(vector) else { return Ok(Vec::new()) };
        let state = self.read();
        let cosine =
            |key| Ok::<_, Infallible>(state.contents.get(&key).map_or(0.0, |it| asked.cosine(&it.vector)));
        let Ok(found) = state.index.nearest(&asked, wanted, cosine);
        Ok(state.hits(&found, wanted.with_index))
    }

    async fn matching(&self, words: &[String], wanted: &Selection) -> Result<Vec<Hit>, StoreError> {
        self.info.check_filter(&wanted.filter)?;
        let state = self.read();
        Ok(state.hits(&state.index.matching(words, wanted), wanted.with_index))
    }

    async fn list(&self, wanted: &Selection, after: Option<&Cursor>) -> Result<Vec<Record>, StoreError> {
        self.info.check_filter(&wanted.filter)?;
        let state = self.read();
        Ok(state.records(&state.index.list(wanted, after), wanted.with_index))
    }

    async fn beside(&self, ids: &[String], wanted: &Selection) -> Result<Vec<Beside>, StoreError> {
        self.info.check_filter(&wanted.filter)?;
        let state = self.read();
        let record = |found: Option<Found<'_>>| state.record(&found?, wanted.with_index);
        let neighbours = state.index.beside(ids, wanted).into_iter();
        Ok(neighbours
            .map(|(before, after)| Beside { before: record(before), after: record(after) })
            .collect())
    }

    async fn get(&self, scope: &MemoryScope, ids: &[String]) -> Result<Vec<Record>, StoreError> {
        let state = self.read();
        Ok(state.records(&state.index.get(scope, ids), true))
    }

    async fn count(&self, scope: &MemoryScope, filter: &Filter) -> Result<usize, StoreError> {
        self.info.check_filter(filter)?;
        Ok(self.read().index.count(scope, filter))
    }

    async fn clear(&self, scope: &MemoryScope) -> Result<usize, StoreError> {
        self.write(|state| {
            let keys = state.index.keys(scope);
            state.remove(&keys);
            Ok(keys.len())
        })
    }

    async fn tenants(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.read().index.tenants())
    }
}
