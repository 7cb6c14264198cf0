//! The words of the records in the file, and their numbers. A word that no record has any more is not in it.

use std::collections::{HashMap, HashSet};

use agentic_core::StoreErrorKind as Kind;
use rusqlite::Connection;

use super::failure::Failure;
use super::rows::text;
use crate::index::{Index, Vocabulary};

/// The words that came after this number, with their numbers.
pub(super) fn each_after(
    db: &Connection,
    number: u32,
    mut take: impl FnMut(u32, &str),
) -> Result<(), Failure> {
    let mut words = db.prepare_cached("SELECT w, word FROM words WHERE w > ? ORDER BY w")?;
    let mut rows = words.query([number])?;
    while let Some(row) = rows.next()? {
        take(row.get(0)?, text(row, 1)?);
    }
    Ok(())
}

/// Gives the words of one change their numbers.
pub(super) struct Numbering<'a> {
    db: &'a Connection,
    vocabulary: &'a Vocabulary,
    new: HashMap<String, u32>,
    /// Those that only deleted records had.
    unused: HashSet<u32>,
}

impl<'a> Numbering<'a> {
    /// While the records with these keys are deleted.
    pub(super) fn new(db: &'a Connection, index: &'a Index, deleted: impl IntoIterator<Item = u64>) -> Self {
        let unused = index.words_only_of(deleted).into_iter().collect();
        Self { db, vocabulary: index.vocabulary(), new: HashMap::new(), unused }
    }

    pub(super) fn number(&mut self, word: &str) -> Result<u32, Failure> {
        if let Some(number) = self.vocabulary.number(word) {
            self.unused.remove(&number);
            return Ok(number);
        }
        if let Some(number) = self.new.get(word) {
            return Ok(*number);
        }
        let mut insert = self.db.prepare_cached("INSERT INTO words (word) VALUES (?) RETURNING w")?;
        let number = insert.query_row([word], |row| row.get(0))?;
        self.new.insert(word.to_owned(), number);
        Ok(number)
    }

    /// Forgets the words that no record has any more.
    pub(super) fn done(self) -> Result<(), Failure> {
        let mut delete = self.db.prepare_cached("DELETE FROM words WHERE w = ?")?;
        for number in self.unused {
            delete.execute([number])?;
        }
        Ok(())
    }
}

pub(super) fn damaged(number: u32) -> Failure {
    Failure::Told(Kind::Corrupt, format!("word {number} is missing; bring it back from a backup"))
}
