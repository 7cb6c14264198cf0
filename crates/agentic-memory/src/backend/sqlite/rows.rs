//! Rows, and what they stand for.

use std::ops::ControlFlow;
use std::sync::Arc;

use agentic_core::{Json, MemoryScope, Record, StoreErrorKind as Kind, Timestamp};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::failure::Failure;
use crate::index::{Code, Content, Fields, Indexed};

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

/// What a row has of a record that the index wants.
#[derive(Debug)]
pub(super) struct Read {
    key: u64,
    scope: Arc<MemoryScope>,
    id: String,
    at: Timestamp,
    fields: Fields,
    /// As they are in the file.
    words: Vec<u8>,
    code: Option<Code>,
}

impl Read {
    /// For the index; the code is taken out.
    pub(super) fn indexed(&mut self) -> Result<Indexed<'_>, Failure> {
        let Self { key, scope, id, at, fields, words, code } = self;
        let words = decode_words(words).ok_or_else(|| damaged(*key))?;
        let (scope, fields, code) = (scope.clone(), fields.clone(), code.take());
        Ok(Indexed { key: *key, id, scope, at: *at, fields, code, words })
    }
}

/// Each record after this one, in order, until `take` says that it wants no more.
pub(super) fn each_after(
    db: &Connection,
    record: u64,
    dimensions: usize,
    mut take: impl FnMut(Read) -> Result<ControlFlow<()>, Failure>,
) -> Result<(), Failure> {
    let mut records = db.prepare_cached(
        "SELECT n, tenant, agent, session, id, at, fields, words, code FROM records WHERE n > ? ORDER BY n",
    )?;
    let mut rows = records.query([record.cast_signed()])?;
    // Most records have the scope of the one before.
    let mut scope = Arc::new(MemoryScope::of_tenant(""));
    while let Some(row) = rows.next()? {
        let key = row.get::<_, i64>(0)?.cast_unsigned();
        let (agent, session) = (optional(row, 2)?, optional(row, 3)?);
        let tenant = text(row, 1)?;
        if (tenant, agent, session) != (&*scope.tenant, scope.agent.as_deref(), scope.session.as_deref()) {
            let [agent, session] = [agent, session].map(|name| name.map(str::to_owned));
            scope = Arc::new(MemoryScope { tenant: tenant.to_owned(), agent, session });
        }
        let code = match row.get_ref(8)? {
            ValueRef::Null => None,
            _ => Some(decode_code(blob(row, 8)?, dimensions).ok_or_else(|| damaged(key))?),
        };
        let read = Read {
            key,
            scope: scope.clone(),
            id: text(row, 4)?.to_owned(),
            at: Timestamp::from_millis(row.get::<_, i64>(5)?.cast_unsigned()),
            fields: Fields::read(text(row, 6)?),
            words: blob(row, 7)?.to_vec(),
            code,
        };
        if take(read)?.is_break() {
            break;
        }
    }
    Ok(())
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
    let bytes = code.bytes.iter().map(|byte| byte.cast_unsigned());
    code.scale.to_le_bytes().into_iter().chain(code.error.to_le_bytes()).chain(bytes).collect()
}

fn decode_code(blob: &[u8], dimensions: usize) -> Option<Code> {
    let (scale, blob) = blob.split_first_chunk()?;
    let (error, bytes) = blob.split_first_chunk()?;
    let bytes: Vec<i8> = bytes.iter().map(|byte| byte.cast_signed()).collect();
    let code = Code { scale: f32::from_le_bytes(*scale), error: f32::from_le_bytes(*error), bytes };
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
        let read = decode_code(&encode_code(&code), 3).unwrap();
        assert_eq!((read.scale, read.error, read.bytes), (code.scale, code.error, code.bytes.clone()));
        assert!(decode_code(&encode_code(&code), 4).is_none() && decode_code(&[1, 2, 3], 3).is_none());
    }
}
