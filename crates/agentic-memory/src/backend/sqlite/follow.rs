//! The index, and how it follows the file.

use std::ops::ControlFlow;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, Scope, ScopedJoinHandle};

use rusqlite::Connection;

use super::dictionary;
use super::failure::Failure;
use super::rows::{self, Batch, Last};
use crate::index::Index;

/// An index that knows up to where it has read the file.
#[derive(Debug)]
pub(super) struct Following {
    dimensions: usize,
    index: Index,
    seen: Seen,
}

/// The last record, the last deletion, and the last word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    record: u64,
    deletion: u64,
    word: u32,
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
        let Last { record, deletions, .. } = rows::last(db)?;
        let deletion = deletions.map_or(0, |(_, last)| last);
        // The last record may be deleted since.
        Ok(record <= self.seen.record && deletion == self.seen.deletion)
    }

    /// Takes in what is new.
    pub(super) fn catch_up(&mut self, db: &Connection) -> Result<(), Failure> {
        let last = rows::last(db)?;
        let (first, deletion) = last.deletions.unwrap_or_default();
        if first > self.seen.deletion + 1 {
            // It was away for so long that deletions are not listed any more.
            *self = Self::new(self.dimensions);
        }
        let Seen { record, word, .. } = self.seen;
        let caught_up = self.take_in(db, &last);
        match caught_up {
            Ok(()) => {
                self.seen = Seen { record: last.record.max(record), deletion, word: last.word.max(word) };
            }
            // What it has taken in is not known.
            Err(_) => *self = Self::new(self.dimensions),
        }
        caught_up
    }

    fn take_in(&mut self, db: &Connection, last: &Last) -> Result<(), Failure> {
        let Self { dimensions, index, seen } = self;
        index.remove(&rows::deleted_after(db, seen.deletion)?);
        // At most so many: numbers of what is gone are not used again.
        let words = u64::from(last.word.saturating_sub(seen.word)).min(RESERVED) as usize;
        index.reserve(words);
        dictionary::each_after(db, seen.word, |number, word| index.learn(number, word))?;
        thread::scope(|scope| {
            let mut putting = Putting { dimensions: *dimensions, here: Some(index), beside: None };
            rows::each_after(db, seen.record, (BATCH, *dimensions), |batch| putting.take(batch, scope))?;
            putting.done()
        })?;
        index.settle();
        index.vocabulary().missing().map_or(Ok(()), |number| Err(dictionary::damaged(number)))
    }
}

/// For so many words room is made at once at most.
const RESERVED: u64 = 100_000;

/// So many records are handed over at once, and so many of these may wait.
const BATCH: usize = 1_000;
const WAITING: usize = 4;

/// How records get into the index: on the thread that reads them, as long as they are few; then on another one, while the
/// next are read. Of a large file either takes about half of the time.
struct Putting<'scope, 'index> {
    dimensions: usize,
    here: Option<&'index mut Index>,
    beside: Option<Beside<'scope>>,
}

/// Where the batches go, and the thread that takes them.
type Beside<'scope> = (SyncSender<Batch>, ScopedJoinHandle<'scope, Result<(), Failure>>);

impl<'scope, 'index: 'scope> Putting<'scope, 'index> {
    fn take<'env>(
        &mut self,
        batch: Batch,
        scope: &'scope Scope<'scope, 'env>,
    ) -> Result<ControlFlow<()>, Failure> {
        let dimensions = self.dimensions;
        if let Some(index) = &mut self.here
            && batch.len() < BATCH
        {
            return batch.give(dimensions, |record| index.put(record)).map(ControlFlow::Continue);
        }
        if let Some(index) = self.here.take() {
            let (batches, coming) = sync_channel::<Batch>(WAITING);
            let mut put = move |batch: Batch| batch.give(dimensions, |record| index.put(record));
            let thread = scope.spawn(move || coming.into_iter().try_for_each(&mut put));
            self.beside = Some((batches, thread));
        }
        let taken = self.beside.as_ref().is_some_and(|(batches, _)| batches.send(batch).is_ok());
        // Where one before could not be used no more are taken; that is told in the end.
        Ok(if taken { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    }

    fn done(self) -> Result<(), Failure> {
        let Some((batches, thread)) = self.beside else { return Ok(()) };
        drop(batches);
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}
