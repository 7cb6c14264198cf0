//! From a path to a connection.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::failure::{Failure, of_io, of_sql};
use super::schema::{self, Found};
use super::{Durability, SqliteOptions};
use crate::store::error::{JournalError, JournalErrorKind as Kind};

/// How long one attempt waits for another process's lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a file is asked to keep a write-ahead log, and how long between two times: SQLite does not wait by itself
/// while another process does the same.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(20);

const OPEN: &str = "open the journals in";

/// The connection that writes. Makes the file and its tables if they are missing.
pub(super) fn writer(path: &Path, options: &SqliteOptions) -> Result<Connection, JournalError> {
    make_file(path)?;
    let failed = |error| of_sql(OPEN, path, error);
    let db = connect(path).map_err(failed)?;
    rig(&db, options).map_err(failed)?;
    // Before anything is read: files that SQLite makes beside it would be as little writable, and stay so.
    if db.is_readonly("main").map_err(failed)? {
        let message =
            format!("can't write the journals in `{}`: change the permissions of the file", path.display());
        return Err(JournalError::new(Kind::Unwritable, message));
    }
    let before = check(&db, path)?;
    if before == Found::Empty {
        // A row of an entry with a payload of 1 KiB fits into a page.
        db.pragma_update(None, "page_size", 8192).map_err(failed)?;
    }
    write_ahead(&db, path)?;
    schema::migrate(&db).map_err(|failure| failure.told(OPEN, path))?;
    // Another process may have made something else of an empty file meanwhile.
    check(&db, path)?;
    tune(&db, options).map_err(failed)?;
    Ok(db)
}

/// A connection that reads.
pub(super) fn reader(path: &Path) -> Result<Connection, Failure> {
    let db = connect(path)?;
    db.pragma_update(None, "query_only", true)?;
    Ok(db)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    db.busy_timeout(PATIENCE)?;
    db.set_prepared_statement_cache_capacity(64);
    // What a stranger wrote into the file's schema does nothing.
    db.pragma_update(None, "trusted_schema", false)?;
    Ok(db)
}

fn tune(db: &Connection, options: &SqliteOptions) -> rusqlite::Result<()> {
    let synchronous = match options.durability {
        Durability::Full => "FULL",
        Durability::Relaxed => "NORMAL",
    };
    db.pragma_update(None, "synchronous", synchronous)?;
    // On macOS only this reaches the disk itself; elsewhere it changes nothing.
    db.pragma_update(None, "fullfsync", options.durability == Durability::Full)?;
    db.pragma_update(None, "foreign_keys", true)?;
    // 8 MiB of pages in memory. The log is brought into the file every 2 MiB, and shrinks again after a large
    // transaction: a longer one would make the writing of many runs faster, and what stands on the disk larger.
    db.pragma_update(None, "cache_size", -8192)?;
    db.pragma_update_and_check(None, "wal_autocheckpoint", 256, |_| Ok(()))?;
    db.pragma_update_and_check(None, "journal_size_limit", 2 << 20, |_| Ok(()))
}

/// Tests let the disk be full, and do not wait long.
fn rig(_db: &Connection, _options: &SqliteOptions) -> rusqlite::Result<()> {
    #[cfg(test)]
    if let Some(pages) = _options.pages {
        _db.busy_timeout(Duration::from_millis(20))?;
        _db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(())
}

/// What the file is, unless it is nothing for this version.
fn check(db: &Connection, path: &Path) -> Result<Found, JournalError> {
    let found = schema::look(db).map_err(|error| of_sql(OPEN, path, error))?;
    match found {
        Found::Foreign => {
            let message =
                format!("`{}` is the database of another program; name another file", path.display());
            Err(JournalError::new(Kind::Corrupt, message))
        }
        Found::Store(version) if version > schema::VERSION => Err(schema::newer(version, path)),
        found => Ok(found),
    }
}

/// Keeps a write-ahead log from now on: who reads and who writes don't wait for each other.
fn write_ahead(db: &Connection, path: &Path) -> Result<(), JournalError> {
    let mut tried = 0;
    loop {
        match db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(_) => {
                let message = format!(
                    "can't keep journals in `{}`: its file system has no shared memory; name a local disk",
                    path.display()
                );
                return Err(JournalError::new(Kind::Invalid, message));
            }
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && tried < TRIES => {
                tried += 1;
                thread::sleep(PAUSE);
            }
            Err(error) => return Err(of_sql(OPEN, path, error)),
        }
    }
}

/// One file is made at a time: POSIX drops all locks that a process has on a file when it closes it anywhere, hence the
/// one who makes it has to be done before another thread opens it with SQLite.
static MAKING: Mutex<()> = Mutex::new(());

/// Makes the file, and its folder, for the user alone. A file that is there is not opened.
fn make_file(path: &Path) -> Result<(), JournalError> {
    let _alone = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_folder(parent).map_err(|error| of_io("make the folder", parent, error))?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !path.is_dir() => Ok(()),
        Err(error) => Err(of_io("make the file", path, error)),
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let before = folder.ancestors().find(|above| above.is_dir());
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    // SQLite makes its files durable, but not the folders above them. Systems that can't do it do it by themselves.
    for above in folder.ancestors().skip(1) {
        let _ = File::open(above).and_then(|above| above.sync_all());
        if Some(above) == before {
            break;
        }
    }
    Ok(())
}
