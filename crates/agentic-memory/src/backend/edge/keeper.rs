//! What a store does by itself, on a thread of its own: puts new vectors into the graph, and empties the log.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::open::Folder;

/// So many changes may be in the log: those that are done again when the folder is opened after a crash.
const UNFLUSHED: usize = 5_000;

/// The thread of a store. It ends with it.
#[derive(Debug)]
pub(super) struct Keeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    work: Mutex<Work>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Work {
    /// Changes since the log was emptied, and since vectors were put into the graph.
    unflushed: usize,
    unindexed: usize,
    /// Whether the rest is to be put into the graph too.
    all: bool,
    busy: bool,
    stop: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Work> {
        // Numbers are whole whatever panicked.
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper {
    /// Starts the thread, for vectors with so many numbers, of which so many are not in the graph.
    pub(super) fn start(folder: Arc<Folder>, dimensions: usize, unindexed: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        shared.lock().unindexed = unindexed;
        let most = super::convert::UNINDEXED / (dimensions.max(1) * size_of::<f32>());
        let (of, name) = (shared.clone(), "agentic-edge".to_owned());
        let thread = thread::Builder::new().name(name).spawn(move || keep(&folder, &of, most.max(1)))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// So many records were written or deleted.
    pub(super) fn wrote(&self, changes: usize) {
        let mut work = self.shared.lock();
        work.unflushed += changes;
        work.unindexed += changes;
        self.shared.changed.notify_all();
    }

    /// Waits until all vectors are in the graph, and the log is empty.
    pub(super) fn settle(&self) {
        let mut work = self.shared.lock();
        work.all = true;
        self.shared.changed.notify_all();
        while (work.all || work.busy) && !work.stop {
            work = self.shared.changed.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let mut work = self.shared.lock();
        work.stop = true;
        self.shared.changed.notify_all();
        // What takes minutes is not waited for: the folder stays locked until it is done.
        let busy = work.busy;
        drop(work);
        if let Some(thread) = self.thread.take().filter(|_| !busy) {
            let _ = thread.join();
        }
    }
}

fn keep(folder: &Folder, shared: &Shared, most_unindexed: usize) {
    let mut work = shared.lock();
    while !work.stop {
        let (all, index) = (work.all, work.all || work.unindexed >= most_unindexed);
        if !index && work.unflushed < UNFLUSHED {
            work = shared.changed.wait(work).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        (work.unflushed, work.busy) = (0, true);
        if index {
            work.unindexed = 0;
        }
        drop(work);
        // What fails here is tried again after as many changes: until then the log and the search take longer.
        if index {
            let _ = folder.engine.optimize();
        }
        let _ = folder.engine.flush();
        work = shared.lock();
        work.busy = false;
        work.all &= !all;
        shared.changed.notify_all();
    }
}
