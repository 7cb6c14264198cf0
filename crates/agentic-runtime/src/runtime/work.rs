//! Working on one run, from taking it to giving it back.

use std::any::Any;
use std::collections::btree_map::Entry;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use agentic_core::{Agent, AgentError, CancelReason, Guardrails, Partial, RunContext, RunId};
use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use tokio::sync::watch;

use super::{Active, Inner, Runtime, RuntimeError};
use crate::driven::Driven;
use crate::engine::{Engine, Halt, Record};
use crate::journal::{AgentResult, Begin, EntryKind, Seq};
use crate::report::{RunError, RunReport};
use crate::store::{Claim, JournalError, JournalErrorKind, Lease, Release, Wait, Which};
use crate::watch::Watch;

impl Runtime {
    /// Works on a run in the background, as long as it can go on by itself.
    pub(super) fn supervise(&self, run: RunId, agent: Option<Arc<dyn Agent>>) {
        self.0.unwritten().remove(&run);
        self.0.stopped().remove(&run);
        // From now on who asks for its report waits, though its record still says what it said before.
        let supervised = Supervised::new(self.clone(), run);
        tokio::spawn(async move {
            let runtime = &supervised.runtime;
            // What is wrong with the run stands in its record, and those who wait for it look there.
            if let Err(error) = runtime.work_through(run, agent).await
                && let Some(error) = error.into_journal()
            {
                runtime.0.keep_unwritten(run, &error);
            }
        });
    }

    async fn work_through(&self, run: RunId, agent: Option<Arc<dyn Agent>>) -> Result<(), RuntimeError> {
        let inner = &self.0;
        loop {
            let Some(lease) = self.take(run).await? else { return Ok(()) };
            let report = self.work(lease, agent.clone()).await?;
            match report.result {
                Err(RunError::Waits { waits, wake_at: Some(at) }) if only_time(&waits) => {
                    inner.sources.sleep(at.since(inner.now())).await;
                }
                _ => return Ok(()),
            }
        }
    }

    /// Takes a run, once nobody else works on it. `None` if there is nothing to do any more.
    async fn take(&self, run: RunId) -> Result<Option<Lease>, RuntimeError> {
        let inner = &self.0;
        loop {
            if inner.is_stopping() {
                return Ok(None);
            }
            let now = inner.now();
            let (owner, until) = (inner.owner.clone(), now.after(inner.lease));
            match inner.store.claim(&Claim { owner, which: Which::Run(run), now, until }).await {
                Ok(lease) => return Ok(lease),
                Err(error) if error.kind() == JournalErrorKind::Ended => return Ok(None),
                // Somebody here is at work on it.
                Err(_) if inner.active().contains_key(&run) => return Ok(None),
                Err(error) if error.kind() == JournalErrorKind::Busy => inner.sources.sleep(inner.poll).await,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Works on a run that is owned, until it ends or can't go on, and gives it back.
    pub(super) async fn work(
        &self,
        lease: Lease,
        agent: Option<Arc<dyn Agent>>,
    ) -> Result<RunReport, RuntimeError> {
        match self.prepared(&lease, agent).await {
            Ok((active, agent, begin)) => Ok(self.at_work(active, agent, begin).await),
            Err(error) => {
                // Another process may be able to make its agent, or this one later.
                let (now, wait) = (self.0.now(), Wait::Operator { message: error.to_string() });
                let waiting = Release::waiting(agentic_core::Reason::Internal, vec![wait], now);
                let wake_at = Some(now.after(self.0.lease));
                self.give_back(&lease, Release { wake_at, seen: 0, ..waiting }).await;
                Err(error)
            }
        }
    }

    async fn prepared(
        &self,
        lease: &Lease,
        agent: Option<Arc<dyn Agent>>,
    ) -> Result<(Arc<Active>, Arc<dyn Agent>, Begin), RuntimeError> {
        let (inner, run) = (&self.0, lease.run);
        let entries = inner.store.load(run, Seq(0)).await?;
        let corrupt = |what: String| {
            JournalError::new(JournalErrorKind::Corrupt, format!("the journal of run {run} {what}"))
        };
        let Some(EntryKind::Started { agent: name, budget, begin, .. }) =
            entries.first().map(|entry| &entry.kind)
        else {
            return Err(corrupt("does not begin with its start".into()).into());
        };
        let begin: Begin = begin.read().map_err(|error| corrupt(format!("has no goal: {error}")))?;
        let agent = match agent {
            Some(agent) if agent.name() == name => agent,
            Some(agent) => return Err(RuntimeError::other_agent(run, name, agent.name())),
            None => inner.agents.find(run, name, &begin.config).await?,
        };
        let budget = *budget;
        let watch = Watch::new(run, inner.sources.clone(), inner.events.clone());
        let watched = inner.events.is_some();
        let record = Record::resumed(inner.store.clone(), lease.clone(), entries).watched(watched);
        let (sources, approver) = (inner.sources.clone(), inner.approver.clone());
        let engine = Arc::new(Engine::recorded(run, budget, sources, watch, approver, record));
        engine.resumed(lease.attempt, inner.code.clone());
        let (ended, _) = watch::channel(None);
        let active = Arc::new(Active { lease: lease.clone(), engine, fed: Mutex::new(0), ended });
        let before = inner.active().insert(run, active.clone());
        // It was this process's before, which has slept beyond its lease.
        before.into_iter().for_each(|before| before.engine.close());
        self.tend();
        if let Err(error) = self.feed(&active).await {
            drop(Stop(inner.clone(), active));
            return Err(error.into());
        }
        if inner.is_stopping() {
            active.engine.stop();
        }
        Ok((active, agent, begin))
    }

    async fn at_work(&self, active: Arc<Active>, agent: Arc<dyn Agent>, begin: Begin) -> RunReport {
        let (inner, engine, lease) = (&self.0, &active.engine, &active.lease);
        // If this is dropped, the process is ending: nothing is written any more, as in a crash.
        let stop = Stop(inner.clone(), active.clone());
        engine.watch.take(Some(agent.name()));
        let gave = drive(engine, &*agent, &inner.guardrails, begin).await;
        engine.tell_foreign();
        let report = self.conclude(&active, gave).await;
        engine.close();
        if let Err(error) = &report.result
            && error.agent().is_none()
        {
            let (at, spend) = (inner.now(), report.spend);
            let reason = error.reason();
            let release = match error {
                RunError::Waits { waits, wake_at } => {
                    Release { wake_at: *wake_at, ..Release::waiting(reason, waits.clone(), at) }
                }
                RunError::HandedBack => Release::pending(at),
                RunError::Journal(_) => Release { orderly: false, ..Release::pending(at) },
                error => {
                    let wait = Wait::Operator { message: error.to_string() };
                    Release::waiting(reason, vec![wait], at)
                }
            };
            self.give_back(lease, Release { spend, seen: engine.seen(), ..release }).await;
            match error {
                RunError::Journal(error) => inner.keep_unwritten(lease.run, error),
                RunError::Waits { .. } => {}
                _ => drop(inner.stopped().insert(lease.run, report.clone())),
            }
        }
        engine.watch.release(report.reason);
        drop(stop);
        active.ended.send_replace(Some(report.clone()));
        report
    }

    /// Writes down how the run ends, if it does.
    async fn conclude(&self, active: &Active, gave: Result<AgentResult, RunError>) -> RunReport {
        let (engine, run) = (&active.engine, active.lease.run);
        loop {
            // What was accepted before the end counts.
            let fed = self.feed(active).await;
            let result = gave.clone().and_then(|result| ended(engine, result));
            if !matches!(result, Ok(_) | Err(RunError::Agent(_))) {
                engine.stop();
                engine.settled().await;
            }
            let mut report = RunReport::new(run, result, engine.ledger.state().spent);
            let mut idle = false;
            // It can't go on, and nobody wants it to.
            if let Err(RunError::Diverged(_) | RunError::Foreign | RunError::Panicked(_)) = &report.result
                && let Some(post) = engine.unheard_cancel()
            {
                let reason = CancelReason::Requested;
                engine.write(EntryKind::CancelRequested { reason }, post);
                (report, idle) = (RunReport::cancelled(run, reason, report.spend), true);
            }
            let written = match report.entry(idle) {
                Some(end) => engine.finish(end, idle).await,
                None => engine.durable().await.map(|()| true),
            };
            match written {
                Ok(true) => return report,
                // Something came in the last moment, and can be read the next time.
                Ok(false) => {
                    if let Err(error) = fed {
                        return RunReport::new(run, Err(RunError::Journal(error)), report.spend);
                    }
                }
                Err(halt) => return RunReport::new(run, Err(halt.into()), report.spend),
            }
        }
    }

    async fn give_back(&self, lease: &Lease, release: Release) {
        // If it can't be given back, its lease runs out.
        drop(self.0.store.release(lease, release).await);
    }
}

/// Whether nobody outside is waited for.
pub(super) fn only_time(waits: &[Wait]) -> bool {
    waits.iter().all(|wait| matches!(wait, Wait::Time { .. }))
}

/// Somebody here takes a run, or works on it, while this lives.
struct Supervised {
    runtime: Runtime,
    run: RunId,
}

impl Supervised {
    fn new(runtime: Runtime, run: RunId) -> Self {
        *runtime.0.supervised().entry(run).or_default() += 1;
        Self { runtime, run }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        let inner = &self.runtime.0;
        if let Entry::Occupied(mut count) = inner.supervised().entry(self.run) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        inner.tending.notify_waiters();
    }
}

/// The run is no longer at work here.
struct Stop(Arc<Inner>, Arc<Active>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.1.engine.close();
        let mut active = self.0.active();
        if active.get(&self.1.lease.run).is_some_and(|active| Arc::ptr_eq(active, &self.1)) {
            active.remove(&self.1.lease.run);
        }
    }
}

/// Runs the agent, behind these guardrails, until it ends or can't go on, and with it the effects that must not be cut.
pub(crate) async fn drive(
    engine: &Arc<Engine>,
    agent: &dyn Agent,
    guardrails: &Guardrails,
    begin: Begin,
) -> Result<AgentResult, RunError> {
    engine.drive_from_root();
    let cx: RunContext = engine.context();
    // What panics in one agent must not take others with it.
    let agent = AssertUnwindSafe(guardrails.run(agent, begin.goal, &cx)).catch_unwind();
    let given_up = engine.given_up(engine.time_left()).boxed();
    let result = match select(Driven::new(agent, engine), given_up).await {
        Either::Left((Some(Ok(result)), _)) => result,
        Either::Left((Some(Err(panic)), _)) => return Err(RunError::Panicked(said(&*panic))),
        Either::Left((None, _)) => return Err(engine.halted().into()),
        // It waits for something that is no step of its run, or it never stops asking.
        Either::Right((reason, _)) => cancelled(reason, Partial::default()),
    };
    engine.settled().await;
    Ok(result)
}

/// The result of a run whose agent has ended with this. A run that was to end is never completed, whatever its agent makes
/// of that.
pub(crate) fn ended(engine: &Arc<Engine>, result: AgentResult) -> Result<agentic_core::Outcome, RunError> {
    let result = match (result, engine.ends()?) {
        (Ok(outcome), Some(reason)) => {
            cancelled(reason, Partial { text: outcome.text(), spend: outcome.spend })
        }
        (result, _) => result,
    };
    Ok(result?)
}

/// What was said by whoever panicked.
pub(crate) fn said(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

fn cancelled(reason: CancelReason, partial: Partial) -> AgentResult {
    Err(AgentError::Cancelled { reason, partial: Box::new(partial) })
}

impl From<Halt> for RunError {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Waits { waits, wake_at } => Self::Waits { waits, wake_at },
            Halt::Diverged(divergence) => Self::Diverged(divergence),
            Halt::Foreign => Self::Foreign,
            Halt::Journal(error) => Self::Journal(error),
            Halt::HandBack => Self::HandedBack,
        }
    }
}
