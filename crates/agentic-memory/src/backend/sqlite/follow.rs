//! The index, and how it follows the file.

use rusqlite::Connection;

use super::failure::Failure;
use super::rows;
use crate::index::Index;

/// An index that knows up to where it has read the file.
#[derive(Debug)]
pub(super) struct Following {
    dimensions: usize,
    index: Index,
    seen: Seen,
}

/// The last record, and the last deletion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    record: u64,
    deletion: u64,
}

impl Following {
    /// Nothing is read yet.
    pub(super) fn new(dimensions: usize) -> Self {
        Self { dimensions, index: Index::new(dimensions), seen: Seen::default() }
    }

    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// Whether the file has nothing that is not in the index.
    pub(super) fn is_current(&self, db: &Connection) -> Result<bool, Failure> {
        let (record, deletions) = rows::last(db)?;
        let deletion = deletions.map_or(0, |(_, last)| last);
        // The last record may be deleted since.
        Ok(record <= self.seen.record && deletion == self.seen.deletion)
    }

    /// Takes in what is new.
    pub(super) fn catch_up(&mut self, db: &Connection) -> Result<(), Failure> {
        let (record, deletions) = rows::last(db)?;
        let (first, deletion) = deletions.unwrap_or_default();
        if first > self.seen.deletion + 1 {
            // It was away for so long that deletions are not listed any more.
            *self = Self::new(self.dimensions);
        }
        let caught_up = self.take_in(db);
        match caught_up {
            Ok(()) => self.seen = Seen { record: record.max(self.seen.record), deletion },
            // What it has taken in is not known.
            Err(_) => *self = Self::new(self.dimensions),
        }
        caught_up
    }

    fn take_in(&mut self, db: &Connection) -> Result<(), Failure> {
        self.index.change(&rows::deleted_after(db, self.seen.deletion)?, []);
        let dimensions = self.dimensions;
        rows::each_after(db, self.seen.record, dimensions, |record| self.index.change(&[], [record]))
    }
}
