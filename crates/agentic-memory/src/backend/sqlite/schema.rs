//! The tables, and how a file gets them.

use agentic_core::{EmbedderInfo, StoreError, StoreErrorKind as Kind};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use super::failure::Failure;

/// What tells our databases from others: `agtm`.
const APPLICATION: i32 = 0x6167_746d;

/// The version of the tables that this code reads and writes.
const VERSION: i32 = STEPS.len() as i32;

/// How the tables get from each version to the next; the first makes them. A step is never changed once it was released.
const STEPS: &[&str] = &["
-- Which embedding model the vectors are of.
CREATE TABLE about (
    embedder   TEXT    NOT NULL,
    dimensions INTEGER NOT NULL
) STRICT;

-- What records are found by: read as a whole when the file is opened.
CREATE TABLE records (
    n       INTEGER PRIMARY KEY AUTOINCREMENT,  -- grows with every write; never used again
    tenant  TEXT    NOT NULL,
    agent   TEXT,
    session TEXT,
    id      TEXT    NOT NULL,                   -- unique in its tenant
    at      INTEGER NOT NULL,                   -- milliseconds since 1970
    fields  TEXT    NOT NULL,                   -- JSON
    words   BLOB    NOT NULL,                   -- their numbers, 7 bits a byte, the lowest first
    code    BLOB                                -- scale and error as floats, then a byte for each number
) STRICT;

-- The words of all records.
CREATE TABLE words (
    w    INTEGER PRIMARY KEY AUTOINCREMENT,     -- never used again
    word TEXT    NOT NULL
) STRICT;

-- What only comes along.
CREATE TABLE contents (
    n      INTEGER PRIMARY KEY REFERENCES records (n),
    vector BLOB NOT NULL,                       -- floats; empty for none
    body   TEXT NOT NULL                        -- JSON
) STRICT;

-- The last deletions, so that whoever has read the records need not read them all again.
CREATE TABLE deletions (
    k INTEGER PRIMARY KEY AUTOINCREMENT,
    n INTEGER NOT NULL
) STRICT;
"];

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// Nothing yet.
    Empty,
    /// A store of this version.
    Store(i32),
    /// Another program's database.
    Foreign,
}

fn find(db: &Connection) -> rusqlite::Result<Found> {
    let application: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    Ok(match (application, version, tables) {
        (0, 0, 0) => Found::Empty,
        (APPLICATION, 1.., 1..) => Found::Store(version),
        _ => Found::Foreign,
    })
}

/// Looks whether this file is one for this version and model, and changes nothing.
pub(super) fn check(db: &Connection, url: &str, embedder: Option<&EmbedderInfo>) -> Result<(), Failure> {
    // At one moment: another process may be making it.
    fits(&*Transaction::new_unchecked(db, TransactionBehavior::Deferred)?, url, embedder).map(drop)
}

fn fits(db: &Connection, url: &str, embedder: Option<&EmbedderInfo>) -> Result<Found, Failure> {
    let found = find(db)?;
    match found {
        Found::Empty if embedder.is_some() => Ok(found),
        Found::Empty => Err(absent(url).into()),
        Found::Foreign => {
            let message = "it is the database of another program; name another file";
            Err(StoreError::new(Kind::Corrupt, url, message).into())
        }
        Found::Store(version) if version > VERSION => Err(newer(version, url).into()),
        Found::Store(_) => about(db, url, embedder).map(|_| found),
    }
}

/// There is no store.
pub(super) fn absent(url: &str) -> StoreError {
    StoreError::new(Kind::NotFound, url, "there are no memories; name the embedding model to make some")
}

/// Brings the tables to [`VERSION`], as a whole or not at all, and gives the model that the vectors are of.
pub(super) fn migrate(
    db: &Connection,
    url: &str,
    embedder: Option<&EmbedderInfo>,
) -> Result<EmbedderInfo, Failure> {
    let transaction = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    // Again: another process may have been faster.
    let from = match fits(&transaction, url, embedder)? {
        Found::Store(version) => version,
        Found::Empty | Found::Foreign => 0,
    };
    for step in STEPS.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)) {
        transaction.execute_batch(step)?;
    }
    if let Some(embedder) = embedder.filter(|_| from == 0) {
        let about = "INSERT INTO about (embedder, dimensions) VALUES (?, ?)";
        transaction.execute(about, (&*embedder.id, embedder.dimensions as i64))?;
    }
    if from < VERSION {
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    let embedder = about(&transaction, url, embedder)?;
    transaction.commit()?;
    Ok(embedder)
}

/// The model that the vectors are of, unless another is expected.
fn about(db: &Connection, url: &str, expected: Option<&EmbedderInfo>) -> Result<EmbedderInfo, Failure> {
    let refused = |kind, message: String| Err(StoreError::new(kind, url, message).into());
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
    let about = db.query_row("SELECT embedder, dimensions FROM about", (), row).optional()?;
    let Some((id, Ok(dimensions))) = about.map(|(id, dimensions)| (id, usize::try_from(dimensions))) else {
        return refused(
            Kind::Corrupt,
            "it does not say which vectors it has; bring it back from a backup".into(),
        );
    };
    let found = EmbedderInfo::new(id, dimensions);
    match expected {
        Some(EmbedderInfo { id, .. }) if *id != found.id => refused(
            Kind::OtherEmbedder,
            format!(
                "its vectors are of `{}`, not of `{id}`; open it with that model, or embed all again",
                found.id
            ),
        ),
        Some(EmbedderInfo { dimensions, .. }) if *dimensions != found.dimensions => refused(
            Kind::WrongDimension,
            format!(
                "its vectors of `{}` have {} numbers, not {dimensions}; open it with that model, or embed all again",
                found.id, found.dimensions
            ),
        ),
        _ => Ok(found),
    }
}

/// Refuses tables of a higher version.
pub(super) fn check_version(db: &Connection, url: &str) -> Result<(), Failure> {
    let version: i32 = db.prepare_cached("PRAGMA user_version")?.query_row((), |row| row.get(0))?;
    if version > VERSION { Err(newer(version, url).into()) } else { Ok(()) }
}

fn newer(version: i32, url: &str) -> StoreError {
    let message = format!("it has format {version}, this version reads up to {VERSION}; use a newer one");
    StoreError::new(Kind::Newer, url, message)
}
