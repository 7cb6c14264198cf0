//! `edge://PATH`: records in a folder, searched by Qdrant's engine within this process.
//!
//! The engine keeps vectors, and payloads with all that belongs to a record; it finds the nearest by a graph (HNSW; Malkov
//! and Yashunin 2016), with the scope and the filter as conditions on payload indexes. What else records are found by is
//! held in memory, in the same index as that of `memory:` and `sqlite:`: words, fields and the order of time. It is read
//! from the payloads when the folder is opened. So words, lists, counts and neighbours are exactly those of the other
//! stores, and only the nearest are nearly so.
//!
//! A folder belongs to one process at a time, so a lock within the process is enough for revisions.
//!
//! # What is on the disk when a write returns
//! The engine writes each operation to its log before it does it, and does it again from there when it is opened. A write
//! is one such operation: it is there as a whole or not at all, whatever happens to the process. The log is told to be on
//! the disk before the write returns, so on Linux and macOS it also survives the machine; on Windows what was written in
//! the last moments may be lost with it.

mod about;
mod convert;
mod failure;
mod keeper;
mod log;
mod open;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use agentic_core::{
    Beside, Cursor, EmbedderInfo, Filter, Hit, MemoryScope, Record, Selection, StoreError,
    StoreErrorKind as Kind, StoreInfo, VectorStore, WriteBatch, async_trait,
};

use self::about::About;
use self::failure::Failure;
use self::keeper::Keeper;
use self::open::Folder;
use super::files::blocking;
use super::points::{self, direction};
use super::{Backend, after_scheme};
use crate::index::{Found, Index};

/// `edge://PATH`.
pub(super) const BACKEND: Backend = Backend {
    scheme: "edge",
    open: |url, embedder| {
        Box::pin(async move {
            let store = EdgeStore::open(after_scheme(&url), embedder.as_ref()).await?;
            Ok(Arc::new(store) as Arc<dyn VectorStore>)
        })
    },
};

/// Records in a folder, for one process at a time.
///
/// Each change is one entry of the engine's log; when it returns, it is on the disk. New vectors are compared one by one
/// until there are some thousands of them; then a thread of the store puts them into the graph, while others read and
/// write. What is deleted is found no more, but its bytes stay in the files until the engine writes these anew.
///
/// Needs a tokio runtime.
///
/// # Cancel safety
/// Changes may be made after their future was dropped, as a whole.
#[derive(Debug)]
pub struct EdgeStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    info: StoreInfo,
    /// Where it is, and what is said there of it.
    place: (PathBuf, About),
    folder: Arc<Folder>,
    state: RwLock<State>,
    /// The number fields that have a payload index.
    ranges: Mutex<HashSet<String>>,
    keeper: Keeper,
}

#[derive(Debug)]
struct State {
    index: Index,
    /// The last revision that was given; revisions of later openings are higher.
    last: u64,
    /// A write has failed, so that the index may not be what the engine has.
    broken: bool,
}

impl EdgeStore {
    /// Opens the records in this folder, with vectors of this model; without a model the folder has to have some. A missing
    /// folder is made, for this user alone.
    ///
    /// # Errors
    /// [`OtherEmbedder`](Kind::OtherEmbedder), [`WrongDimension`](Kind::WrongDimension), [`NotFound`](Kind::NotFound),
    /// [`Newer`](Kind::Newer), [`Corrupt`](Kind::Corrupt) if the folder has something else or is damaged,
    /// [`Unwritable`](Kind::Unwritable), [`Invalid`](Kind::Invalid) if the path is none of a folder,
    /// [`Unreachable`](Kind::Unreachable) if another process, or another store of this one, has it open. Then the folder is
    /// as it was, or has nothing in it.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn open(path: impl AsRef<Path>, embedder: Option<&EmbedderInfo>) -> Result<Self, StoreError> {
        let (path, embedder) = (path.as_ref().to_owned(), embedder.cloned());
        let url = format!("edge://{}", path.display());
        let inner = blocking(&url, move |url| open::open(url, &path, embedder.as_ref())).await?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Returns when all vectors are in the graph, but for some thousands that are compared as soon: after much was written,
    /// before much is asked.
    ///
    /// # Errors
    /// If the store failed.
    ///
    /// # Cancel safety
    /// The work goes on without its future.
    pub async fn settle(&self) -> Result<(), StoreError> {
        self.work("index", |inner| {
            inner.keeper.settle();
            Ok(())
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Inner) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = self.inner.clone();
        blocking(&self.inner.info.url, move |url| work(&inner).map_err(|it| it.told(doing, url))).await
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Inner, &Index) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        // Nobody writes meanwhile: what the index knows is what the engine has.
        self.work("read", move |inner| query(inner, &inner.state()?.index)).await
    }
}

impl Inner {
    fn state(&self) -> Result<RwLockReadGuard<'_, State>, Failure> {
        // A writer that panicked has left its lock poisoned, and maybe half of its work.
        self.state.read().ok().filter(|state| !state.broken).ok_or_else(broken)
    }

    // --------------------------------------------------------------------------------------------- changes

    /// Deletes, then writes; gives how many records were deleted.
    fn apply(&self, changes: &WriteBatch) -> Result<usize, Failure> {
        let mut state = self.state.write().map_err(|_| broken())?;
        for record in &changes.upsert {
            self.info.check_revision(record, state.index.key(&record.scope.tenant, &record.id))?;
        }
        let names = changes.delete.iter().map(|(tenant, id)| (tenant.as_str(), id.as_str()));
        self.change(&mut state, names.collect(), &changes.upsert)
    }

    fn clear(&self, scope: &MemoryScope) -> Result<usize, Failure> {
        let mut state = self.state.write().map_err(|_| broken())?;
        let ids = state.index.ids(scope);
        let names = ids.iter().map(|id| (scope.tenant.as_str(), &**id));
        self.change(&mut state, names.collect(), &[])
    }

    fn change(
        &self,
        state: &mut State,
        gone: HashSet<rows::Name<'_>>,
        new: &[Record],
    ) -> Result<usize, Failure> {
        if state.broken {
            return Err(broken());
        }
        let change = rows::Change::of(&state.index, state.last, gone, new);
        if change.len() == 0 {
            return Ok(0);
        }
        state.broken = true;
        change.operations().into_iter().try_for_each(|operation| self.folder.engine.update(operation))?;
        self.folder.log.sync()?;
        state.last = change.last().unwrap_or(state.last);
        state.index.change(&change.gone, change.indexed());
        state.broken = false;
        self.keeper.wrote(change.len());
        Ok(change.deleted)
    }

    // --------------------------------------------------------------------------------------------- looking

    fn nearest(&self, index: &Index, vector: &[f32], wanted: &Selection) -> Result<Vec<Hit>, Failure> {
        let Some(unit) = direction(vector) else { return Ok(Vec::new()) };
        let Some(mut conditions) = points::conditions(&wanted.scope, &wanted.filter) else {
            return Ok(Vec::new());
        };
        // Nobody else has records: whose they are need not be asked of each.
        if index.is_only(&wanted.scope.tenant) {
            conditions.remove(0);
        }
        let ranges = conditions.iter().filter_map(|condition| match condition {
            points::Condition::Within(key, ..) => Some(key),
            _ => None,
        });
        ranges.into_iter().try_for_each(|key| self.index_range(key))?;
        let most = index.len(&wanted.scope.tenant);
        rows::nearest(&self.folder.engine, &unit, &conditions, wanted, most)
    }

    /// Makes an index of the numbers under this key, unless there is one: without it each payload would have to be read.
    fn index_range(&self, key: &str) -> Result<(), Failure> {
        let mut ranges = self.ranges.lock().unwrap_or_else(PoisonError::into_inner);
        if !ranges.contains(key) {
            self.folder.engine.update(convert::number_index(key)?)?;
            ranges.insert(key.to_owned());
        }
        Ok(())
    }

    fn records(&self, found: &[Found<'_>], with_index: bool) -> Result<Vec<Record>, Failure> {
        rows::records(&self.folder.engine, found, with_index)
    }

    fn hits(&self, found: &[Found<'_>], with_index: bool) -> Result<Vec<Hit>, Failure> {
        let records = self.records(found, with_index)?.into_iter();
        Ok(records.zip(found).map(|(record, found)| Hit { record, score: found.score }).collect())
    }

    fn beside(&self, index: &Index, ids: &[String], wanted: &Selection) -> Result<Vec<Beside>, Failure> {
        let neighbours = index.beside(ids, wanted);
        let found: Vec<Found<'_>> =
            neighbours.iter().flat_map(|(before, after)| [before, after]).flatten().copied().collect();
        let mut records = self.records(&found, wanted.with_index)?.into_iter();
        let mut next = |found: &Option<Found<'_>>| found.and_then(|_| records.next());
        Ok(neighbours
            .iter()
            .map(|(before, after)| Beside { before: next(before), after: next(after) })
            .collect())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let (path, about) = &mut self.place;
        about.records =
            self.state.get_mut().ok().filter(|state| !state.broken).map(|state| state.index.size());
        // What is not said is not compared.
        let _ = about.write(path);
    }
}

fn broken() -> Failure {
    Failure::Told(Kind::Failed, "a write has failed halfway; open it again".into())
}

#[async_trait]
impl VectorStore for EdgeStore {
    fn info(&self) -> &StoreInfo {
        &self.inner.info
    }

    async fn apply(&self, changes: WriteBatch) -> Result<usize, StoreError> {
        self.info().check_changes(&changes)?;
        self.work("write", move |inner| inner.apply(&changes)).await
    }

    async fn nearest(&self, vector: &[f32], wanted: &Selection) -> Result<Vec<Hit>, StoreError> {
        self.info().check_vector(vector)?;
        self.info().check_filter(&wanted.filter)?;
        let (vector, wanted) = (vector.to_vec(), wanted.clone());
        self.read(move |inner, index| inner.nearest(index, &vector, &wanted)).await
    }

    async fn matching(&self, words: &[String], wanted: &Selection) -> Result<Vec<Hit>, StoreError> {
        self.info().check_filter(&wanted.filter)?;
        let (words, wanted) = (words.to_vec(), wanted.clone());
        self.read(move |inner, index| inner.hits(&index.matching(&words, &wanted), wanted.with_index)).await
    }

    async fn list(&self, wanted: &Selection, after: Option<&Cursor>) -> Result<Vec<Record>, StoreError> {
        self.info().check_filter(&wanted.filter)?;
        let (wanted, after) = (wanted.clone(), after.cloned());
        self.read(move |inner, index| inner.records(&index.list(&wanted, after.as_ref()), wanted.with_index))
            .await
    }

    async fn beside(&self, ids: &[String], wanted: &Selection) -> Result<Vec<Beside>, StoreError> {
        self.info().check_filter(&wanted.filter)?;
        let (ids, wanted) = (ids.to_vec(), wanted.clone());
        self.read(move |inner, index| inner.beside(index, &ids, &wanted)).await
    }

    async fn get(&self, scope: &MemoryScope, ids: &[String]) -> Result<Vec<Record>, StoreError> {
        let (scope, ids) = (scope.clone(), ids.to_vec());
        self.read(move |inner, index| inner.records(&index.get(&scope, &ids), true)).await
    }

    async fn count(&self, scope: &MemoryScope, filter: &Filter) -> Result<usize, StoreError> {
        self.info().check_filter(filter)?;
        let (scope, filter) = (scope.clone(), filter.clone());
        self.read(move |_, index| Ok(index.count(&scope, &filter))).await
    }

    async fn clear(&self, scope: &MemoryScope) -> Result<usize, StoreError> {
        let scope = scope.clone();
        self.work("write", move |inner| inner.clear(&scope)).await
    }

    async fn tenants(&self) -> Result<Vec<String>, StoreError> {
        self.read(|_, index| Ok(index.tenants())).await
    }
}
