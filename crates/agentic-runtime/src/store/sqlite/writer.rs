//! The thread that writes: everything that is queued goes into one transaction.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::failure::{Failure, closed, of_sql};
use super::schema;
use crate::store::error::{JournalError, JournalErrorKind as Kind};

/// At most so many jobs share a transaction.
const JOBS: usize = 1024;

/// At most about so many bytes do: others wait for the disk meanwhile.
const BYTES: usize = 8 << 20;

/// How often a transaction asks for the lock; each time it waits for some seconds.
const TRIES: u32 = 3;

const WRITE: &str = "write the journals in";

/// Something to write. It may be done several times until one of them counts, and is answered once.
pub(super) struct Job {
    weight: usize,
    work: Box<dyn Work>,
}

trait Work: Send {
    /// Does it, as a part of a transaction. An error is the database's: then the transaction is void.
    fn attempt(&mut self, db: &Connection) -> rusqlite::Result<()>;

    /// Tells what came of the last attempt, or that it was void.
    fn answer(self: Box<Self>, void: Option<JournalError>);
}

struct Asked<T, W, A> {
    work: W,
    made: Option<Result<T, JournalError>>,
    answer: A,
}

impl<T, W, A> Work for Asked<T, W, A>
where
    T: Send,
    W: FnMut(&Connection) -> Result<T, Failure> + Send,
    A: FnOnce(Result<T, JournalError>) + Send,
{
    fn attempt(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.made = match (self.work)(db) {
            Ok(made) => Some(Ok(made)),
            Err(Failure::Refused(error)) => Some(Err(error)),
            Err(Failure::Sql(error)) => return Err(error),
        };
        Ok(())
    }

    fn answer(self: Box<Self>, void: Option<JournalError>) {
        let Self { made, answer, .. } = *self;
        match (void, made) {
            (Some(error), _) => answer(Err(error)),
            (None, Some(made)) => answer(made),
            // Never attempted: whoever waits hears that the writer is gone.
            (None, None) => {}
        }
    }
}

impl Job {
    /// Work that writes about `weight` bytes, and who is told what came of it.
    pub(super) fn new<T: Send + 'static>(
        weight: usize,
        work: impl FnMut(&Connection) -> Result<T, Failure> + Send + 'static,
        answer: impl FnOnce(Result<T, JournalError>) + Send + 'static,
    ) -> Self {
        Self { weight, work: Box::new(Asked { work, made: None, answer }) }
    }

    /// Tells, whatever the one who is told does: the next one is told too.
    fn answer(self, void: Option<JournalError>) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.work.answer(void)));
    }
}

/// The way to the thread. When it goes, the thread writes what is queued and closes the file.
#[derive(Debug)]
pub(super) struct Writer {
    path: Arc<Path>,
    jobs: Option<Sender<Job>>,
    commits: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread, with the connection that it writes to.
    pub(super) fn start(db: Connection, path: Arc<Path>) -> Result<Self, JournalError> {
        let (jobs, queue) = channel();
        let name = "agentic-journal".to_owned();
        let commits = Arc::new(AtomicU64::new(0));
        let writing = Thread { db, path: path.clone(), commits: commits.clone() };
        let thread = thread::Builder::new().name(name).spawn(move || writing.run(&queue));
        let thread = thread.map_err(|error| {
            JournalError::new(Kind::Unavailable, "can't start the thread that writes journals")
                .with_source(error)
        })?;
        Ok(Self { path, jobs: Some(jobs), commits, thread: Some(thread) })
    }

    /// How many transactions were committed.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Queues a job. A job that can't be queued is dropped, and with it whoever waits for its answer.
    pub(super) fn send(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job);
        }
    }

    /// Queues a job and waits for its answer. Dropping the future does not take the job back.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        weight: usize,
        work: impl FnMut(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, JournalError> {
        let (answer, answered) = oneshot::channel();
        self.send(Job::new(weight, work, move |made| drop(answer.send(made))));
        answered.await.unwrap_or_else(|_| Err(closed(&self.path)))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        // Whoever is told of a commit may hold the last handle: the thread does not wait for itself.
        if let Some(thread) = self.thread.take().filter(|it| it.thread().id() != thread::current().id()) {
            let _ = thread.join();
        }
    }
}

struct Thread {
    db: Connection,
    path: Arc<Path>,
    commits: Arc<AtomicU64>,
}

/// Why a transaction is void.
enum Void {
    /// It could not begin.
    Shut(JournalError),
    /// It could not go on.
    Failed(rusqlite::Error),
}

impl Thread {
    fn run(self, queue: &Receiver<Job>) {
        while let Ok(first) = queue.recv() {
            let mut weight = first.weight;
            let mut batch = vec![first];
            while batch.len() < JOBS && weight < BYTES {
                let Ok(job) = queue.try_recv() else { break };
                weight = weight.saturating_add(job.weight);
                batch.push(job);
            }
            self.write(batch);
        }
        // The log goes into the file now, if nobody reads it; else whoever closes last does it.
        let _ = self.db.busy_timeout(Duration::from_millis(100));
        let _ = self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
        let _ = self.db.close();
    }

    fn write(&self, mut batch: Vec<Job>) {
        let void = match self.transaction(&mut batch) {
            Ok(()) => None,
            // One of them is at fault, and only that one may fail.
            Err(Void::Failed(_)) if batch.len() > 1 => return self.one_by_one(batch),
            Err(Void::Failed(error)) => Some(of_sql(WRITE, &self.path, error)),
            Err(Void::Shut(error)) => Some(error),
        };
        batch.into_iter().for_each(|job| job.answer(void.clone()));
    }

    fn one_by_one(&self, batch: Vec<Job>) {
        let mut shut = None;
        for mut job in batch {
            let void = match &shut {
                // It will not open for this one either, and each would wait for as long.
                Some(error) => Err(Void::Shut(JournalError::clone(error))),
                None => self.transaction(std::slice::from_mut(&mut job)),
            };
            job.answer(match void {
                Ok(()) => None,
                Err(Void::Failed(error)) => Some(of_sql(WRITE, &self.path, error)),
                Err(Void::Shut(error)) => {
                    shut = Some(error.clone());
                    Some(error)
                }
            });
        }
    }

    fn transaction(&self, jobs: &mut [Job]) -> Result<(), Void> {
        let transaction = self.begin().map_err(Void::Shut)?;
        for job in jobs {
            // On an error the transaction is dropped, and rolls back.
            job.work.attempt(&transaction).map_err(Void::Failed)?;
        }
        transaction.commit().map_err(Void::Failed)?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn begin(&self) -> Result<Transaction<'_>, JournalError> {
        let failed = |error| of_sql(WRITE, &self.path, error);
        let mut tried = 1;
        let transaction = loop {
            match Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate) {
                Err(error) if tried < TRIES && error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                    tried += 1;
                }
                begun => break begun.map_err(failed)?,
            }
        };
        // A newer version may have come to the file since it was opened.
        let version = schema::version(&transaction).map_err(failed)?;
        if version > schema::VERSION { Err(schema::newer(version, &self.path)) } else { Ok(transaction) }
    }
}
