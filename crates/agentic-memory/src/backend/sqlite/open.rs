//! From a path to a store.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use agentic_core::{EmbedderInfo, StoreCapabilities, StoreError, StoreErrorKind as Kind, StoreInfo};
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::failure::Failure;
use super::follow::Following;
use super::{Inner, schema};
use crate::backend::files::of_io;

/// How long one attempt waits for another process's lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a file is asked to keep a write-ahead log, and how long between two times: SQLite does not wait by itself
/// while another process does the same.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(20);

pub(super) fn open(url: &str, path: &Path, embedder: Option<&EmbedderInfo>) -> Result<Inner, StoreError> {
    if path.as_os_str().is_empty() || path == Path::new(":memory:") {
        let message = "memories in SQLite need the path of a file; for a store in memory use `memory:`";
        return Err(StoreError::new(Kind::Invalid, url, message));
    }
    // The program may change its folder later.
    let path = std::path::absolute(path).map_err(|error| of_io("find it", url, &error))?;
    match embedder {
        Some(_) => make_file(&path).map_err(|error| of_io("make it", url, &error))?,
        None if path.exists() => {}
        None => return Err(schema::absent(url)),
    }
    let made = writer(&path, url, embedder).and_then(|(db, embedder)| {
        let mut index = Following::new(embedder.dimensions);
        let snapshot = Transaction::new_unchecked(&db, TransactionBehavior::Deferred)?;
        index.catch_up(&snapshot)?;
        drop(snapshot);
        Ok((db, embedder, index))
    });
    let (db, embedder, index) = made.map_err(|failure| failure.told("open", url))?;
    let mut capabilities = StoreCapabilities::default();
    (capabilities.durable, capabilities.atomic) = (true, true);
    (capabilities.exact, capabilities.shared) = (true, true);
    let info = StoreInfo::new(url, embedder.id, embedder.dimensions, capabilities);
    let (readers, writer, index) = (Mutex::default(), Mutex::new(db), RwLock::new(index));
    Ok(Inner { info, path: path.into(), readers, writer, index })
}

/// The connection that writes, and the model that the vectors are of. Makes the tables if they are missing.
fn writer(
    path: &Path,
    url: &str,
    embedder: Option<&EmbedderInfo>,
) -> Result<(Connection, EmbedderInfo), Failure> {
    let db = connect(path)?;
    // Before anything is read: files that SQLite makes beside it would be as little writable, and stay so.
    if db.is_readonly("main")? {
        let message = "it may not be written; change the permissions of the file";
        return Err(StoreError::new(Kind::Unwritable, url, message).into());
    }
    schema::check(&db, url, embedder)?;
    // Counts for a file that is made now: several records fit into a page.
    db.pragma_update(None, "page_size", 8192)?;
    write_ahead(&db, url)?;
    // What is told to be written is on the disk. On macOS only `fullfsync` reaches it; elsewhere it changes nothing.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "fullfsync", true)?;
    // What is deleted is overwritten.
    db.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    // The log is brought into the file every 16 MiB, and is no longer than that afterwards.
    db.pragma_update_and_check(None, "wal_autocheckpoint", 2048, |_| Ok(()))?;
    db.pragma_update_and_check(None, "journal_size_limit", 16 << 20, |_| Ok(()))?;
    let embedder = schema::migrate(&db, url, embedder)?;
    Ok((db, embedder))
}

/// A connection that reads.
pub(super) fn reader(path: &Path) -> Result<Connection, Failure> {
    let db = connect(path)?;
    db.pragma_update(None, "query_only", true)?;
    Ok(db)
}

pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(PATIENCE)?;
    db.set_prepared_statement_cache_capacity(32);
    // What a stranger wrote into the file's schema does nothing.
    db.pragma_update(None, "trusted_schema", false)?;
    Ok(db)
}

/// Keeps a write-ahead log from now on: who reads and who writes don't wait for each other.
fn write_ahead(db: &Connection, url: &str) -> Result<(), Failure> {
    let mut tried = 0;
    loop {
        match db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(_) => {
                let message = "its file system has no shared memory; name a file on a local disk";
                return Err(StoreError::new(Kind::Invalid, url, message).into());
            }
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && tried < TRIES => {
                tried += 1;
                thread::sleep(PAUSE);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// One file is made at a time: POSIX drops all locks that a process has on a file when it closes it anywhere, hence the
/// one who makes it has to be done before another thread opens it with SQLite.
static MAKING: Mutex<()> = Mutex::new(());

/// Makes the file, and its folder, for the user alone. A file that is there is not opened.
fn make_file(path: &Path) -> io::Result<()> {
    let _alone = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(folder) = path.parent().filter(|folder| !folder.is_dir()) {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !path.is_dir() => Ok(()),
        made => made.map(drop),
    }
}
