//! Copying a store into another one, as it is or with vectors of another embedding model.

use std::collections::HashMap;
use std::sync::Arc;

use agentic_core::{
    Cursor, Embedder, MemoryError, MemoryScope, Record, RunContext, Selection, StoreError, StoreErrorKind,
    VectorStore, WriteBatch,
};
use serde::{Deserialize, Serialize};

use crate::episodic;
use crate::long_term::options::said;
use crate::long_term::queue;
use crate::long_term::record::{Kept, is_entry};

/// So many records are read and written at a time.
const PAGE: usize = 500;

/// How far a copy has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Copied {
    /// How many entries and episodes were written.
    pub written: usize,
    /// How many were there already, from a copy that was interrupted.
    pub there: usize,
}

impl Copied {
    /// How many entries and episodes are copied.
    pub fn all(&self) -> usize {
        self.written + self.there
    }

    /// So many of a page are written, of so many in all.
    fn page(&mut self, written: usize, all: usize) {
        self.written += written;
        self.there += all - written;
    }
}

/// Copies all records of all tenants into another store with vectors of the same embedding model: entries, episodes, and what
/// waits for consolidation. What is in the other store beside them stays; what has changed there is written over. `progress` is told after every page.
///
/// Nobody should write to the first store meanwhile: what is written then may be missing. An interrupted copy is done again
/// from the start: what is there is not written again, so nothing is there twice.
///
/// # Errors
/// [`StoreErrorKind::OtherEmbedder`] if the other store has vectors of another model; else the stores'.
///
/// # Cancel safety
/// Dropping the future is safe; some records are then copied.
pub async fn copy(
    from: &dyn VectorStore,
    to: &dyn VectorStore,
    mut progress: impl FnMut(Copied) + Send,
) -> Result<Copied, StoreError> {
    let (mine, theirs) = (from.info(), to.info());
    if mine.embedder != theirs.embedder {
        let message = format!(
            "its vectors are of `{}`, and those of `{}` of `{}`; embed them again while they are copied",
            theirs.embedder, mine.url, mine.embedder
        );
        return Err(theirs.error(StoreErrorKind::OtherEmbedder, message));
    }
    let mut copied = Copied::default();
    let mut pages = Pages::of(from).await?;
    while let Some((tenant, records)) = pages.next(from).await? {
        let all = counted(&records);
        let missing = missing(to, &tenant, records, |_| {}).await?;
        copied.page(counted(&missing), all);
        if !missing.is_empty() {
            to.apply(WriteBatch::upsert(missing)).await?;
        }
        progress(copied);
    }
    Ok(copied)
}

/// Copies all records of all tenants into another store, with vectors of that one's embedding model. Otherwise as [`copy`].
/// The model is asked through the run context, once for each page of records.
///
/// # Errors
/// [`MemoryError::Store`] with [`StoreErrorKind::OtherEmbedder`] if this is not the model of the other store, or the stores'; the
/// model's.
///
/// # Cancel safety
/// Dropping the future is safe; some records are then copied.
pub async fn reembed(
    from: &dyn VectorStore,
    to: &dyn VectorStore,
    embedder: &Arc<dyn Embedder>,
    cx: &RunContext,
    mut progress: impl FnMut(Copied) + Send,
) -> Result<Copied, MemoryError> {
    let (model, theirs) = (embedder.info(), to.info());
    if model.id != theirs.embedder {
        let message =
            format!("its vectors are of `{}`, not of `{}`; use that model", theirs.embedder, model.id);
        return Err(theirs.error(StoreErrorKind::OtherEmbedder, message).into());
    }
    let mut copied = Copied::default();
    let mut pages = Pages::of(from).await?;
    let cx = cx.scope("reembed");
    while let Some((tenant, records)) = pages.next(from).await? {
        let all = counted(&records);
        let mut missing = missing(to, &tenant, records, |record| record.vector.clear()).await?;
        copied.page(counted(&missing), all);
        let with_vectors = missing.iter_mut().filter(|record| !record.vector.is_empty());
        let (mut found, mut texts) = (Vec::new(), Vec::new());
        for record in with_vectors {
            texts.push(text(from, record)?);
            found.push(record);
        }
        if !texts.is_empty() {
            let vectors = cx.embed(embedder, &texts).await?.vectors;
            if vectors.len() != texts.len() {
                let (n, of) = (vectors.len(), texts.len());
                let message = format!(
                    "the embedding model `{}` gave {n} vectors for {of} texts; use another",
                    model.id
                );
                return Err(MemoryError::invalid(message));
            }
            for (record, vector) in found.into_iter().zip(vectors) {
                record.vector = vector;
            }
        }
        if !missing.is_empty() {
            to.apply(WriteBatch::upsert(missing)).await?;
        }
        progress(copied);
    }
    Ok(copied)
}

/// How many of these are told: what waits for consolidation has a record beside the entry's own.
fn counted(records: &[Record]) -> usize {
    records.iter().filter(|record| !queue::is_beside(&record.id)).count()
}

/// The records of a store, page by page.
struct Pages {
    /// In reverse order.
    tenants: Vec<String>,
    after: Option<Cursor>,
}

impl Pages {
    async fn of(store: &dyn VectorStore) -> Result<Self, StoreError> {
        let mut tenants = store.tenants().await?;
        tenants.reverse();
        Ok(Self { tenants, after: None })
    }

    /// The next page, with the tenant that it is of.
    async fn next(
        &mut self,
        store: &dyn VectorStore,
    ) -> Result<Option<(MemoryScope, Vec<Record>)>, StoreError> {
        while let Some(tenant) = self.tenants.last() {
            let scope = MemoryScope::of_tenant(tenant);
            let wanted = Selection::new(scope.clone(), PAGE).with_index();
            let page = store.list(&wanted, self.after.as_ref()).await?;
            self.after = page.last().map(Cursor::of);
            if !page.is_empty() {
                return Ok(Some((scope, page)));
            }
            self.tenants.pop();
        }
        Ok(None)
    }
}

/// Those of the records that are not in a store yet. `forget` takes away what does not count.
async fn missing(
    store: &dyn VectorStore,
    tenant: &MemoryScope,
    records: Vec<Record>,
    forget: impl Fn(&mut Record),
) -> Result<Vec<Record>, StoreError> {
    let bare = |record: &Record| {
        let mut record = record.clone().over(0);
        forget(&mut record);
        record
    };
    let ids: Vec<String> = records.iter().map(|record| record.id.clone()).collect();
    let there = store.get(tenant, &ids).await?;
    let there: HashMap<&str, &Record> = there.iter().map(|record| (record.id.as_str(), record)).collect();
    let is_there = |record: &Record| {
        let other = there.get(record.id.as_str());
        // A record that lost its vector on the way is written again.
        other.is_some_and(|it| it.vector.is_empty() == record.vector.is_empty() && bare(it) == bare(record))
    };
    Ok(records.into_iter().filter(|record| !is_there(record)).map(|record| record.over(0)).collect())
}

/// The text that a record's vector is of.
fn text(store: &dyn VectorStore, record: &Record) -> Result<String, StoreError> {
    if is_entry(record) {
        return Ok(said(&Kept::read(store.info(), record)?.entry));
    }
    episodic::text(store.info(), record)
}
