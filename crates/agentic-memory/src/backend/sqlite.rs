//! `sqlite://PATH`: records in a SQLite file.
//!
//! The file is the truth, and what records are found by is held in memory too, in the same index as that of `memory:`:
//! vectors as bytes, words, fields and the order of time. Vectors in full and bodies are read from the file for what is
//! found. The index follows the file: each record has a number that grows with every write, and deletions are
//! listed, so whoever reads or writes first takes in what is new, whether this process wrote it or another one. Opening is
//! the same from the beginning.
//!
//! Keywords are not asked of SQLite's FTS5. It counts how rare a word is among all rows, so that one tenant could learn from
//! scores which words others use, its ranks would differ from other stores', words would have to be disguised to pass its
//! tokenizer, and writing would take longer. In the file words stand by their numbers, so that the index of them in memory
//! is made fast.

mod dictionary;
mod failure;
mod follow;
mod open;
mod replace;
mod rows;
mod schema;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use agentic_core::{
    Beside, Cursor, EmbedderInfo, Filter, Hit, MemoryScope, Record, Selection, StoreError, StoreInfo,
    VectorStore, WriteBatch, async_trait,
};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use self::dictionary::Numbering;
use self::failure::Failure;
use self::follow::Following;
pub use self::replace::reembed_file;
use super::files::blocking;
use super::{Backend, after_scheme};
use crate::index::{Asked, Found, Index};

/// `sqlite://PATH`.
pub(super) const BACKEND: Backend = Backend {
    scheme: "sqlite",
    open: |url, embedder| {
        Box::pin(async move {
            let store = SqliteStore::open(after_scheme(&url), embedder.as_ref()).await?;
            Ok(Arc::new(store) as Arc<dyn VectorStore>)
        })
    },
};

/// Records in a SQLite file, for one process or for several on one machine.
///
/// Each change is one transaction; when it returns, it is on the disk. What is deleted is overwritten in the file, also in
/// its log if no other process reads it at that moment.
///
/// Needs a tokio runtime.
///
/// # Cancel safety
/// Changes may be made after their future was dropped, as a whole.
#[derive(Debug)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    info: StoreInfo,
    path: Arc<Path>,
    /// They go first: the last connection that is closed tidies up the files.
    readers: Mutex<Vec<Connection>>,
    writer: Mutex<Connection>,
    index: RwLock<Following>,
}

impl SqliteStore {
    /// Opens the records in this file, with vectors of this model; without a model the file has to be there. A missing file
    /// is made, and a missing folder too, for this user alone. Beside the file stand two more while it is open, with `-wal`
    /// and `-shm` after its name: they belong to it.
    ///
    /// # Errors
    /// [`OtherEmbedder`](agentic_core::StoreErrorKind::OtherEmbedder), [`WrongDimension`](agentic_core::StoreErrorKind::WrongDimension), [`NotFound`](agentic_core::StoreErrorKind::NotFound),
    /// [`Newer`](agentic_core::StoreErrorKind::Newer), [`Corrupt`](agentic_core::StoreErrorKind::Corrupt) if the file is something else or damaged,
    /// [`Unwritable`](agentic_core::StoreErrorKind::Unwritable), [`Invalid`](agentic_core::StoreErrorKind::Invalid) if the path is none of a file,
    /// [`Unreachable`](agentic_core::StoreErrorKind::Unreachable) if another process keeps it locked. Then the file is as it was, or empty.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn open(path: impl AsRef<Path>, embedder: Option<&EmbedderInfo>) -> Result<Self, StoreError> {
        let (path, embedder) = (path.as_ref().to_owned(), embedder.cloned());
        let url = format!("sqlite://{}", path.display());
        let inner = blocking(&url, move |url| open::open(url, &path, embedder.as_ref())).await?;
        Ok(Self { inner: Arc::new(inner) })
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Index, &Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = self.inner.clone();
        blocking(&self.inner.info.url, move |url| inner.read(query).map_err(|it| it.told("read", url))).await
    }

    async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Index, &Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = self.inner.clone();
        blocking(&self.inner.info.url, move |url| inner.write(change).map_err(|it| it.told("write", url)))
            .await
    }
}

impl Inner {
    /// Reads at one moment: the index, and the file as the index knows it.
    fn read<T>(&self, query: impl FnOnce(&Index, &Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let db = match idle {
            Some(db) => db,
            None => open::reader(&self.path)?,
        };
        let read = self.snapshot(&db, query);
        // A connection that failed is not asked again.
        if !matches!(read, Err(Failure::Engine(_))) {
            self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(db);
        }
        read
    }

    fn snapshot<T>(
        &self,
        db: &Connection,
        query: impl FnOnce(&Index, &Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        // The index first: the snapshot is then never older than it.
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let snapshot = Transaction::new_unchecked(db, TransactionBehavior::Deferred)?;
        // A newer version may have come to the file since it was opened.
        schema::check_version(&snapshot, &self.info.url)?;
        if index.is_current(&snapshot)? {
            return query(index.index(), &snapshot);
        }
        drop((snapshot, index));
        let index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        let snapshot = Transaction::new_unchecked(db, TransactionBehavior::Deferred)?;
        query(caught_up(index, &snapshot)?.index(), &snapshot)
    }

    /// Changes the file, as a whole or not at all. The index learns of it when it is asked next.
    fn write<T>(&self, change: impl FnOnce(&Index, &Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        let db = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = Transaction::new_unchecked(&db, TransactionBehavior::Immediate)?;
        schema::check_version(&transaction, &self.info.url)?;
        // Nobody else writes now, so it stays current.
        let index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        let made = change(caught_up(index, &transaction)?.index(), &transaction)?;
        transaction.commit()?;
        Ok(made)
    }

    /// Brings the log into the file and empties it, so that nothing of what was deleted is left in it.
    fn empty_log(&self) {
        let db = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever reads at the moment needs it; then a later one does it.
        let _ = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
    }
}

fn caught_up<'a>(
    mut index: RwLockWriteGuard<'a, Following>,
    db: &Connection,
) -> Result<RwLockReadGuard<'a, Following>, Failure> {
    index.catch_up(db)?;
    Ok(RwLockWriteGuard::downgrade(index))
}

// ------------------------------------------------------------------------------------------------ changes

/// Deletes, then writes. Gives how many records were deleted.
fn apply(info: &StoreInfo, index: &Index, db: &Connection, changes: &WriteBatch) -> Result<usize, Failure> {
    for record in &changes.upsert {
        info.check_revision(record, index.key(&record.scope.tenant, &record.id))?;
    }
    let deleted = changes.delete.iter().filter_map(|(tenant, id)| index.key(tenant, id));
    let deleted: HashSet<u64> = deleted.collect();
    let name = |record: &Record| (record.scope.tenant.clone(), record.id.clone());
    let last: HashMap<_, usize> = changes.upsert.iter().map(name).zip(0..).collect();
    let replaced = changes.upsert.iter().filter_map(|record| index.key(&record.scope.tenant, &record.id));
    let gone: HashSet<u64> = deleted.iter().copied().chain(replaced).collect();
    let mut numbering = Numbering::new(db, index, gone.iter().copied());
    rows::delete(db, gone)?;
    for (place, record) in changes.upsert.iter().enumerate() {
        if last.get(&name(record)) == Some(&place) {
            rows::insert(db, record, &mut numbering)?;
        }
    }
    numbering.done()?;
    Ok(deleted.len())
}

fn clear(index: &Index, db: &Connection, scope: &MemoryScope) -> Result<usize, Failure> {
    let keys = index.keys(scope);
    let cleared = keys.len();
    let numbering = Numbering::new(db, index, keys.iter().copied());
    rows::delete(db, keys)?;
    numbering.done()?;
    Ok(cleared)
}

// ------------------------------------------------------------------------------------------------ records

fn record(db: &Connection, found: &Found<'_>, with_index: bool) -> Result<Record, Failure> {
    Ok(found.record(rows::content(db, found.key, with_index)?, with_index))
}

fn records(db: &Connection, found: &[Found<'_>], with_index: bool) -> Result<Vec<Record>, Failure> {
    found.iter().map(|found| record(db, found, with_index)).collect()
}

fn hits(db: &Connection, found: &[Found<'_>], with_index: bool) -> Result<Vec<Hit>, Failure> {
    let hit = |found: &Found<'_>| Ok(Hit { record: record(db, found, with_index)?, score: found.score });
    found.iter().map(hit).collect()
}

#[async_trait]
impl VectorStore for SqliteStore {
    fn info(&self) -> &StoreInfo {
        &self.inner.info
    }

    async fn apply(&self, changes: WriteBatch) -> Result<usize, StoreError> {
        self.info().check_changes(&changes)?;
        let deletes = !changes.delete.is_empty();
        let info = self.info().clone();
        let deleted = self.write(move |index, db| apply(&info, index, db, &changes)).await?;
        if deletes {
            self.emptied_log().await?;
        }
        Ok(deleted)
    }

    async fn nearest(&self, vector: &[f32], wanted: &Selection) -> Result<Vec<Hit>, StoreError> {
        self.info().check_vector(vector)?;
        self.info().check_filter(&wanted.filter)?;
        let Some(asked) = Asked::of(vector) else { return Ok(Vec::new()) };
        let wanted = wanted.clone();
        self.read(move |index, db| {
            let mut vector = Vec::new();
            let cosine = |key| rows::read_vector(db, key, &mut vector).map(|()| asked.cosine(&vector));
            let found = index.nearest(&asked, &wanted, cosine)?;
            hits(db, &found, wanted.with_index)
        })
        .await
    }

    async fn matching(&self, words: &[String], wanted: &Selection) -> Result<Vec<Hit>, StoreError> {
        self.info().check_filter(&wanted.filter)?;
        let (words, wanted) = (words.to_vec(), wanted.clone());
        self.read(move |index, db| hits(db, &index.matching(&words, &wanted), wanted.with_index)).await
    }

    async fn list(&self, wanted: &Selection, after: Option<&Cursor>) -> Result<Vec<Record>, StoreError> {
        self.info().check_filter(&wanted.filter)?;
        let (wanted, after) = (wanted.clone(), after.cloned());
        self.read(move |index, db| records(db, &index.list(&wanted, after.as_ref()), wanted.with_index)).await
    }

    async fn beside(&self, ids: &[String], wanted: &Selection) -> Result<Vec<Beside>, StoreError> {
        self.info().check_filter(&wanted.filter)?;
        let (ids, wanted) = (ids.to_vec(), wanted.clone());
        self.read(move |index, db| {
            let record =
                |found: Option<Found<'_>>| found.map(|it| record(db, &it, wanted.with_index)).transpose();
            let neighbours = index.beside(&ids, &wanted).into_iter();
            neighbours
                .map(|(before, after)| Ok(Beside { before: record(before)?, after: record(after)? }))
                .collect()
        })
        .await
    }

    async fn get(&self, scope: &MemoryScope, ids: &[String]) -> Result<Vec<Record>, StoreError> {
        let (scope, ids) = (scope.clone(), ids.to_vec());
        self.read(move |index, db| records(db, &index.get(&scope, &ids), true)).await
    }

    async fn count(&self, scope: &MemoryScope, filter: &Filter) -> Result<usize, StoreError> {
        self.info().check_filter(filter)?;
        let (scope, filter) = (scope.clone(), filter.clone());
        self.read(move |index, _| Ok(index.count(&scope, &filter))).await
    }

    async fn clear(&self, scope: &MemoryScope) -> Result<usize, StoreError> {
        let scope = scope.clone();
        let cleared = self.write(move |index, db| clear(index, db, &scope)).await?;
        self.emptied_log().await?;
        Ok(cleared)
    }

    async fn tenants(&self) -> Result<Vec<String>, StoreError> {
        self.read(|index, _| Ok(index.tenants())).await
    }
}

impl SqliteStore {
    async fn emptied_log(&self) -> Result<(), StoreError> {
        let inner = self.inner.clone();
        blocking(&self.inner.info.url, move |_| {
            inner.empty_log();
            Ok(())
        })
        .await
    }
}
