//! What a run writes down, and what of it is durable.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use agentic_core::{Digest, EventKind, Json, StepId, Ticket, Timestamp};
use futures_util::task::AtomicWaker;
use tokio::sync::oneshot;

use super::replay::Replay;
use super::wait::Input;
use crate::fork::ForkEffects;
use crate::journal::{Entry, EntryKind, Seq};
use crate::store::{Append, Commit, JournalError, JournalStore, Lease, Wait};
use crate::watch::Watch;

/// The journal of a run that is at work.
pub(crate) struct Record {
    /// Where entries go; nowhere if the run is only repeated.
    target: Option<(Arc<dyn JournalStore>, Lease)>,
    next: Seq,
    commits: Arc<Commits>,
    pub(super) replay: Replay,
    /// Whether the journal was repeated to its end: from here on things happen.
    pub(super) live: bool,
    /// The time as the agent sees it: that of the last delivery.
    pub(super) now: Timestamp,
    /// What is drawn is made of this.
    pub(super) seed: Digest,
    /// What becomes of effects that are not pure.
    pub(super) effects: ForkEffects,
    started: Timestamp,
    /// Written, and not yet told to those who watch.
    untold: VecDeque<Entry>,
    watched: bool,
    /// Effects that begin when this is durable.
    pub(super) committing: VecDeque<(Seq, Ticket)>,
    /// Messages that nobody has taken.
    pub(super) mailboxes: HashMap<String, VecDeque<Json>>,
    /// What came from outside before the run was live.
    pub(super) inputs: VecDeque<(Option<Input>, u64)>,
    /// The last post that was taken in, or can't be read.
    pub(super) taken: u64,
    /// Effects that begin after a version was chosen wait until it is durable.
    chosen: Seq,
    /// Effects that may have happened, of steps that the agent dropped.
    pub(super) orphans: Vec<Wait>,
    /// Whether the run that is repeated had ended.
    pub(super) ends: bool,
}

/// The end of a run, on its way to the store.
pub(super) struct Ending {
    pub(super) entry: Entry,
    pub(super) told: oneshot::Receiver<Result<(), JournalError>>,
}

/// What is durable. Shared with the store, which tells it from its own thread.
#[derive(Debug, Default)]
struct Commits {
    durable: AtomicU64,
    failed: OnceLock<JournalError>,
    root: Arc<AtomicWaker>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("next", &self.next).field("live", &self.live).finish_non_exhaustive()
    }
}

impl Record {
    /// The record of a run that begins or goes on after these entries.
    pub(crate) fn resumed(store: Arc<dyn JournalStore>, lease: Lease, entries: Vec<Entry>) -> Self {
        Self::new(Some((store, lease)), entries)
    }

    /// The record of a run that is only repeated: nothing is written, and nothing happens.
    /// `ends` says whether it had ended after that.
    pub(crate) fn repeated(entries: Vec<Entry>, ends: bool) -> Self {
        Self { ends, ..Self::new(None, entries) }
    }

    fn new(target: Option<(Arc<dyn JournalStore>, Lease)>, entries: Vec<Entry>) -> Self {
        let durable = Seq(entries.last().map_or(0, |entry| entry.seq.0));
        // A fork's time counts from when it left.
        let begins = |entry: &&Entry| matches!(entry.kind, EntryKind::Forked { .. });
        let began = entries.iter().rfind(begins).or(entries.first());
        let started = began.map(|entry| entry.at).unwrap_or_default();
        let entries_began = entries.first().map(|entry| entry.at).unwrap_or_default();
        let seed = match entries.first().map(|entry| &entry.kind) {
            Some(EntryKind::Started { seed, .. }) => *seed,
            _ => Digest::default(),
        };
        let commits = Commits { durable: AtomicU64::new(durable.0), ..Commits::default() };
        Self {
            target,
            next: durable.next(),
            commits: Arc::new(commits),
            replay: Replay::new(entries),
            live: false,
            now: entries_began,
            seed,
            effects: ForkEffects::Allow,
            started,
            untold: VecDeque::new(),
            watched: false,
            committing: VecDeque::new(),
            mailboxes: HashMap::new(),
            inputs: VecDeque::new(),
            taken: 0,
            chosen: Seq::default(),
            orphans: Vec::new(),
            ends: false,
        }
    }

    /// Somebody watches what is written from now on.
    pub(crate) fn watched(mut self, watched: bool) -> Self {
        self.watched = watched;
        self
    }

    pub(super) fn started(&self) -> Timestamp {
        self.started
    }

    pub(super) fn waker(&self) -> Arc<AtomicWaker> {
        self.commits.root.clone()
    }

    pub(super) fn is_written(&self) -> bool {
        self.target.is_some()
    }

    /// Writes an entry. It is durable later.
    pub(super) fn append(&mut self, at: Timestamp, kind: EntryKind, consumed: Option<u64>) -> Seq {
        self.append_together(at, [kind], consumed)
    }

    /// Writes entries of which a crash leaves all or none. Gives the last one's number.
    pub(super) fn append_together(
        &mut self,
        at: Timestamp,
        kinds: impl IntoIterator<Item = EntryKind>,
        consumed: Option<u64>,
    ) -> Seq {
        let Some((store, lease)) = &self.target else {
            return Seq(u64::MAX);
        };
        let mut last = Seq::default();
        let numbered = kinds.into_iter().map(|kind| {
            last = self.next;
            self.next = last.next();
            Entry { seq: last, at, kind }
        });
        let entries: Vec<_> = numbered.collect();
        if self.watched {
            self.untold.extend(entries.iter().cloned());
        }
        let done = self.commits.clone().told_of(last);
        let consumed = consumed.into_iter().collect();
        store.append(Append { lease: lease.clone(), entries, consumed, seen: None, done });
        last
    }

    /// Writes the run's end; gives it, and what comes of that. With `seen`, something that was posted and not taken in keeps
    /// the run from ending: then this is as if it had not been called.
    pub(super) fn append_end(&mut self, at: Timestamp, kind: EntryKind, seen: Option<u64>) -> Option<Ending> {
        let (store, lease) = self.target.as_ref()?;
        let entry = Entry { seq: self.next, at, kind };
        let (answer, told) = oneshot::channel();
        let done = Commit::new(move |result| drop(answer.send(result)));
        let (lease, entries) = (lease.clone(), vec![entry.clone()]);
        store.append(Append { lease, entries, consumed: Vec::new(), seen, done });
        Some(Ending { entry, told })
    }

    /// The run's end is durable, and so is all before it.
    pub(super) fn ended(&mut self, end: Entry) {
        self.next = end.seq.next();
        self.commits.durable.fetch_max(end.seq.0, Ordering::AcqRel);
        if self.watched {
            self.untold.push_back(end);
        }
    }

    /// Takes something in that changes nothing.
    pub(super) fn ignore(&mut self, at: Timestamp, what: impl Into<String>, post: u64) {
        self.append(at, EntryKind::Ignored { what: what.into() }, Some(post));
    }

    /// The last entry that is durable.
    pub(super) fn durable(&self) -> Seq {
        Seq(self.commits.durable.load(Ordering::Acquire))
    }

    /// Whether what the code follows may be lost in a crash.
    pub(super) fn is_choosing(&self) -> bool {
        self.durable() < self.chosen
    }

    /// The last post that was taken in with all before it.
    pub(super) fn seen(&self) -> u64 {
        self.inputs.front().map_or(self.taken, |(_, post)| post - 1)
    }

    /// The journal is repeated to its end.
    pub(super) fn goes_live(&mut self) {
        self.live = true;
        self.orphans.extend(self.replay.orphans().into_iter().map(|(step, known)| Wait::UnknownEffect {
            step: step.clone(),
            digest: known.digest.unwrap_or_default(),
            name: known.name.to_string(),
        }));
    }

    /// Whether all that was written is durable.
    pub(super) fn is_durable(&self) -> bool {
        self.durable().next() == self.next
    }

    pub(super) fn failed(&self) -> Option<&JournalError> {
        self.commits.failed.get()
    }

    /// Tells those who watch what is durable.
    pub(super) fn publish(&mut self, watch: &Watch) {
        let durable = self.durable();
        while let Some(entry) = self.untold.pop_front_if(|entry| entry.seq <= durable) {
            watch.publish(&entry);
        }
    }

    /// Writes down what the agent tells, unless it repeats itself.
    pub(super) fn told(&mut self, at: Timestamp, scope: &str, event: &EventKind) {
        if !self.replay.was_told() && self.is_written() {
            self.append(at, EntryKind::told(scope, event), None);
        }
    }

    pub(super) fn version(&mut self, at: Timestamp, change: &StepId, newest: u32) -> u32 {
        if let Some(version) = self.replay.version(change) {
            return version;
        }
        // The journal goes on beyond this point without it: older code wrote it.
        let version = if self.live || !self.replay.goes_on() { newest } else { 0 };
        self.replay.choose(change, version);
        if self.is_written() {
            self.chosen = self.append(at, EntryKind::Version { change: change.clone(), version }, None);
        }
        version
    }
}

impl Commits {
    fn told_of(self: Arc<Self>, seq: Seq) -> Commit {
        Commit::new(move |result| {
            match result {
                Ok(()) => {
                    self.durable.fetch_max(seq.0, Ordering::AcqRel);
                }
                Err(error) => {
                    let _ = self.failed.set(error);
                }
            }
            self.root.wake();
        })
    }
}
