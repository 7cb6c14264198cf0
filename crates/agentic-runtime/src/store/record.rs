//! The rules of a run's record: what each call of a store makes of it. Every store follows them.

use agentic_core::{RunId, RunStatus, Spend, Timestamp};

use super::error::{JournalError, JournalErrorKind as Kind};
use super::types::{Claim, Lease, NewRun, Post, Release, RunFilter, RunRecord};
use crate::journal::{Entry, EntryKind, Seq};

/// A run as a store keeps it, without its journal.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// What everybody may see.
    pub(super) record: RunRecord,
    /// How often it was claimed, ever.
    pub(super) epoch: u64,
}

impl Kept {
    /// A run that is accepted.
    pub(super) fn accepted(new: &NewRun) -> Result<Self, JournalError> {
        in_order(new.id, &new.entries, Seq(1))?;
        let record = RunRecord {
            id: new.id,
            status: RunStatus::Pending,
            reason: None,
            goal: new.goal.clone(),
            agent: new.agent.clone(),
            queue: new.queue.clone(),
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
        let mut kept = Self { record, epoch: 0 };
        if let Some(release) = &new.waits {
            kept.release(release.clone(), false);
        }
        if let Some(last) = new.entries.last() {
            kept.end(last);
        }
        Ok(kept)
    }

    /// Whether this lease is the one that holds now.
    pub(super) fn owned_by(&self, lease: &Lease) -> Result<(), JournalError> {
        holds(lease, self.epoch, self.record.status)
    }

    /// Takes over what this entry says of the run's end, if it does.
    pub(super) fn end(&mut self, last: &Entry) {
        let EntryKind::Finished { status, reason, spend, error, .. } = &last.kind else { return };
        let record = &mut self.record;
        (record.status, record.reason, record.spend) = (*status, *reason, *spend);
        (record.error, record.updated, record.attempts) = (error.clone(), last.at, 0);
        record.rests();
    }

    /// Gives it to whoever claims it.
    pub(super) fn claim(&mut self, claim: &Claim) -> Result<Lease, JournalError> {
        let record = &mut self.record;
        let id = record.id;
        record.not_ended()?;
        if record.status == RunStatus::Running && !record.is_due(claim.now) {
            let message = format!("run {id} is at work in another process; wait for it, or ask that process");
            return Err(JournalError::new(Kind::Busy, message));
        }
        record.rests();
        (record.status, record.reason, record.updated) = (RunStatus::Running, None, claim.now);
        (record.owner, record.leased_until) = (Some(claim.owner.clone()), Some(claim.until));
        record.attempts += 1;
        self.epoch += 1;
        Ok(Lease { run: id, epoch: self.epoch, attempt: record.attempts })
    }

    /// Takes it back from its owner. `unread`: something was posted to it that its owner has not
    /// seen.
    pub(super) fn release(&mut self, release: Release, unread: bool) {
        let Release { reason, waits, wake_at, spend, at, orderly, seen: _ } = release;
        let record = &mut self.record;
        record.rests();
        record.status = if reason.is_some() { RunStatus::Waiting } else { RunStatus::Pending };
        (record.reason, record.waits, record.wake_at, record.spend) = (reason, waits, wake_at, spend);
        record.updated = at;
        if orderly {
            record.attempts = 0;
        }
        if unread {
            record.wakes(at);
        }
    }

    /// Something is posted to it. `known`: something with this key was posted before.
    pub(super) fn post(&mut self, post: &Post, known: bool) -> Result<(), JournalError> {
        let record = &mut self.record;
        record.not_ended()?;
        if known {
            let message = format!("`{}` was posted to run {} before; once is enough", post.key, record.id);
            return Err(JournalError::new(Kind::Exists, message));
        }
        record.wakes(post.at);
        Ok(())
    }

    /// Whether it may be taken away.
    pub(super) fn can_go(&self, now: Timestamp) -> Result<(), JournalError> {
        let Self { record: RunRecord { id, status, .. }, .. } = self;
        if *status == RunStatus::Running && !self.record.is_due(now) {
            return Err(JournalError::new(Kind::Busy, format!("run {id} is at work; cancel it first")));
        }
        Ok(())
    }
}

impl RunRecord {
    /// Whether [`Which::Next`](super::Which::Next) takes it.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        match self.status {
            RunStatus::Pending => true,
            RunStatus::Waiting => self.wake_at.is_some_and(|at| at <= now),
            RunStatus::Running => self.leased_until.is_none_or(|until| until < now),
            RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled => false,
        }
    }

    fn not_ended(&self) -> Result<(), JournalError> {
        if self.status.has_ended() {
            let message = format!("run {} has ended; nothing changes it any more", self.id);
            return Err(JournalError::new(Kind::Ended, message));
        }
        Ok(())
    }

    /// Nobody works on it, and it waits for nothing.
    fn rests(&mut self) {
        (self.owner, self.leased_until, self.wake_at) = (None, None, None);
        self.waits.clear();
    }

    /// If it waits, it waits no longer than this.
    fn wakes(&mut self, at: Timestamp) {
        if self.status == RunStatus::Waiting {
            self.wake_at = Some(self.wake_at.map_or(at, |before| before.min(at)));
        }
    }
}

impl RunFilter {
    /// Whether a run is to be listed.
    pub(super) fn fits(&self, record: &RunRecord) -> bool {
        self.status.is_none_or(|status| record.status == status)
            && self.queue.as_ref().is_none_or(|queue| record.queue == *queue)
            && self.ended_before.is_none_or(|at| record.status.has_ended() && record.updated < at)
    }
}

/// Whether a lease holds on a run that is in this state.
pub(super) fn holds(lease: &Lease, epoch: u64, status: RunStatus) -> Result<(), JournalError> {
    if epoch == lease.epoch && status == RunStatus::Running {
        return Ok(());
    }
    let what =
        if epoch == lease.epoch { "was given back or has ended" } else { "belongs to another process now" };
    Err(JournalError::new(Kind::Fenced, format!("run {} {what}; stop working on it", lease.run)))
}

/// Whether these entries are a piece of a journal that begins at this place: no gap, and nothing after the run's end.
pub(super) fn in_order(run: RunId, entries: &[Entry], first: Seq) -> Result<(), JournalError> {
    let mut next = first;
    for (place, entry) in entries.iter().enumerate() {
        if entry.seq != next {
            return Err(out_of_order(run, next, entry.seq));
        }
        if entry.kind.is_end() && place + 1 < entries.len() {
            let message =
                format!("an entry of run {run} comes after its end; append nothing after `Finished`");
            return Err(JournalError::new(Kind::Invalid, message));
        }
        next = next.next();
    }
    Ok(())
}

/// Another entry came than the one that was next.
pub(super) fn out_of_order(run: RunId, next: Seq, came: Seq) -> JournalError {
    let message =
        format!("entry {came} of run {run} is out of order: {next} is next; load the journal again");
    JournalError::new(Kind::Invalid, message)
}

/// An append that would add nothing.
pub(super) fn no_entries(run: RunId) -> JournalError {
    JournalError::new(Kind::Invalid, format!("an append to run {run} has no entries; give it at least one"))
}

/// An append consumes what is not there to be consumed.
pub(super) fn not_posted(run: RunId, post: u64) -> JournalError {
    let message = format!("post {post} of run {run} is not there, or was consumed; ask `posted` again");
    JournalError::new(Kind::Invalid, message)
}

/// A run is to end before its owner has seen this.
pub(super) fn not_seen(run: RunId) -> JournalError {
    let message =
        format!("something was posted to run {run} that its end does not know of; take it in first");
    JournalError::new(Kind::Unseen, message)
}

/// There is no such run.
pub(super) fn not_found(run: RunId) -> JournalError {
    JournalError::new(Kind::NotFound, format!("there is no run {run} in this store"))
}

/// There is such a run.
pub(super) fn exists(run: RunId) -> JournalError {
    JournalError::new(
        Kind::Exists,
        format!("there is a run {run} already; remove it first, or take another id"),
    )
}
