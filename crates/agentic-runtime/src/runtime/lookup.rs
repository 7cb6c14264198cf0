//! What is known of runs.

use std::time::Duration;

use agentic_core::{RunId, RunStatus};

use super::work::only_time;
use super::{Runtime, RuntimeError};
use crate::journal::{Entry, Seq};
use crate::report::{RunError, RunReport};
use crate::store::{JournalError, JournalErrorKind, RunFilter, RunRecord};

/// How long the record of a run that waits for a time is not looked at, at most.
const PAUSE: Duration = Duration::from_secs(10);

impl Runtime {
    /// What is known of a run.
    ///
    /// # Errors
    /// If there is no such run.
    pub async fn run(&self, run: RunId) -> Result<RunRecord, RuntimeError> {
        Ok(self.0.store.run(run).await?)
    }

    /// The runs that fit, the youngest first.
    ///
    /// # Errors
    /// If the store can't be read.
    pub async fn list(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, RuntimeError> {
        Ok(self.0.store.list(filter).await?)
    }

    /// The journal of a run.
    ///
    /// # Errors
    /// If there is no such run, or its journal can't be read.
    pub async fn journal(&self, run: RunId) -> Result<Vec<Entry>, RuntimeError> {
        Ok(self.0.store.load(run, Seq(0)).await?)
    }

    /// Takes a run away, with all that is known of it.
    ///
    /// # Errors
    /// If there is no such run, or somebody works on it.
    pub async fn delete(&self, run: RunId) -> Result<(), RuntimeError> {
        Ok(self.0.store.delete(run, self.0.now()).await?)
    }

    /// How a run ended, or for whom it waits. Waits while it is at work, in whichever process.
    ///
    /// # Errors
    /// If there is no such run, or its journal can't be read.
    ///
    /// A run that stopped in this process since its journal can't be written is reported with that error.
    pub async fn report(&self, run: RunId) -> Result<RunReport, RuntimeError> {
        let inner = &self.0;
        loop {
            let noticed = inner.tending.notified();
            if inner.supervised().contains_key(&run) {
                noticed.await;
                continue;
            }
            let active = inner.active().get(&run).cloned();
            if let Some(active) = active {
                let mut ended = active.ended.subscribe();
                // Whoever works on it has the last sender: if that is gone, so is the run.
                drop(active);
                // An error says that it is no longer at work here: its record says more.
                let _ = ended.wait_for(Option::is_some).await;
            }
            let record = inner.store.run(run).await?;
            let pending = match record.status {
                status if status.has_ended() => return self.ended(&record).await,
                // Here is known more exactly what its record says.
                _ if let Some(report) = inner.stopped().get(&run).cloned() => return Ok(report),
                _ if inner.is_stopping() && !inner.active().contains_key(&run) => {
                    return Ok(RunReport::new(run, Err(RunError::HandedBack), record.spend));
                }
                RunStatus::Waiting if !only_time(&record.waits) || record.waits.is_empty() => {
                    return Ok(waiting(record));
                }
                _ => record,
            };
            let unwritten = inner.unwritten().get(&run).cloned();
            if let Some(error) = unwritten {
                return Ok(RunReport::new(run, Err(RunError::Journal(error)), pending.spend));
            }
            // Somebody else works on it, or it waits for its turn or a time.
            let time = pending.wake_at.map(|at| at.since(inner.now())).unwrap_or_default();
            let pause = inner.sources.sleep(time.min(PAUSE).max(inner.poll));
            tokio::select! {
                biased;
                () = noticed => {}
                () = pause => {}
            }
        }
    }

    async fn ended(&self, record: &RunRecord) -> Result<RunReport, RuntimeError> {
        let last = self.0.store.load(record.id, Seq(record.entries.saturating_sub(1))).await?;
        let report = last.last().and_then(|entry| RunReport::of_entry(record.id, &entry.kind));
        report.ok_or_else(|| {
            let message = format!("the journal of run {} has no end, though it has ended", record.id);
            JournalError::new(JournalErrorKind::Corrupt, message).into()
        })
    }
}

fn waiting(record: RunRecord) -> RunReport {
    let RunRecord { id, reason, waits, wake_at, spend, .. } = record;
    let mut report = RunReport::new(id, Err(RunError::Waits { waits, wake_at }), spend);
    report.reason = reason;
    report.status = RunStatus::Waiting;
    report
}
