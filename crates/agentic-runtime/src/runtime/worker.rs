//! Working on whatever runs are due.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agentic_core::Reason;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::{Runtime, RuntimeError};
use crate::store::{Claim, Release, Wait, Which};

/// How a worker works.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerOptions {
    /// The queues that it works on; empty for all.
    pub queues: Vec<String>,
    /// Runs at work at the same time. Default: 64.
    pub max_runs: usize,
    /// Runs of one queue at work at the same time. Default: as many as `max_runs`.
    pub max_runs_per_queue: usize,
    /// How often is looked for runs that other processes have accepted, or lost. Default: 500 ms.
    pub poll: Duration,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            queues: Vec::new(),
            max_runs: 64,
            max_runs_per_queue: usize::MAX,
            poll: Duration::from_millis(500),
        }
    }
}

/// Works on runs that are due, until it is [shut down](Self::shutdown) or dropped. Queues take turns, so that a full one
/// does not hold up the others.
#[derive(Debug)]
pub struct Worker {
    runtime: Runtime,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Runs at work, by queue.
    busy: Mutex<HashMap<String, usize>>,
    /// Told when a run stops, or when the worker is to end.
    changed: Notify,
    stopping: std::sync::atomic::AtomicBool,
}

impl Runtime {
    /// Starts to work on runs that are due: those that were [submitted](Self::submit), those whose time has come or whose
    /// answer was given, and those of processes that are gone.
    pub fn worker(&self, options: WorkerOptions) -> Worker {
        let state = Arc::<State>::default();
        let task = tokio::spawn(self.clone().work_on(options, state.clone()));
        Worker { runtime: self.clone(), state, task }
    }

    async fn work_on(self, options: WorkerOptions, state: Arc<State>) {
        let mut last = String::new();
        loop {
            let changed = state.changed.notified();
            if state.stopping.load(std::sync::atomic::Ordering::Acquire) {
                return;
            }
            // A store that can't be reached now is asked again.
            let took = self.take_next(&options, &state, &mut last).await.unwrap_or(false);
            if took {
                continue;
            }
            tokio::select! {
                biased;
                () = changed => {}
                () = self.0.sources.sleep(options.poll) => {}
            }
        }
    }

    /// Takes the next run, of the queue whose turn it is.
    async fn take_next(
        &self,
        options: &WorkerOptions,
        state: &Arc<State>,
        last: &mut String,
    ) -> Result<bool, RuntimeError> {
        let inner = &self.0;
        if inner.is_stopping() {
            return Ok(false);
        }
        let now = inner.now();
        let mut due = inner.store.due_queues(now).await?;
        {
            let busy = state.busy.lock().unwrap_or_else(PoisonError::into_inner);
            if busy.values().sum::<usize>() >= options.max_runs {
                return Ok(false);
            }
            due.retain(|queue| {
                (options.queues.is_empty() || options.queues.contains(queue))
                    && busy.get(queue).copied().unwrap_or(0) < options.max_runs_per_queue
            });
        }
        due.sort_unstable();
        // The one after the last, in a circle.
        let Some(queue) = due.iter().find(|queue| *queue > last).or(due.first()).cloned() else {
            return Ok(false);
        };
        last.clone_from(&queue);
        let (owner, until) = (inner.owner.clone(), now.after(inner.lease));
        let which = Which::Next { queue: queue.clone() };
        let Some(lease) = inner.store.claim(&Claim { owner, which, now, until }).await? else {
            // Somebody was faster.
            return Ok(true);
        };
        if lease.attempt > inner.max_attempts {
            let message = format!(
                "it took down its process {} times; look at its journal, then resume it",
                lease.attempt - 1
            );
            let spend = inner.store.run(lease.run).await?.spend;
            let waiting = Release::waiting(Reason::DeadLetter, vec![Wait::Operator { message }], now);
            let release = Release { spend, ..waiting };
            inner.store.release(&lease, release).await?;
            return Ok(true);
        }
        *state.busy.lock().unwrap_or_else(PoisonError::into_inner).entry(queue.clone()).or_default() += 1;
        let (runtime, busy) = (self.clone(), Busy(state.clone(), queue));
        tokio::spawn(async move {
            // What is wrong with the run stands in its record.
            drop(runtime.work(lease, None).await);
            drop(busy);
        });
        Ok(true)
    }
}

/// A run is at work while this lives.
struct Busy(Arc<State>, String);

impl Drop for Busy {
    fn drop(&mut self) {
        let mut busy = self.0.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = busy.get_mut(&self.1) {
            *count -= 1;
        }
        drop(busy);
        self.0.changed.notify_waiters();
    }
}

impl Worker {
    /// Takes no more runs, and gives those at work back at their next step.
    pub async fn shutdown(mut self) {
        self.state.stopping.store(true, std::sync::atomic::Ordering::Release);
        self.state.changed.notify_waiters();
        let _ = (&mut self.task).await;
        self.runtime.shutdown().await;
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.task.abort();
    }
}
