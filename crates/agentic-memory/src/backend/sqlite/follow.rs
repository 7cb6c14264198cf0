//! The index, and how it follows the file.

use std::ops::ControlFlow;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, Scope, ScopedJoinHandle};

use rusqlite::Connection;

use super::failure::Failure;
use super::rows::{self, Read};
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
        let Self { dimensions, index, seen } = self;
        thread::scope(|scope| {
            let mut putting = Putting { here: Some(index), beside: None };
            let mut batch = Vec::new();
            rows::each_after(db, seen.record, *dimensions, |read| {
                batch.push(read);
                if batch.len() < BATCH {
                    return Ok(ControlFlow::Continue(()));
                }
                putting.hand_over(std::mem::take(&mut batch), scope)
            })?;
            putting.last(batch)
        })
    }
}

/// So many records are handed over at once, and so many of these may wait.
const BATCH: usize = 1_000;
const WAITING: usize = 4;

/// How records get into the index: on the thread that reads them, as long as they are few; then on another one, while the
/// next are read. Of a large file either takes about half of the time.
struct Putting<'scope, 'index> {
    here: Option<&'index mut Index>,
    beside: Option<Beside<'scope>>,
}

/// Where the batches go, and the thread that takes them.
type Beside<'scope> = (SyncSender<Vec<Read>>, ScopedJoinHandle<'scope, Result<(), Failure>>);

impl<'scope, 'index: 'scope> Putting<'scope, 'index> {
    fn hand_over<'env>(
        &mut self,
        batch: Vec<Read>,
        scope: &'scope Scope<'scope, 'env>,
    ) -> Result<ControlFlow<()>, Failure> {
        if let Some(index) = self.here.take() {
            let (batches, coming) = sync_channel::<Vec<Read>>(WAITING);
            let thread = scope.spawn(move || coming.into_iter().try_for_each(|batch| put(index, batch)));
            self.beside = Some((batches, thread));
        }
        let taken = self.beside.as_ref().is_some_and(|(batches, _)| batches.send(batch).is_ok());
        // Where one before could not be used no more are taken; that is told in the end.
        Ok(if taken { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    }

    fn last(self, batch: Vec<Read>) -> Result<(), Failure> {
        if let Some(index) = self.here {
            return put(index, batch);
        }
        let Some((batches, thread)) = self.beside else { return Ok(()) };
        let _ = batches.send(batch);
        drop(batches);
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

fn put(index: &mut Index, batch: Vec<Read>) -> Result<(), Failure> {
    for mut read in batch {
        index.change(&[], [read.indexed()?]);
    }
    Ok(())
}
