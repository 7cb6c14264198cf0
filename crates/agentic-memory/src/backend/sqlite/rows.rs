//! Rows, and what they stand for.

use std::ops::ControlFlow;
use std::sync::Arc;

use agentic_core::{Json, MemoryScope, Record, StoreErrorKind as Kind, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::dictionary::Numbering;
use super::failure::Failure;
use crate::index::{Code, CodeRef, Content, Fields, Indexed, Words};

/// So many deletions are listed; who has missed more reads all records again.
const LISTED: u64 = 100_000;

/// What a file has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Last {
    /// The number of the last record.
    pub(super) record: u64,
    /// The number of the last word.
    pub(super) word: u32,
    /// The first and the last deletion that are listed.
    pub(super) deletions: Option<(u64, u64)>,
}

pub(super) fn last(db: &Connection) -> Result<Last, Failure> {
    let mut last = db.prepare_cached(
        "SELECT (SELECT max(n) FROM records), (SELECT max(w) FROM words), (SELECT min(k) FROM deletions), \
         (SELECT max(k) FROM deletions)",
    )?;
    let number =
        |row: &Row<'_>, at| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(at)?.map(i64::cast_unsigned));
    Ok(last.query_row((), |row| {
        Ok(Last {
            record: number(row, 0)?.unwrap_or_default(),
            word: row.get::<_, Option<u32>>(1)?.unwrap_or_default(),
            deletions: number(row, 2)?.zip(number(row, 3)?),
        })
    })?)
}

/// The numbers of the records that were deleted after this deletion.
pub(super) fn deleted_after(db: &Connection, deletion: u64) -> Result<Vec<u64>, Failure> {
    let mut deleted = db.prepare_cached("SELECT n FROM deletions WHERE k > ? ORDER BY k")?;
    let deleted = deleted.query_map([deletion.cast_signed()], |row| row.get::<_, i64>(0))?;
    Ok(deleted.map(|n| n.map(i64::cast_unsigned)).collect::<Result<_, _>>()?)
}

/// Records as they come into the index, without their words and codes; these lie one after the other: there may be a million
/// of them, and each would otherwise have two pieces of memory of its own for a moment.
#[derive(Debug, Default)]
pub(super) struct Batch {
    records: Vec<Indexed<'static>>,
    words: Vec<u32>,
    codes: Vec<u8>,
    /// Where the words and the code of each end.
    ends: Vec<(usize, usize)>,
}

impl Batch {
    /// For so many records with vectors of so many numbers.
    fn new(records: usize, dimensions: usize) -> Self {
        Self {
            records: Vec::with_capacity(records),
            words: Vec::with_capacity(records * 16),
            codes: Vec::with_capacity(records * (8 + dimensions)),
            ends: Vec::with_capacity(records),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    fn push(&mut self, key: u64, scope: &Arc<MemoryScope>, row: &Row<'_>) -> Result<(), Failure> {
        let (id, fields) = (text(row, 4)?.into(), Fields::read(text(row, 6)?));
        let at = Timestamp::from_millis(row.get::<_, i64>(5)?.cast_unsigned());
        decode_words(blob(row, 7)?, &mut self.words).ok_or_else(|| damaged(key))?;
        self.codes.extend_from_slice(optional_blob(row, 8)?.unwrap_or_default());
        self.ends.push((self.words.len(), self.codes.len()));
        let (scope, code, words) = (scope.clone(), None, Words::Numbered(&[]));
        self.records.push(Indexed { key, id, scope, at, fields, code, words });
        Ok(())
    }

    /// Gives each, with the code of a vector of so many numbers, if it has one.
    pub(super) fn give(self, dimensions: usize, mut take: impl FnMut(Indexed<'_>)) -> Result<(), Failure> {
        let mut from = (0, 0);
        for (record, end) in self.records.into_iter().zip(self.ends) {
            let (words, code) = (&self.words[from.0..end.0], &self.codes[from.1..end.1]);
            let code = match code {
                [] => None,
                code => Some(decode_code(code, dimensions).ok_or_else(|| damaged(record.key))?),
            };
            take(Indexed { code, words: Words::Numbered(words), ..record });
            from = end;
        }
        Ok(())
    }
}

/// The records after this one, in order, so many at a time, until `take` wants no more.
pub(super) fn each_after(
    db: &Connection,
    record: u64,
    (most, dimensions): (usize, usize),
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
        if batch.len() == most
            && take(std::mem::replace(&mut batch, Batch::new(most, dimensions)))?.is_break()
        {
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

pub(super) fn insert(db: &Connection, record: &Record, numbering: &mut Numbering<'_>) -> Result<(), Failure> {
    let Record { id, scope, at, vector, words, fields, body, .. } = record;
    let MemoryScope { tenant, agent, session } = scope;
    let numbers: Vec<u32> = words.iter().map(|word| numbering.number(word)).collect::<Result<_, _>>()?;
    let (at, fields, words) = (at.as_millis().cast_signed(), Fields::of(fields), encode_words(&numbers));
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

pub(super) fn text<'a>(row: &'a Row<'_>, at: usize) -> rusqlite::Result<&'a str> {
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

fn encode_words(numbers: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(numbers.len() * 3);
    for number in numbers {
        let mut number = *number;
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
    }
    bytes
}

fn decode_words(bytes: &[u8], numbers: &mut Vec<u32>) -> Option<()> {
    let (mut number, mut shift) = (0_u64, 0);
    for byte in bytes {
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            numbers.push(u32::try_from(number).ok()?);
            (number, shift) = (0, 0);
        } else {
            shift += 7;
            // No number of 32 bits has six bytes.
            (shift < 35).then_some(())?;
        }
    }
    (shift == 0).then_some(())
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
        let numbers = [0, 1, 127, 128, 16_384, 2_097_152, 268_435_456, u32::MAX];
        let mut read = Vec::new();
        decode_words(&encode_words(&numbers[..2]), &mut read).unwrap();
        decode_words(&encode_words(&numbers[2..]), &mut read).unwrap();
        assert_eq!(read, numbers);
        for damaged in [&[0x80][..], &[1, 0xff], &[0xff; 12], &[0xff, 0xff, 0xff, 0xff, 0x10]] {
            assert_eq!(decode_words(damaged, &mut read), None);
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
