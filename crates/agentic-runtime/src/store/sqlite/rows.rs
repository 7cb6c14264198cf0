//! Rows, and what they stand for.

use agentic_core::{Json, RunId, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer as _};
use uuid::Uuid;

use super::failure::Failure;
use crate::journal::{ENTRY_FORMAT, Entry, EntryKind, Seq};
use crate::store::error::{JournalError, JournalErrorKind as Kind};
use crate::store::record::{Kept, in_order, not_found};
use crate::store::types::RunRecord;

/// Longer payloads are kept once for all runs.
const INLINE: usize = 1024;

/// The columns that [`kept`] reads. The number of entries is the place of the last one.
pub(super) const COLUMNS: &str = "n, id, epoch, status, reason, created, updated, attempts, wake_at, owner, \
     leased_until, forked_from, queue, agent, spend, waits, error, goal, \
     (SELECT max(seq) FROM entries WHERE run = n)";

/// Entries as they are written, made in the thread of whoever appends them.
#[derive(Debug)]
pub(super) struct Encoded {
    /// The place of the first.
    pub(super) first: Seq,
    /// One for each entry.
    pub(super) rows: Vec<EntryRow>,
    /// The last entry, if it is the run's end.
    pub(super) end: Option<Entry>,
}

#[derive(Debug)]
pub(super) struct EntryRow {
    seq: Seq,
    at: Timestamp,
    header: String,
    payload: Option<Payload>,
}

#[derive(Debug)]
enum Payload {
    Inline(Json),
    Blob([u8; 32], Json),
}

impl Encoded {
    /// Entries of this run that begin at this place.
    pub(super) fn of(run: RunId, entries: &[Entry], first: Seq) -> Result<Self, JournalError> {
        in_order(run, entries, first)?;
        let rows = entries.iter().map(|entry| EntryRow::of(run, entry)).collect::<Result<_, _>>()?;
        let end = entries.last().filter(|last| last.kind.is_end()).cloned();
        Ok(Self { first, rows, end })
    }

    /// About how many bytes are written for them.
    pub(super) fn weight(&self) -> usize {
        self.rows.iter().map(EntryRow::weight).sum()
    }
}

impl EntryRow {
    fn of(run: RunId, entry: &Entry) -> Result<Self, JournalError> {
        let header = entry.kind.header().map_err(|error| {
            let message = format!("entry {} of run {run} has no JSON form", entry.seq);
            JournalError::new(Kind::Invalid, message).with_source(error)
        })?;
        let payload = entry.kind.payload().map(|payload| {
            let text = payload.as_str();
            if text.len() > INLINE {
                Payload::Blob(*blake3::hash(text.as_bytes()).as_bytes(), payload.clone())
            } else {
                Payload::Inline(payload.clone())
            }
        });
        Ok(Self { seq: entry.seq, at: entry.at, header, payload })
    }

    fn weight(&self) -> usize {
        let Some(Payload::Inline(json) | Payload::Blob(_, json)) = &self.payload else {
            return self.header.len();
        };
        self.header.len() + json.as_str().len()
    }

    /// Writes it, and its payload if no entry has it yet.
    pub(super) fn insert(&self, db: &Connection, n: i64) -> rusqlite::Result<()> {
        let (inline, blob) = match &self.payload {
            None => (None, None),
            Some(Payload::Inline(json)) => (Some(json.as_str()), None),
            Some(Payload::Blob(hash, json)) => (None, Some(blob(db, hash, json.as_str())?)),
        };
        db.prepare_cached(
            "INSERT INTO entries (run, seq, at, format, header, payload, blob) VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            n,
            int(self.seq.0),
            time(self.at),
            ENTRY_FORMAT,
            self.header,
            inline,
            blob
        ])?;
        Ok(())
    }
}

fn blob(db: &Connection, hash: &[u8; 32], content: &str) -> rusqlite::Result<i64> {
    let mut known = db.prepare_cached("SELECT n FROM blobs WHERE hash = ?")?;
    match known.query_row([&hash[..]], |row| row.get(0)).optional()? {
        Some(n) => Ok(n),
        None => {
            db.prepare_cached("INSERT INTO blobs (hash, content) VALUES (?, ?)")?
                .execute(params![&hash[..], content])?;
            Ok(db.last_insert_rowid())
        }
    }
}

/// The run with this id, and the number that stands for it.
pub(super) fn find(db: &Connection, run: RunId) -> Result<(i64, Kept), Failure> {
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM runs WHERE id = ?"))?;
    let found = statement.query_row([id(&run)], kept).optional()?;
    found.ok_or_else(|| not_found(run).into())
}

/// A row of [`COLUMNS`].
pub(super) fn kept(row: &Row<'_>) -> rusqlite::Result<(i64, Kept)> {
    let record = RunRecord {
        id: RunId(uuid(row, 1)?),
        status: word(row, 3)?,
        reason: optional(row, 4, word)?,
        created: at(row, 5)?,
        updated: at(row, 6)?,
        attempts: row.get(7)?,
        wake_at: optional(row, 8, at)?,
        owner: row.get(9)?,
        leased_until: optional(row, 10, at)?,
        forked_from: optional(row, 11, uuid)?.map(RunId),
        queue: row.get(12)?,
        agent: row.get(13)?,
        spend: json(row, 14)?,
        waits: json(row, 15)?,
        error: row.get(16)?,
        goal: row.get(17)?,
        entries: optional(row, 18, number)?.unwrap_or_default(),
    };
    Ok((row.get(0)?, Kept { record, epoch: number(row, 2)? }))
}

/// What of a run changes.
pub(super) fn save(db: &Connection, n: i64, kept: &Kept) -> rusqlite::Result<()> {
    let Kept { record, epoch } = kept;
    db.prepare_cached(
        "UPDATE runs SET epoch = ?, status = ?, reason = ?, updated = ?, attempts = ?, wake_at = ?, owner = ?, \
         leased_until = ?, spend = ?, waits = ?, error = ? WHERE n = ?",
    )?
    .execute(params![
        int(*epoch),
        record.status.to_string(),
        record.reason.map(|reason| reason.to_string()),
        time(record.updated),
        record.attempts,
        record.wake_at.map(time),
        record.owner,
        record.leased_until.map(time),
        text(&record.spend)?,
        text(&record.waits)?,
        record.error,
        n,
    ])?;
    Ok(())
}

/// Writes the row of a run that is new, and gives its number.
pub(super) fn insert(db: &Connection, kept: &Kept) -> rusqlite::Result<i64> {
    let Kept { record, epoch } = kept;
    db.prepare_cached(
        "INSERT INTO runs (id, epoch, status, reason, created, updated, attempts, wake_at, forked_from, queue, \
         agent, spend, waits, error, goal) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        id(&record.id),
        int(*epoch),
        record.status.to_string(),
        record.reason.map(|reason| reason.to_string()),
        time(record.created),
        time(record.updated),
        record.attempts,
        record.wake_at.map(time),
        record.forked_from.as_ref().map(id),
        record.queue,
        record.agent,
        text(&record.spend)?,
        text(&record.waits)?,
        record.error,
        record.goal,
    ])?;
    Ok(db.last_insert_rowid())
}

/// The entry of a row of `seq, at, format, header, payload, blob, content, hash`.
pub(super) fn entry(run: RunId, row: &Row<'_>) -> Result<Entry, Failure> {
    let seq = Seq(number(row, 0)?);
    let format: i64 = row.get(2)?;
    if format > i64::from(ENTRY_FORMAT) {
        let message = format!(
            "entry {seq} of run {run} has format {format}, this version reads up to {ENTRY_FORMAT}; use a newer one"
        );
        return Err(JournalError::new(Kind::Format, message).into());
    }
    let corrupt = |what: &str| {
        let message =
            format!("{what} of entry {seq} of run {run} can't be read; bring the store back from a backup");
        JournalError::new(Kind::Corrupt, message)
    };
    let payload = match row.get::<_, Option<i64>>(5)? {
        None => row.get(4)?,
        Some(_) => {
            let (content, hash): (Option<String>, Option<Vec<u8>>) = (row.get(6)?, row.get(7)?);
            let fits =
                |text: &String| hash.is_some_and(|hash| *blake3::hash(text.as_bytes()).as_bytes() == *hash);
            Some(content.filter(fits).ok_or_else(|| corrupt("the payload"))?)
        }
    };
    let payload = payload.map(Json::parse).transpose();
    let payload = payload.map_err(|error| corrupt("the payload").with_source(error))?;
    let kind = EntryKind::of(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?, payload);
    let kind = kind.map_err(|error| corrupt("the header").with_source(error))?;
    Ok(Entry { seq, at: at(row, 1)?, kind })
}

// ------------------------------------------------------------------------------------------------ values

/// SQLite has no larger numbers; nobody counts so far, and times beyond it are the end of time.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn time(at: Timestamp) -> i64 {
    int(at.as_millis())
}

pub(super) fn id(run: &RunId) -> &[u8] {
    run.0.as_bytes()
}

pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

pub(super) fn at(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    number(row, column).map(Timestamp::from_millis)
}

pub(super) fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    row.get(column).map(Uuid::from_bytes)
}

/// A value of an enum that is written as one word.
fn word<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    let read: StrDeserializer<'_, serde::de::value::Error> = text.as_str().into_deserializer();
    T::deserialize(read).map_err(|error| bad(column, error))
}

fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| bad(column, error))
}

fn text<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn optional<T>(
    row: &Row<'_>,
    column: usize,
    read: impl FnOnce(&Row<'_>, usize) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    match row.get_ref(column)?.data_type() {
        Type::Null => Ok(None),
        _ => read(row, column).map(Some),
    }
}

fn bad(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}
