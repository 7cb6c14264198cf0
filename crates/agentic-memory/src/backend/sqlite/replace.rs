//! A file gets vectors of another embedding model.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentic_core::{
    Embedder, Filter, MemoryError, MemoryScope, RunContext, StoreError, StoreErrorKind as Kind, VectorStore,
};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use super::failure::Failure;
use super::{SqliteStore, open, rows};
use crate::backend::files::{blocking, of_io};
use crate::copying::{Copied, reembed};

/// Makes the vectors of a file anew, with this embedding model. The new ones are written into a file beside it, with
/// `.reembed` after its name, which then takes its place: whatever happens before, the file is as it was, and what was
/// embedded is not embedded again the next time. `progress` is told after every 500 records.
///
/// No other process may have the file open at the end, or write to it meanwhile.
///
/// # Errors
/// [`Unreachable`](Kind::Unreachable) if another process has it open, [`Conflict`](Kind::Conflict) if one has written to it
/// meanwhile: do it again. The store's and the model's.
///
/// # Cancel safety
/// Dropping the future is safe: the file is then as it was, or has all new vectors.
///
/// # Panics
/// Outside of a tokio runtime.
pub async fn reembed_file(
    path: &Path,
    embedder: &Arc<dyn Embedder>,
    cx: &RunContext,
    mut progress: impl FnMut(Copied) + Send,
) -> Result<Copied, MemoryError> {
    let from = SqliteStore::open(path, None).await?;
    // Not a link to the file: that would be replaced.
    let path =
        fs::canonicalize(&from.inner.path).map_err(|error| of_io("find it", &from.info().url, &error))?;
    let url = from.info().url.clone();
    let before = from.read(|_, db| rows::last(db)).await?;
    let beside = beside(&path);
    let mut to = match SqliteStore::open(&beside, Some(embedder.info())).await {
        // Somebody began with another model.
        Err(error) if matches!(error.kind, Kind::OtherEmbedder | Kind::WrongDimension) => {
            anew(&url, &beside, embedder).await?
        }
        opened => opened?,
    };
    let mut copied = reembed(&from, &to, embedder, cx, &mut progress).await?;
    // An earlier try may have copied what was deleted since.
    if all(&from).await? != all(&to).await? {
        drop(to);
        to = anew(&url, &beside, embedder).await?;
        copied = reembed(&from, &to, embedder, &cx.scope("again"), &mut progress).await?;
    }
    drop((from, to));
    blocking(&url, move |url| replace(&path, &beside, before, url)).await?;
    Ok(copied)
}

fn beside(path: &Path) -> PathBuf {
    with(path, ".reembed")
}

fn with(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

/// An empty store at this path.
async fn anew(url: &str, path: &Path, embedder: &Arc<dyn Embedder>) -> Result<SqliteStore, StoreError> {
    let old = path.to_owned();
    blocking(url, move |url| {
        for file in [with(&old, "-wal"), with(&old, "-shm"), old] {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(of_io("begin again", url, &error));
                }
                _ => {}
            }
        }
        Ok(())
    })
    .await?;
    SqliteStore::open(path, Some(embedder.info())).await
}

/// How many records there are.
async fn all(store: &SqliteStore) -> Result<usize, StoreError> {
    let mut all = 0;
    for tenant in store.tenants().await? {
        all += store.count(&MemoryScope::of_tenant(tenant), &Filter::any()).await?;
    }
    Ok(all)
}

/// Puts the new file in the place of the old one, which nobody else has open and nobody has changed since.
fn replace(path: &Path, new: &Path, before: rows::Last, url: &str) -> Result<(), StoreError> {
    let held = |failure: Failure| match failure {
        Failure::Engine(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
            let message = "somebody has it open; end that, then do this again: what is embedded is kept";
            StoreError::new(Kind::Unreachable, url, message)
        }
        failure => failure.told("replace", url),
    };
    let replace = || -> Result<(), Failure> {
        // All that was written has to be in the new file itself, also where closing it could not bring it there.
        without_log(&open::connect(new)?)?;
        let db = open::connect(path)?;
        // The new file must not be taken for what the old one's log belongs to.
        without_log(&db)?;
        let alone = Transaction::new_unchecked(&db, TransactionBehavior::Exclusive)?;
        if rows::last(&alone)? != before {
            let message = "it was written to meanwhile; do this again";
            return Err(StoreError::new(Kind::Conflict, url, message).into());
        }
        fs::rename(new, path).map_err(|error| of_io("replace", url, &error))?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        // The name is on the disk, too. Not every system can do that with a folder.
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        drop(alone);
        Ok(())
    };
    replace().map_err(held)
}

/// Brings the log into the file and keeps none any more, nor anybody else out of it.
fn without_log(db: &Connection) -> Result<(), Failure> {
    db.pragma_update(None, "locking_mode", "exclusive")?;
    let mode = db.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get::<_, String>(0))?;
    if mode == "delete" {
        return Ok(());
    }
    let message = "its log can't be brought into the file; make room on the disk, then do this again";
    Err(Failure::Told(Kind::Unwritable, message.into()))
}
