//! A store of journals that crashes its process.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentic_core::{RunId, Sources, Timestamp, async_trait};
use agentic_runtime::{
    Append, Claim, Entry, JournalError, JournalErrorKind, JournalStore, Lease, NewRun, Post, Posted, Release,
    RunFilter, RunRecord, Seq,
};
use tokio::sync::Notify;

/// When a process crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// Never.
    Never,
    /// When the write with this number, from 1, is about to be made: it is lost.
    Before(u64),
    /// When the write with this number is made, before anybody is told.
    After(u64),
}

/// How long writes take until they are durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lag {
    /// They are at once.
    None,
    /// Up to so many milliseconds, together with others. What is not yet durable is lost in a crash.
    UpTo(u64),
}

/// A store that crashes its process at one of its writes: from then on nothing is written, and nobody is answered.
#[derive(Clone, Debug)]
pub struct FaultyStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn JournalStore>,
    sources: Arc<dyn Sources>,
    crash: Crash,
    lag: Lag,
    writes: AtomicU64,
    crashed: AtomicBool,
    told: Notify,
    lagging: Mutex<VecDeque<Append>>,
}

impl FaultyStore {
    /// Crashes like this in front of `store`.
    pub fn new(store: Arc<dyn JournalStore>, sources: impl Sources, crash: Crash, lag: Lag) -> Self {
        Self(Arc::new(Inner {
            store,
            sources: Arc::new(sources),
            crash,
            lag,
            writes: AtomicU64::new(0),
            crashed: AtomicBool::new(false),
            told: Notify::new(),
            lagging: Mutex::default(),
        }))
    }

    /// How many writes there were.
    pub fn writes(&self) -> u64 {
        self.0.writes.load(Ordering::Relaxed)
    }

    /// Ends when the process has crashed.
    pub async fn crashed(&self) {
        loop {
            let told = self.0.told.notified();
            if self.0.is_crashed() {
                return;
            }
            told.await;
        }
    }

    /// Whether the process has crashed.
    pub fn has_crashed(&self) -> bool {
        self.0.is_crashed()
    }

    /// Crashes now, if it has not.
    pub fn stop(&self) {
        self.0.crashes();
    }
}

/// What becomes of a write.
enum Fate {
    Made,
    MadeAndCrashed,
    Lost,
}

impl Inner {
    fn is_crashed(&self) -> bool {
        self.crashed.load(Ordering::Acquire)
    }

    fn crashes(&self) {
        self.crashed.store(true, Ordering::Release);
        self.told.notify_waiters();
    }

    fn fate(&self) -> Fate {
        if self.is_crashed() {
            return Fate::Lost;
        }
        let n = self.writes.fetch_add(1, Ordering::Relaxed) + 1;
        match self.crash {
            Crash::Before(at) if at == n => {
                self.crashes();
                Fate::Lost
            }
            Crash::After(at) if at == n => {
                self.crashes();
                Fate::MadeAndCrashed
            }
            _ => Fate::Made,
        }
    }

    /// Makes a write, unless the process crashes; then it never ends.
    async fn write<T>(
        &self,
        write: impl Future<Output = Result<T, JournalError>>,
    ) -> Result<T, JournalError> {
        match self.fate() {
            Fate::Made => write.await,
            Fate::MadeAndCrashed => {
                let _ = write.await;
                std::future::pending().await
            }
            Fate::Lost => std::future::pending().await,
        }
    }

    fn apply(&self, append: Append) {
        match self.fate() {
            Fate::Made => self.store.append(append),
            Fate::MadeAndCrashed => {
                let Append { lease, entries, consumed, seen, done } = append;
                // Told to nobody.
                std::mem::forget(done);
                let done = agentic_runtime::Commit::new(drop);
                self.store.append(Append { lease, entries, consumed, seen, done });
            }
            Fate::Lost => std::mem::forget(append.done),
        }
    }

    fn lagging(&self) -> MutexGuard<'_, VecDeque<Append>> {
        self.lagging.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gone(&self) -> JournalError {
        JournalError::new(JournalErrorKind::Unavailable, "the process has crashed")
    }

    fn alive(&self) -> Result<(), JournalError> {
        if self.is_crashed() { Err(self.gone()) } else { Ok(()) }
    }
}

#[async_trait]
impl JournalStore for FaultyStore {
    async fn create(&self, run: NewRun) -> Result<(), JournalError> {
        self.0.write(self.0.store.create(run)).await
    }

    async fn run(&self, run: RunId) -> Result<RunRecord, JournalError> {
        self.0.alive()?;
        self.0.store.run(run).await
    }

    async fn list(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, JournalError> {
        self.0.alive()?;
        self.0.store.list(filter).await
    }

    async fn load(&self, run: RunId, after: Seq) -> Result<Vec<Entry>, JournalError> {
        self.0.alive()?;
        self.0.store.load(run, after).await
    }

    async fn delete(&self, run: RunId, now: Timestamp) -> Result<(), JournalError> {
        self.0.write(self.0.store.delete(run, now)).await
    }

    async fn due_queues(&self, now: Timestamp) -> Result<Vec<String>, JournalError> {
        self.0.alive()?;
        self.0.store.due_queues(now).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Option<Lease>, JournalError> {
        self.0.write(self.0.store.claim(claim)).await
    }

    async fn renew(&self, leases: &[Lease], until: Timestamp) -> Result<Vec<RunId>, JournalError> {
        self.0.alive()?;
        self.0.store.renew(leases, until).await
    }

    fn append(&self, append: Append) {
        let Lag::UpTo(most) = self.0.lag else { return self.0.apply(append) };
        let mut lagging = self.0.lagging();
        lagging.push_back(append);
        if lagging.len() > 1 || self.0.is_crashed() {
            return;
        }
        let inner = self.0.clone();
        let wait = inner.sources.sleep(Duration::from_millis(1 + inner.sources.random() % most.max(1)));
        tokio::spawn(async move {
            wait.await;
            let together = std::mem::take(&mut *inner.lagging());
            together.into_iter().for_each(|append| inner.apply(append));
        });
    }

    async fn release(&self, lease: &Lease, release: Release) -> Result<(), JournalError> {
        self.0.write(self.0.store.release(lease, release)).await
    }

    async fn post(&self, run: RunId, post: Post) -> Result<(), JournalError> {
        self.0.write(self.0.store.post(run, post)).await
    }

    async fn posted(&self, run: RunId) -> Result<Vec<Posted>, JournalError> {
        self.0.alive()?;
        self.0.store.posted(run).await
    }

    async fn posted_to(&self, owner: &str) -> Result<Vec<RunId>, JournalError> {
        self.0.alive()?;
        self.0.store.posted_to(owner).await
    }
}
