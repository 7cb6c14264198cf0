//! The tables, and how a file gets them.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::failure::Failure;
use crate::store::error::{JournalError, JournalErrorKind as Kind};

/// What tells our databases from others: `agtj`.
pub(super) const APPLICATION: i32 = 0x6167_746a;

/// The version of the tables that this code reads and writes.
pub(super) const VERSION: i32 = STEPS.len() as i32;

/// How the tables get from each version to the next; the first makes them. A step is never changed once it was released.
const STEPS: &[&str] = &["
-- Runs. How many entries one has is the place of its last.
CREATE TABLE runs (
    n            INTEGER PRIMARY KEY,       -- stands for the run in other tables
    id           BLOB    NOT NULL UNIQUE,
    epoch        INTEGER NOT NULL,
    status       TEXT    NOT NULL,
    reason       TEXT,
    created      INTEGER NOT NULL,          -- milliseconds since 1970, as all times are
    updated      INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    wake_at      INTEGER,
    owner        TEXT,
    leased_until INTEGER,
    forked_from  BLOB,
    queue        TEXT    NOT NULL,
    agent        TEXT    NOT NULL,
    spend        TEXT    NOT NULL,          -- JSON
    waits        TEXT    NOT NULL,          -- JSON
    error        TEXT,
    goal         TEXT    NOT NULL
) STRICT;
-- Due runs: three small indexes, each of them walked from where the oldest stands.
CREATE INDEX runs_pending ON runs (queue, updated, id) WHERE status = 'pending';
CREATE INDEX runs_waiting ON runs (queue, wake_at)     WHERE status = 'waiting' AND wake_at IS NOT NULL;
CREATE INDEX runs_running ON runs (queue, leased_until) WHERE status = 'running';
CREATE INDEX runs_created ON runs (created, id);
CREATE INDEX runs_owned   ON runs (owner) WHERE owner IS NOT NULL;

-- Payloads of more than 1 KiB, once for all runs; gone with the last entry that has it.
CREATE TABLE blobs (
    n       INTEGER PRIMARY KEY,
    hash    BLOB NOT NULL UNIQUE,           -- BLAKE3 of the content, 256 bits
    content TEXT NOT NULL
) STRICT;

CREATE TABLE entries (
    run     INTEGER NOT NULL REFERENCES runs (n),
    seq     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    format  INTEGER NOT NULL,
    header  TEXT    NOT NULL,               -- JSON
    payload TEXT,                           -- JSON, if it is short
    blob    INTEGER REFERENCES blobs (n),   -- if it is not
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX entries_blob ON entries (blob) WHERE blob IS NOT NULL;

CREATE TABLE posts (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    run     INTEGER NOT NULL REFERENCES runs (n),
    at      INTEGER NOT NULL,
    key     TEXT    NOT NULL,
    content TEXT,                           -- JSON; none once it is consumed
    UNIQUE (run, key)
) STRICT;
CREATE INDEX posts_unread ON posts (run) WHERE content IS NOT NULL;
"];

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing yet.
    Empty,
    /// A store of this version.
    Store(i32),
    /// Another program's database.
    Foreign,
}

/// The version of the tables, if it is a store.
pub(super) fn version(db: &Connection) -> rusqlite::Result<i32> {
    db.prepare_cached("PRAGMA user_version")?.query_row((), |row| row.get(0))
}

/// The error for tables of a version that is higher than [`VERSION`].
pub(super) fn newer(version: i32, path: &Path) -> JournalError {
    let path = path.display();
    let message = format!(
        "the journals in `{path}` have format {version}, this version reads up to {VERSION}; use a newer one"
    );
    JournalError::new(Kind::Format, message)
}

/// Looks what this database is, and changes nothing.
pub(super) fn look(db: &Connection) -> rusqlite::Result<Found> {
    // At one moment: another process may be making it.
    find(&*Transaction::new_unchecked(db, TransactionBehavior::Deferred)?)
}

fn find(db: &Connection) -> rusqlite::Result<Found> {
    let application: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version = version(db)?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    Ok(match (application, version, tables) {
        (0, 0, 0) => Found::Empty,
        (APPLICATION, 1.., 1..) => Found::Store(version),
        _ => Found::Foreign,
    })
}

/// Brings the tables to [`VERSION`], as a whole or not at all.
pub(super) fn migrate(db: &Connection) -> Result<(), Failure> {
    let transaction = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    // Again: another process may have been faster.
    let from = match find(&transaction)? {
        Found::Empty => 0,
        Found::Store(version) => version,
        Found::Foreign => return Ok(()),
    };
    for step in STEPS.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)) {
        transaction.execute_batch(step)?;
    }
    if from < VERSION {
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()?;
    Ok(())
}
