//! The runtime: starts durable runs, goes on with them, and takes in what comes from outside.

mod agents;
mod copies;
mod error;
mod lookup;
mod options;
mod outside;
mod rules;
mod run;
mod tend;
mod work;
mod worker;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentic_core::{Agent, CancelReason, Digest, EventSink, Goal, Guardrails, RunId, Sources, Timestamp};
use tokio::sync::watch;

pub use agents::{AgentSource, NoAgent};
pub use error::{RuntimeError, RuntimeErrorKind};
pub use options::{RunOptions, RuntimeBuilder};
pub use run::Run;
pub(crate) use work::{drive, ended, said};
pub use worker::{Worker, WorkerOptions};

use crate::approver::Approver;
use crate::engine::Engine;
use crate::journal::{Begin, Entry, EntryKind, Seq};
use crate::report::RunReport;
use crate::store::{JournalError, JournalErrorKind, JournalStore, Lease, NewRun};
use crate::watch::Watch;

use self::agents::Agents;

/// Runs agents durably: what they do is written into journals, so that a run goes on where it stopped, whatever stopped
/// it, and nothing that is finished is done or paid for twice.
///
/// Cheap to clone; clones share everything. Needs a tokio runtime.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    store: Arc<dyn JournalStore>,
    sources: Arc<dyn Sources>,
    events: Option<Arc<dyn EventSink>>,
    approver: Option<Arc<dyn Approver>>,
    guardrails: Guardrails,
    agents: Agents,
    /// The program's version, as it calls itself.
    code: String,
    /// The name under which this process owns runs.
    owner: String,
    lease: Duration,
    poll: Duration,
    max_attempts: u32,
    active: Mutex<BTreeMap<RunId, Arc<Active>>>,
    /// Runs that somebody here has begun to take, or works on.
    supervised: Mutex<BTreeMap<RunId, usize>>,
    /// Runs that stopped here since their journals can't be read or written, and nothing in their records says so.
    unwritten: Mutex<BTreeMap<RunId, JournalError>>,
    /// Runs that stopped short here, for a reason that is no wait.
    stopped: Mutex<BTreeMap<RunId, RunReport>>,
    /// Whether this process takes no more runs.
    stopping: AtomicBool,
    /// Whether somebody looks after the runs at work here.
    tended: AtomicBool,
    /// Told when a run could not be worked on.
    tending: tokio::sync::Notify,
}

/// A run that is at work in this process.
#[derive(Debug)]
struct Active {
    lease: Lease,
    engine: Arc<Engine>,
    /// The last post that was handed to it.
    fed: Mutex<u64>,
    ended: watch::Sender<Option<RunReport>>,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("store", &self.0.store)
            .field("owner", &self.0.owner)
            .finish_non_exhaustive()
    }
}

impl Runtime {
    /// A runtime on this store, with the defaults of [`RuntimeBuilder`].
    pub fn new(store: impl JournalStore) -> Self {
        Self::builder(store).build()
    }

    /// A runtime on this store, to be set up.
    pub fn builder(store: impl JournalStore) -> RuntimeBuilder {
        RuntimeBuilder::new(Arc::new(store))
    }

    /// Makes an agent known by its name, so that its runs can go on after a restart. A later agent of the same name
    /// takes its place.
    pub fn register(&self, agent: impl Agent) {
        self.0.agents.register(Arc::new(agent));
    }

    /// Starts a run with the default options. It is accepted, durably, when this returns, and works on in the background.
    ///
    /// # Errors
    /// If the run can't be written down.
    pub async fn start(&self, agent: impl Agent, goal: impl Into<Goal>) -> Result<Run, RuntimeError> {
        self.start_with(agent, goal, RunOptions::default()).await
    }

    /// Starts a run.
    ///
    /// # Errors
    /// If the run can't be written down, or there is one with the id of the options.
    ///
    /// # Cancel safety
    /// If the future is dropped, the run was accepted or it was not; it does not work until it is
    /// [resumed](Self::resume).
    pub async fn start_with(
        &self,
        agent: impl Agent,
        goal: impl Into<Goal>,
        options: RunOptions,
    ) -> Result<Run, RuntimeError> {
        let agent: Arc<dyn Agent> = Arc::new(agent);
        self.0.agents.register(agent.clone());
        let run = self.submit(agent.name(), goal, options).await?;
        self.supervise(run, Some(agent));
        Ok(Run::new(self.clone(), run))
    }

    /// Accepts a run, durably, for a [worker](Self::worker) to work on.
    ///
    /// # Errors
    /// If the run can't be written down, or there is one with the id of the options.
    pub async fn submit(
        &self,
        agent: &str,
        goal: impl Into<Goal>,
        options: RunOptions,
    ) -> Result<RunId, RuntimeError> {
        let inner = &self.0;
        let RunOptions { id, queue, budget, config, rules } = options;
        let (goal, id) = (goal.into(), id.unwrap_or_else(|| RunId(inner.sources.id())));
        let text = goal.text.clone();
        let seed = inner.seed(id);
        let begin = Begin { goal, config, rules };
        let (at, code) = (inner.sources.now(), inner.code.clone());
        let kind = EntryKind::started(agent, code, seed, budget, &begin).map_err(RuntimeError::no_json)?;
        let first = Entry { seq: Seq(1), at, kind };
        let (agent, entries) = (agent.into(), vec![first.clone()]);
        let new = NewRun { id, queue, agent, goal: text, at, entries, forked_from: None, waits: None };
        inner.store.create(new).await?;
        Watch::new(id, inner.sources.clone(), inner.events.clone()).publish(&first);
        Ok(id)
    }

    /// Goes on with a run of an agent that is [registered](Self::register), or known to the
    /// [source of agents](RuntimeBuilder::agents). A run that has ended is not run again: its report is what it was.
    ///
    /// If another process works on it, this waits until that process is done with it, or is found to be gone.
    ///
    /// # Errors
    /// If there is no such run, or its agent is not known.
    pub async fn resume(&self, run: RunId) -> Result<Run, RuntimeError> {
        self.0.store.run(run).await?;
        self.supervise(run, None);
        Ok(Run::new(self.clone(), run))
    }

    /// Goes on with a run, with this agent.
    ///
    /// # Errors
    /// If there is no such run, or it was begun by an agent of another name.
    pub async fn resume_with(&self, run: RunId, agent: impl Agent) -> Result<Run, RuntimeError> {
        let record = self.0.store.run(run).await?;
        if record.agent != agent.name() {
            return Err(RuntimeError::other_agent(run, &record.agent, agent.name()));
        }
        self.supervise(run, Some(Arc::new(agent)));
        Ok(Run::new(self.clone(), run))
    }

    /// Where journals are kept.
    pub fn store(&self) -> &dyn JournalStore {
        &*self.0.store
    }

    /// Gives all runs back that are at work here: each stops at its next step, and goes on when it is resumed. Waits until
    /// they have stopped; effects that must not be cut off end first, and what came of them is kept. This runtime takes no more
    /// runs.
    pub async fn shutdown(&self) {
        self.hand_back(false).await;
    }

    /// Gives all runs back as [`shutdown`](Self::shutdown) does, but tells effects that must not be cut off to end, as if
    /// their run were cancelled: a command in a shell is stopped. One that ends well has its outcome; of one that fails then
    /// nobody knows how far it came, so it is open as after a crash.
    pub async fn interrupt(&self) {
        self.hand_back(true).await;
    }

    async fn hand_back(&self, now: bool) {
        self.0.stopping.store(true, Ordering::Release);
        let active: Vec<_> = self.0.active().values().cloned().collect();
        for run in &active {
            run.engine.stop();
            if now {
                run.engine.cancellation.cancel(CancelReason::Requested);
            }
        }
        let ending: Vec<_> = active.iter().map(|run| run.ended.subscribe()).collect();
        // Whoever works on it has the last sender: if that is gone, so is the run.
        drop(active);
        for mut ended in ending {
            let _ = ended.wait_for(Option::is_some).await;
        }
        self.0.tending.notify_waiters();
    }
}

impl Inner {
    fn active(&self) -> MutexGuard<'_, BTreeMap<RunId, Arc<Active>>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn supervised(&self) -> MutexGuard<'_, BTreeMap<RunId, usize>> {
        self.supervised.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopped(&self) -> MutexGuard<'_, BTreeMap<RunId, RunReport>> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn unwritten(&self) -> MutexGuard<'_, BTreeMap<RunId, JournalError>> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps why a run stopped here, unless others can go on with it, or have ended it.
    fn keep_unwritten(&self, run: RunId, error: &JournalError) {
        let others = matches!(
            error.kind(),
            JournalErrorKind::Fenced | JournalErrorKind::Ended | JournalErrorKind::Busy
        );
        if !others {
            self.unwritten().insert(run, error.clone());
        }
    }

    fn now(&self) -> Timestamp {
        self.sources.now()
    }

    fn seed(&self, run: RunId) -> Digest {
        Digest::of(&(run, self.sources.random(), self.sources.random())).unwrap_or_default()
    }
}
