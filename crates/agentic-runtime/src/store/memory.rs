//! Journals in memory: for tests, and for programs that want all of a durable run but its durability.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use agentic_core::{RunId, Timestamp, async_trait};

use super::JournalStore;
use super::error::JournalError;
use super::record::{Kept, exists, in_order, no_entries, not_found, not_posted, not_seen};
use super::types::{Append, Claim, Lease, NewRun, Post, Posted, Release, RunFilter, RunRecord, Which};
use crate::journal::{Entry, Seq};

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
    kept: Kept,
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
        self.runs.get_mut(&run).ok_or_else(|| not_found(run))
    }

    fn owned(&mut self, lease: &Lease) -> Result<&mut Run, JournalError> {
        let run = self.get(lease.run)?;
        run.kept.owned_by(lease)?;
        Ok(run)
    }

    fn append(&mut self, append: &mut Append) -> Result<(), JournalError> {
        let Append { lease, entries, consumed, seen, .. } = append;
        let run = self.owned(lease)?;
        if entries.is_empty() {
            return Err(no_entries(lease.run));
        }
        in_order(lease.run, entries, Seq(run.entries.len() as u64).next())?;
        let unread = |id: &u64| run.posted.iter().any(|posted| posted.id == *id);
        if let Some(id) = consumed.iter().find(|id| !unread(id)) {
            return Err(not_posted(lease.run, *id));
        }
        let ends = entries.last().is_some_and(|last| last.kind.is_end());
        if let Some(seen) = seen.filter(|_| ends)
            && run.posted.iter().any(|posted| posted.id > seen && !consumed.contains(&posted.id))
        {
            return Err(not_seen(lease.run));
        }
        run.entries.append(entries);
        run.kept.record.entries = run.entries.len() as u64;
        run.posted.retain(|posted| !consumed.contains(&posted.id));
        if let Some(last) = run.entries.last() {
            run.kept.end(last);
        }
        Ok(())
    }
}

#[async_trait]
impl JournalStore for MemoryStore {
    async fn create(&self, new: NewRun) -> Result<(), JournalError> {
        let mut state = self.state();
        if state.runs.contains_key(&new.id) {
            return Err(exists(new.id));
        }
        let kept = Kept::accepted(&new)?;
        let run = Run { kept, entries: new.entries, posted: Vec::new(), keys: HashSet::new() };
        state.runs.insert(new.id, run);
        Ok(())
    }

    async fn run(&self, run: RunId) -> Result<RunRecord, JournalError> {
        Ok(self.state().get(run)?.kept.record.clone())
    }

    async fn list(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, JournalError> {
        let state = self.state();
        let records = state.runs.values().map(|run| &run.kept.record);
        let mut runs: Vec<_> = records.filter(|record| filter.fits(record)).cloned().collect();
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
        state.get(run)?.kept.can_go(now)?;
        state.runs.remove(&run);
        Ok(())
    }

    async fn due_queues(&self, now: Timestamp) -> Result<Vec<String>, JournalError> {
        let state = self.state();
        let records = state.runs.values().map(|run| &run.kept.record);
        let queues: HashSet<_> = records.filter(|record| record.is_due(now)).map(|it| &it.queue).collect();
        Ok(queues.into_iter().cloned().collect())
    }

    async fn claim(&self, claim: &Claim) -> Result<Option<Lease>, JournalError> {
        let mut state = self.state();
        let run = match &claim.which {
            Which::Run(id) => state.get(*id)?,
            Which::Next { queue } => {
                let due = state.runs.values_mut().filter(|run| {
                    let record = &run.kept.record;
                    record.queue == *queue && record.is_due(claim.now)
                });
                match due.min_by_key(|run| (run.kept.record.updated, run.kept.record.id)) {
                    Some(run) => run,
                    None => return Ok(None),
                }
            }
        };
        run.kept.claim(claim).map(Some)
    }

    async fn renew(&self, leases: &[Lease], until: Timestamp) -> Result<Vec<RunId>, JournalError> {
        let mut state = self.state();
        let mut lost = Vec::new();
        for lease in leases {
            match state.owned(lease) {
                Ok(run) => run.kept.record.leased_until = Some(until),
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
        let unread = run.posted.iter().any(|posted| posted.id > release.seen);
        run.kept.release(release, unread);
        Ok(())
    }

    async fn post(&self, run: RunId, post: Post) -> Result<(), JournalError> {
        let mut state = self.state();
        let id = state.last_post + 1;
        let to = state.get(run)?;
        to.kept.post(&post, to.keys.contains(&post.key))?;
        let Post { key, content, at } = post;
        to.keys.insert(key.clone());
        to.posted.push(Posted { id, key, content, at });
        state.last_post = id;
        Ok(())
    }

    async fn posted(&self, run: RunId) -> Result<Vec<Posted>, JournalError> {
        Ok(self.state().get(run)?.posted.clone())
    }

    async fn posted_to(&self, owner: &str) -> Result<Vec<RunId>, JournalError> {
        let state = self.state();
        let theirs = |run: &&Run| run.kept.record.owner.as_deref() == Some(owner) && !run.posted.is_empty();
        Ok(state.runs.values().filter(theirs).map(|run| run.kept.record.id).collect())
    }
}
