//! Rows, and what they stand for.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use agentic_core::{Json, MemoryScope, Record, StoreErrorKind as Kind, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::failure::Failure;
use crate::index::{Code, CodeRef, Content, Fields, Indexed};

/// So many deletions are listed; who has missed more reads all records again.
const LISTED: u64 = 100_000;

/// What a file has come to.
pub(super) type Last = (u64, Option<(u64, u64)>);

/// The number of the last record, and of the first and the last deletion that are listed.
pub(super) fn last(db: &Connection) -> Result<Last, Failure> {
    let mut last = db.prepare_cached(
        "SELECT (SELECT max(n) FROM records), (SELECT min(k) FROM deletions), (SELECT max(k) FROM deletions)",
    )?;
    let number =
        |row: &Row<'_>, at| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(at)?.map(i64::cast_unsigned));
    Ok(last.query_row((), |row| {
        Ok((number(row, 0)?.unwrap_or_default(), number(row, 1)?.zip(number(row, 2)?)))
    })?)
}

/// The numbers of the records that were deleted after this deletion.
pub(super) fn deleted_after(db: &Connection, deletion: u64) -> Result<Vec<u64>, Failure> {
    let mut deleted = db.prepare_cached("SELECT n FROM deletions WHERE k > ? ORDER BY k")?;
    let deleted = deleted.query_map([deletion.cast_signed()], |row| row.get::<_, i64>(0))?;
    Ok(deleted.map(|n| n.map(i64::cast_unsigned)).collect::<Result<_, _>>()?)
}

/// Records as they are in their rows, with all that the index wants of them. Their bytes lie one after the other: there may
/// be a million of them, and each would otherwise have four pieces of memory for a moment.
#[derive(Debug, Default)]
pub(super) struct Batch {
    rows: Vec<Place>,
    bytes: Vec<u8>,
}

/// A record of a batch, and where its bytes are.
#[derive(Debug)]
struct Place {
    key: u64,
    scope: Arc<MemoryScope>,
    at: Timestamp,
    id: Range<usize>,
    fields: Range<usize>,
    words: Range<usize>,
    /// Empty for none.
    code: Range<usize>,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    fn push(&mut self, key: u64, scope: &Arc<MemoryScope>, row: &Row<'_>) -> Result<(), Failure> {
        let mut keep = |bytes: &[u8]| {
            let from = self.bytes.len();
            self.bytes.extend_from_slice(bytes);
            from..self.bytes.len()
        };
        let id = keep(text(row, 4)?.as_bytes());
        let at = Timestamp::from_millis(row.get::<_, i64>(5)?.cast_unsigned());
        let (fields, words) = (keep(text(row, 6)?.as_bytes()), keep(blob(row, 7)?));
        let code = keep(optional_blob(row, 8)?.unwrap_or_default());
        self.rows.push(Place { key, scope: scope.clone(), at, id, fields, words, code });
        Ok(())
    }

    /// For the index, with vectors of so many numbers.
    pub(super) fn records(&self, dimensions: usize) -> impl Iterator<Item = Result<Indexed<'_>, Failure>> {
        self.rows.iter().map(move |row| self.record(row, dimensions).ok_or_else(|| damaged(row.key)))
    }

    fn record(&self, row: &Place, dimensions: usize) -> Option<Indexed<'_>> {
        let Place { key, scope, at, .. } = row;
        let [id, fields, words, code] =
            [&row.id, &row.fields, &row.words, &row.code].map(|range| &self.bytes[range.clone()]);
        let code = if code.is_empty() { None } else { Some(decode_code(code, dimensions)?) };
        Some(Indexed {
            key: *key,
            id: str::from_utf8(id).ok()?,
            scope: scope.clone(),
            at: *at,
            fields: Fields::read(str::from_utf8(fields).ok()?),
            code,
            words: decode_words(words)?,
        })
    }
}

/// The records after this one, in order, so many at a time, until `take` wants no more.
pub(super) fn each_after(
    db: &Connection,
    record: u64,
    most: usize,
    mut take: impl FnMut(Batch) -> Result<ControlFlow<()>, Failure>,
) -> Result<(), Failure> {
    let mut records = db.prepare_cached(
        "SELECT n, tenant, agent, session, id, at, fields, words, code FROM records WHERE n > ? ORDER BY n",
    )?;
    let mut rows = records.query([record.cast_signed()])?;
    // Most records have the scope of the one before.
    let mut scope = Arc::new(MemoryScope::of_tenant(""));
    let mut batch = Batch::default();
    while let Some(row) = rows.next()? {
        let key = row.get::<_, i64>(0)?.cast_unsigned();
        let (agent, session) = (optional(row, 2)?, optional(row, 3)?);
        let tenant = text(row, 1)?;
        if (tenant, agent, session) != (&*scope.tenant, scope.agent.as_deref(), scope.session.as_deref()) {
            let [agent, session] = [agent, session].map(|name| name.map(str::to_owned));
            scope = Arc::new(MemoryScope { tenant: tenant.to_owned(), agent, session });
        }
        batch.push(key, &scope, row)?;
        if batch.len() == most && take(std::mem::take(&mut batch))?.is_break() {
            return Ok(());
        }
    }
    take(batch).map(drop)
}

/// What is kept of a record beside the index.
pub(super) fn content(db: &Connection, key: u64, with_vector: bool) -> Result<Content, Failure> {
    let mut content = db.prepare_cached("SELECT body, iif(?2, vector, x'') FROM contents WHERE n = ?1")?;
    let read = |row: &Row<'_>| {
        let mut vector = Vec::new();
        decode_floats(blob(row, 1)?, &mut vector);
        Ok((row.get::<_, String>(0)?, vector))
    };
    let found = content.query_row(params![key.cast_signed(), with_vector], read).optional()?;
    let (body, vector) = found.ok_or_else(|| damaged(key))?;
    Ok(Content { vector, body: Json::parse(body).map_err(|_| damaged(key))? })
}

/// Reads a vector in full.
pub(super) fn read_vector(db: &Connection, key: u64, vector: &mut Vec<f32>) -> Result<(), Failure> {
    let mut read = db.prepare_cached("SELECT vector FROM contents WHERE n = ?")?;
    vector.clear();
    let found = read.query_row([key.cast_signed()], |row| {
        decode_floats(blob(row, 0)?, vector);
        Ok(())
    });
    found.optional()?.ok_or_else(|| damaged(key))
}

pub(super) fn insert(db: &Connection, record: &Record) -> Result<(), Failure> {
    let Record { id, scope, at, vector, words, fields, body, .. } = record;
    let MemoryScope { tenant, agent, session } = scope;
    let (at, fields, words) = (at.as_millis().cast_signed(), Fields::of(fields), encode_words(words));
    let code = Code::of(vector).map(|code| encode_code(&code));
    db.prepare_cached(
        "INSERT INTO records (tenant, agent, session, id, at, fields, words, code) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![tenant, agent, session, id, at, fields.as_str(), words, code])?;
    let vector: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    db.prepare_cached("INSERT INTO contents (n, vector, body) VALUES (?, ?, ?)")?.execute(params![
        db.last_insert_rowid(),
        vector,
        body.as_str()
    ])?;
    Ok(())
}

pub(super) fn delete(db: &Connection, keys: impl IntoIterator<Item = u64>) -> Result<(), Failure> {
    let mut content = db.prepare_cached("DELETE FROM contents WHERE n = ?")?;
    let mut record = db.prepare_cached("DELETE FROM records WHERE n = ?")?;
    let mut listed = db.prepare_cached("INSERT INTO deletions (n) VALUES (?)")?;
    for key in keys {
        let n = [key.cast_signed()];
        content.execute(n)?;
        record.execute(n)?;
        listed.execute(n)?;
    }
    let mut old = db.prepare_cached("DELETE FROM deletions WHERE k <= (SELECT max(k) FROM deletions) - ?")?;
    old.execute([LISTED.cast_signed()])?;
    Ok(())
}

// ------------------------------------------------------------------------------------------------- values

fn text<'a>(row: &'a Row<'_>, at: usize) -> rusqlite::Result<&'a str> {
    Ok(row.get_ref(at)?.as_str()?)
}

fn optional<'a>(row: &'a Row<'_>, at: usize) -> rusqlite::Result<Option<&'a str>> {
    Ok(row.get_ref(at)?.as_str_or_null()?)
}

fn blob<'a>(row: &'a Row<'_>, at: usize) -> rusqlite::Result<&'a [u8]> {
    Ok(row.get_ref(at)?.as_blob()?)
}

fn optional_blob<'a>(row: &'a Row<'_>, at: usize) -> rusqlite::Result<Option<&'a [u8]>> {
    Ok(row.get_ref(at)?.as_blob_or_null()?)
}

fn damaged(key: u64) -> Failure {
    Failure::Told(Kind::Corrupt, format!("record {key} is damaged; bring it back from a backup"))
}

fn encode_words(words: &[String]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(words.iter().map(|word| word.len() + 2).sum());
    for word in words {
        let mut length = word.len();
        while length >= 0x80 {
            bytes.push(length as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend_from_slice(word.as_bytes());
    }
    bytes
}

fn decode_words(mut bytes: &[u8]) -> Option<Vec<&str>> {
    let mut words = Vec::new();
    while !bytes.is_empty() {
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let (byte, rest) = bytes.split_first()?;
            bytes = rest;
            length |= usize::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (word, rest) = bytes.split_at_checked(length)?;
        words.push(std::str::from_utf8(word).ok()?);
        bytes = rest;
    }
    Some(words)
}

fn encode_code(code: &Code) -> Vec<u8> {
    [&code.scale.to_le_bytes(), &code.error.to_le_bytes(), &*code.bytes].concat()
}

fn decode_code(blob: &[u8], dimensions: usize) -> Option<CodeRef<'_>> {
    let (scale, blob) = blob.split_first_chunk()?;
    let (error, bytes) = blob.split_first_chunk()?;
    let code = CodeRef { scale: f32::from_le_bytes(*scale), error: f32::from_le_bytes(*error), bytes };
    (code.bytes.len() == dimensions && code.scale > 0.0).then_some(code)
}

fn decode_floats(blob: &[u8], floats: &mut Vec<f32>) {
    floats.extend(blob.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_were_written() {
        let words =
            ["", "a", "größe\n", &"x".repeat(127), &"y".repeat(128), &"z".repeat(70_000)].map(String::from);
        let bytes = encode_words(&words);
        assert_eq!(decode_words(&bytes).unwrap(), words);
        assert_eq!(decode_words(&[]).unwrap(), [""; 0]);
        for damaged in [&[3, b'a'][..], &[0x80], &[0xff; 12], &[1, 0xff]] {
            assert_eq!(decode_words(damaged), None);
        }
    }

    #[test]
    fn codes_are_read_as_they_were_written() {
        let code = Code::of(&[0.5, -1.0, 0.25]).unwrap();
        let kept = encode_code(&code);
        let read = decode_code(&kept, 3).unwrap();
        assert_eq!((read.scale, read.error, read.bytes), (code.scale, code.error, &*code.bytes));
        assert!(decode_code(&encode_code(&code), 4).is_none() && decode_code(&[1, 2, 3], 3).is_none());
    }
}
