//! Copies of runs: forks, exports, imports and repetitions.

use agentic_core::{Agent, RunId};

use super::{Run, Runtime, RuntimeError};
use crate::bundle::Bundle;
use crate::fork::Fork;
use crate::journal::{Begin, EntryKind};
use crate::report::RunReport;
use crate::store::NewRun;

impl Runtime {
    /// Makes another run that goes on from a step of this one. It is accepted, durably; [resume](Self::resume) it to go on.
    ///
    /// # Errors
    /// If there is no such run or step.
    pub async fn fork(&self, run: RunId, fork: &Fork) -> Result<Run, RuntimeError> {
        let inner = &self.0;
        let (record, journal) =
            (inner.store.run(run).await?, inner.store.load(run, Default::default()).await?);
        let (id, at) = (RunId(inner.sources.id()), inner.now());
        let entries = fork.journal(run, &journal, inner.seed(id), at)?;
        let goal = match entries.first().map(|entry| &entry.kind) {
            Some(EntryKind::Started { begin, .. }) => begin.read::<Begin>().unwrap_or_default().goal.text,
            _ => record.goal,
        };
        let (queue, agent, forked_from) = (record.queue, record.agent, Some(run));
        inner.store.create(NewRun { id, queue, agent, goal, at, entries, forked_from, waits: None }).await?;
        Ok(Run::new(self.clone(), id))
    }

    /// Runs an agent again from a run's journal alone, see [`replay`](crate::replay), behind the guardrails of this runtime.
    ///
    /// # Errors
    /// If there is no such run, or its journal can't be read.
    pub async fn replay(&self, run: RunId, agent: &dyn Agent) -> Result<RunReport, RuntimeError> {
        let journal = self.journal(run).await?;
        Ok(crate::replay::replay_guarded(agent, &self.0.guardrails, run, &journal).await?)
    }

    /// A run as one file.
    ///
    /// # Errors
    /// If there is no such run, or its journal can't be read.
    pub async fn export(&self, run: RunId) -> Result<Bundle, RuntimeError> {
        let record = self.run(run).await?;
        Ok(Bundle::of(&record, self.journal(run).await?))
    }

    /// Takes a run in that was exported, under its own id. If it has not ended, it can be resumed.
    ///
    /// # Errors
    /// If there is a run with its id.
    pub async fn import(&self, bundle: Bundle) -> Result<Run, RuntimeError> {
        let id = bundle.run;
        self.0.store.create(bundle.new_run(self.0.now())?).await?;
        Ok(Run::new(self.clone(), id))
    }
}
