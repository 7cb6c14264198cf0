//! Journals in memory: for tests, and for programs that want all of a durable run but its durability.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use agentic_core::{RunId, RunStatus, Spend, Timestamp, async_trait};

use super::JournalStore;
use super::error::{JournalError, JournalErrorKind as Kind};
use super::types::{
    Append, Claim, Lease, NewRun, Post, Posted, Release, RunFilter, RunRecord, Which, follows,
};
use crate::journal::{Entry, EntryKind, Seq};

/// Journals in memory. They are gone with the process.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    runs: BTreeMap<RunId, Run>,
    last_post: u64,
}

#[derive(Debug)]
struct Run {
    record: RunRecord,
    epoch: u64,
    entries: Vec<Entry>,
    posted: Vec<Posted>,
    keys: HashSet<String>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn get(&mut self, run: RunId) -> Result<&mut Run, JournalError> {
        self.runs
            .get_mut(&run)
            .ok_or_else(|| JournalError::new(Kind::NotFound, format!("there is no run {run}")))
    }

    fn owned(&mut self, lease: &Lease) -> Result<&mut Run, JournalError> {
        let run = self.get(lease.run)?;
        if run.epoch != lease.epoch || run.record.status != RunStatus::Running {
            let message = format!("run {} belongs to another process now", lease.run);
            return Err(JournalError::new(Kind::Fenced, message));
        }
        Ok(run)
    }

    fn append(&mut self, append: &mut Append) -> Result<(), JournalError> {
        let run = self.owned(&append.lease)?;
        if !follows(&append.entries, Seq(run.entries.len() as u64).next()) {
            let message = format!("entries of run {} are out of order", append.lease.run);
            return Err(JournalError::new(Kind::Invalid, message));
        }
        run.entries.append(&mut append.entries);
        run.record.entries = run.entries.len() as u64;
        run.posted.retain(|posted| !append.consumed.contains(&posted.id));
        run.ends();
        Ok(())
    }
}

impl Run {
    /// Takes over what the last entry says of the run's end, if it is one.
    fn ends(&mut self) {
        let Some(Entry { kind: EntryKind::Finished { status, reason, spend, error, .. }, at, .. }) =
            self.entries.last()
        else {
            return;
        };
        let record = &mut self.record;
        (record.status, record.reason, record.spend) = (*status, *reason, *spend);
        (record.error, record.updated, record.attempts) = (error.clone(), *at, 0);
        record.rests();
    }

    fn is_due(&self, now: Timestamp) -> bool {
        match self.record.status {
            RunStatus::Pending => true,
            RunStatus::Waiting => self.record.wake_at.is_some_and(|at| at <= now),
            RunStatus::Running => self.record.leased_until.is_none_or(|until| until < now),
            RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled => false,
        }
    }
}

impl RunRecord {
    /// Nobody works on it, and it waits for nothing.
    fn rests(&mut self) {
        (self.owner, self.leased_until, self.wake_at) = (None, None, None);
        self.waits.clear();
    }

    fn has_ended(&self) -> bool {
        matches!(self.status, RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled)
    }

    fn released(&mut self, release: Release) {
        let Release { reason, waits, wake_at, spend, at, orderly } = release;
        self.rests();
        self.status = if reason.is_some() { RunStatus::Waiting } else { RunStatus::Pending };
        (self.reason, self.waits, self.wake_at, self.spend) = (reason, waits, wake_at, spend);
        self.updated = at;
        if orderly {
            self.attempts = 0;
        }
    }
}

#[async_trait]
impl JournalStore for MemoryStore {
    async fn create(&self, new: NewRun) -> Result<(), JournalError> {
        let mut state = self.state();
        if state.runs.contains_key(&new.id) {
            return Err(JournalError::new(Kind::Exists, format!("there is a run {} already", new.id)));
        }
        if !follows(&new.entries, Seq(1)) {
            let message = format!("entries of run {} are out of order", new.id);
            return Err(JournalError::new(Kind::Invalid, message));
        }
        let mut record = RunRecord {
            id: new.id,
            status: RunStatus::Pending,
            reason: None,
            goal: new.goal,
            agent: new.agent,
            queue: new.queue,
            created: new.at,
            updated: new.at,
            entries: new.entries.len() as u64,
            attempts: 0,
            spend: Spend::default(),
            error: None,
            waits: Vec::new(),
            wake_at: None,
            owner: None,
            leased_until: None,
            forked_from: new.forked_from,
        };
        if let Some(release) = new.waits {
            record.released(release);
        }
        let mut run =
            Run { record, epoch: 0, entries: new.entries, posted: Vec::new(), keys: HashSet::new() };
        run.ends();
        state.runs.insert(new.id, run);
        Ok(())
    }

    async fn run(&self, run: RunId) -> Result<RunRecord, JournalError> {
        Ok(self.state().get(run)?.record.clone())
    }

    async fn list(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, JournalError> {
        let state = self.state();
        let fits = |record: &&RunRecord| {
            filter.status.is_none_or(|status| record.status == status)
                && filter.queue.as_ref().is_none_or(|queue| record.queue == *queue)
                && filter.ended_before.is_none_or(|at| record.has_ended() && record.updated < at)
        };
        let mut runs: Vec<_> = state.runs.values().map(|run| &run.record).filter(fits).cloned().collect();
        runs.sort_by_key(|record| std::cmp::Reverse((record.created, record.id)));
        runs.truncate(filter.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX)));
        Ok(runs)
    }

    async fn load(&self, run: RunId, after: Seq) -> Result<Vec<Entry>, JournalError> {
        let mut state = self.state();
        let after = usize::try_from(after.0).unwrap_or(usize::MAX);
        Ok(state.get(run)?.entries.iter().skip(after).cloned().collect())
    }

    async fn delete(&self, run: RunId, now: Timestamp) -> Result<(), JournalError> {
        let mut state = self.state();
        let held = state.get(run)?;
        if held.record.status == RunStatus::Running && !held.is_due(now) {
            let message = format!("run {run} is at work; cancel it first");
            return Err(JournalError::new(Kind::Busy, message));
        }
        state.runs.remove(&run);
        Ok(())
    }

    async fn due_queues(&self, now: Timestamp) -> Result<Vec<String>, JournalError> {
        let state = self.state();
        let due = state.runs.values().filter(|run| run.is_due(now));
        let queues: HashSet<_> = due.map(|run| run.record.queue.clone()).collect();
        Ok(queues.into_iter().collect())
    }

    async fn claim(&self, claim: &Claim) -> Result<Option<Lease>, JournalError> {
        let mut state = self.state();
        let run = match &claim.which {
            Which::Run(id) => {
                let run = state.get(*id)?;
                if run.record.has_ended() {
                    return Err(JournalError::new(Kind::Ended, format!("run {id} has ended")));
                }
                if run.record.status == RunStatus::Running && !run.is_due(claim.now) {
                    let message = format!("run {id} is at work in another process");
                    return Err(JournalError::new(Kind::Busy, message));
                }
                run
            }
            Which::Next { queue } => {
                let due =
                    state.runs.values_mut().filter(|run| run.record.queue == *queue && run.is_due(claim.now));
                match due.min_by_key(|run| (run.record.updated, run.record.id)) {
                    Some(run) => run,
                    None => return Ok(None),
                }
            }
        };
        run.epoch += 1;
        let record = &mut run.record;
        record.rests();
        (record.status, record.reason, record.updated) = (RunStatus::Running, None, claim.now);
        record.attempts += 1;
        (record.owner, record.leased_until) = (Some(claim.owner.clone()), Some(claim.until));
        Ok(Some(Lease { run: record.id, epoch: run.epoch, attempt: record.attempts }))
    }

    async fn renew(&self, leases: &[Lease], until: Timestamp) -> Result<Vec<RunId>, JournalError> {
        let mut state = self.state();
        let mut lost = Vec::new();
        for lease in leases {
            match state.owned(lease) {
                Ok(run) => run.record.leased_until = Some(until),
                Err(_) => lost.push(lease.run),
            }
        }
        Ok(lost)
    }

    fn append(&self, mut append: Append) {
        let appended = self.state().append(&mut append);
        append.done.tell(appended);
    }

    async fn release(&self, lease: &Lease, release: Release) -> Result<(), JournalError> {
        let mut state = self.state();
        let run = state.owned(lease)?;
        let at = release.at;
        run.record.released(release);
        if !run.posted.is_empty() {
            run.record.wake_at = Some(at);
        }
        Ok(())
    }

    async fn post(&self, run: RunId, post: Post) -> Result<(), JournalError> {
        let mut state = self.state();
        let id = state.last_post + 1;
        let to = state.get(run)?;
        if to.record.has_ended() {
            return Err(JournalError::new(Kind::Ended, format!("run {run} has ended")));
        }
        let Post { key, content, at } = post;
        if !to.keys.insert(key.clone()) {
            let message = format!("`{key}` was posted to run {run} before");
            return Err(JournalError::new(Kind::Exists, message));
        }
        to.posted.push(Posted { id, key, content, at });
        if to.record.status == RunStatus::Waiting {
            to.record.wake_at = Some(at);
        }
        state.last_post = id;
        Ok(())
    }

    async fn posted(&self, run: RunId) -> Result<Vec<Posted>, JournalError> {
        Ok(self.state().get(run)?.posted.clone())
    }

    async fn posted_to(&self, owner: &str) -> Result<Vec<RunId>, JournalError> {
        let state = self.state();
        let theirs = |run: &&Run| run.record.owner.as_deref() == Some(owner) && !run.posted.is_empty();
        Ok(state.runs.values().filter(theirs).map(|run| run.record.id).collect())
    }
}
