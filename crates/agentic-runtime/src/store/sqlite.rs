//! Journals in a SQLite file.

mod changes;
mod failure;
mod open;
mod queries;
mod readers;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::Arc;

use agentic_core::{RunId, Timestamp, async_trait};
use rusqlite::Connection;

use self::failure::Failure;
use self::readers::Readers;
use self::rows::Encoded;
use self::writer::{Job, Writer};
use super::JournalStore;
use super::error::{JournalError, JournalErrorKind as Kind};
use super::record::Kept;
use super::types::{Append, Claim, Lease, NewRun, Post, Posted, Release, RunFilter, RunRecord};
use crate::journal::{Entry, Seq};

/// Journals in a SQLite file, for one process or for several on one machine.
///
/// One thread writes. It puts all that is queued into one transaction, so that many runs share the time that a disk
/// takes to make something durable. Reading needs a tokio runtime, and does not wait for writing.
///
/// # Cancel safety
/// A call that writes may happen after its future was dropped. Dropping the store waits until all that is queued is
/// written.
#[derive(Debug)]
pub struct SqliteStore {
    // The readers go first: the last connection that is closed tidies up the files.
    readers: Arc<Readers>,
    writer: Writer,
}

/// How a [`SqliteStore`] is opened.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// What survives a power cut.
    pub durability: Durability,
    /// So many pages are the whole disk.
    #[cfg(test)]
    pages: Option<u32>,
}

/// What survives. A process that is killed never loses what was told to be durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// All that was told to be durable survives a power cut too.
    #[default]
    Full,
    /// A power cut may lose the last commits, never a part of one. Faster: no commit waits for the disk.
    Relaxed,
}

impl SqliteOptions {
    /// The default: [`Durability::Full`].
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with this durability.
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }
}

impl SqliteStore {
    /// Opens the journals in this file. A missing file is made, and a missing folder too, for this user alone. Beside
    /// the file stand two more while it is open, with `-wal` and `-shm` after its name: they belong to it.
    ///
    /// # Errors
    /// [`Corrupt`](Kind::Corrupt) if the file is something else or damaged, [`Format`](Kind::Format) if a newer version
    /// made it, [`Unwritable`](Kind::Unwritable) if it may not be written or the disk is full,
    /// [`Invalid`](Kind::Invalid) if the path is none of a file, [`Unavailable`](Kind::Unavailable) if another process
    /// keeps it locked or the disk fails. Then the file is as it was, or empty.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn open(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, JournalError> {
        let path = path.as_ref();
        if path.as_os_str().is_empty() || path == Path::new(":memory:") {
            let message =
                "journals in SQLite need the path of a file; for journals in memory use MemoryStore";
            return Err(JournalError::new(Kind::Invalid, message));
        }
        // The program may change its folder later.
        let whole = std::path::absolute(path).map_err(|error| failure::of_io("find", path, error))?;
        let path: Arc<Path> = whole.into();
        let file = path.clone();
        let db = blocking(move || open::writer(&file, &options)).await?;
        Ok(Self { writer: Writer::start(db, path.clone())?, readers: Readers::of(path).into() })
    }

    /// How many transactions were committed since the store was opened. Many calls share one.
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, JournalError> {
        Readers::read(&self.readers, query).await
    }
}

/// Does something that may take a while, on a thread that may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        let message = "the runtime stopped while it was at work on journals; start again";
        Err(JournalError::new(Kind::Unavailable, message).with_source(error))
    })
}

#[async_trait]
impl JournalStore for SqliteStore {
    async fn create(&self, new: NewRun) -> Result<(), JournalError> {
        let kept = Kept::accepted(&new)?;
        let entries = Encoded::of(new.id, &new.entries, Seq(1))?;
        self.writer.ask(entries.weight(), move |db| changes::create(db, &kept, &entries)).await
    }

    async fn run(&self, run: RunId) -> Result<RunRecord, JournalError> {
        self.read(move |db| queries::run(db, run)).await
    }

    async fn list(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, JournalError> {
        let filter = filter.clone();
        self.read(move |db| queries::list(db, &filter)).await
    }

    async fn load(&self, run: RunId, after: Seq) -> Result<Vec<Entry>, JournalError> {
        self.read(move |db| queries::load(db, run, after)).await
    }

    async fn delete(&self, run: RunId, now: Timestamp) -> Result<(), JournalError> {
        self.writer.ask(0, move |db| changes::delete(db, run, now)).await
    }

    async fn due_queues(&self, now: Timestamp) -> Result<Vec<String>, JournalError> {
        self.read(move |db| queries::due_queues(db, now)).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Option<Lease>, JournalError> {
        let claim = claim.clone();
        self.writer.ask(0, move |db| changes::claim(db, &claim)).await
    }

    async fn renew(&self, leases: &[Lease], until: Timestamp) -> Result<Vec<RunId>, JournalError> {
        let leases = leases.to_vec();
        self.writer.ask(0, move |db| changes::renew(db, &leases, until)).await
    }

    fn append(&self, append: Append) {
        let Append { lease, entries, consumed, seen, done } = append;
        let first = entries.first().map_or(Seq(1), |first| first.seq);
        // What is wrong with them is told in its turn, hence by the writer.
        let entries = Encoded::of(lease.run, &entries, first);
        let weight = entries.as_ref().map_or(0, Encoded::weight);
        let work = move |db: &Connection| {
            changes::append(db, &lease, entries.as_ref().map_err(JournalError::clone)?, &consumed, seen)
        };
        self.writer.send(Job::new(weight, work, move |appended| done.tell(appended)));
    }

    async fn release(&self, lease: &Lease, release: Release) -> Result<(), JournalError> {
        let lease = lease.clone();
        self.writer.ask(0, move |db| changes::release(db, &lease, &release)).await
    }

    async fn post(&self, run: RunId, post: Post) -> Result<(), JournalError> {
        self.writer.ask(post.content.as_str().len(), move |db| changes::post(db, run, &post)).await
    }

    async fn posted(&self, run: RunId) -> Result<Vec<Posted>, JournalError> {
        self.read(move |db| queries::posted(db, run)).await
    }

    async fn posted_to(&self, owner: &str) -> Result<Vec<RunId>, JournalError> {
        let owner = owner.to_owned();
        self.read(move |db| queries::posted_to(db, &owner)).await
    }
}
