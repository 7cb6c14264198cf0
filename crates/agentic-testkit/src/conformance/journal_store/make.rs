//! Runs, entries and calls for the suite.

use std::fmt::Debug;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use agentic_core::{Budget, Digest, EventKind, Json, Reason, RunId, RunStatus, Spend, Timestamp};
use agentic_runtime::{
    Append, Claim, Commit, Entry, EntryKind, JournalError, JournalErrorKind, JournalStore, Lease, NewRun,
    Post, Release, RunRecord, Seq, Which,
};
use serde_json::json;
use tokio::sync::oneshot;
use uuid::Uuid;

pub(super) type Store = Arc<dyn JournalStore>;

/// A time in these tests: so many milliseconds after their beginning.
pub(super) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000 + millis)
}

/// Later than anything that happens in these tests.
pub(super) const LATER: u64 = 1_000_000;

/// An id that nobody has, not even in a store that was used before.
pub(super) fn fresh() -> RunId {
    let random = |n: u8| RandomState::new().hash_one(n);
    RunId(Uuid::from_u64_pair(random(0), random(1)))
}

/// The queue of a run that is alone in it.
pub(super) fn queue(run: RunId) -> String {
    format!("queue of {run}")
}

pub(super) fn started(begin: Json) -> EntryKind {
    let (seed, budget) = (Digest::default(), Budget::default());
    EntryKind::Started { agent: "agent".into(), code: "1".into(), seed, budget, begin }
}

pub(super) fn entry(seq: u64, kind: EntryKind) -> Entry {
    Entry { seq: Seq(seq), at: at(seq), kind }
}

/// An entry like any other.
pub(super) fn note(seq: u64) -> Entry {
    let message = format!("entry {seq}");
    let event = Json::of(&EventKind::Custom { name: "note".into(), data: json!(message) });
    let event = event.expect("an event has a JSON form");
    entry(seq, EntryKind::Told { scope: "scope".into(), event })
}

pub(super) fn finished(seq: u64) -> Entry {
    let (status, spend) = (RunStatus::Failed, spend(7));
    let (reason, error) = (Some(Reason::ToolError), Some("a tool failed".into()));
    entry(seq, EntryKind::Finished { status, reason, spend, error, idle: false, result: Json::default() })
}

pub(super) fn spend(turns: u64) -> Spend {
    Spend { turns, ..Spend::default() }
}

pub(super) fn new_run(id: RunId, queue: &str, created: u64) -> NewRun {
    NewRun {
        id,
        queue: queue.into(),
        agent: "agent".into(),
        goal: "a goal".into(),
        at: at(created),
        entries: vec![entry(1, started(Json::default()))],
        forked_from: None,
        waits: None,
    }
}

/// Accepts a run that is alone in its queue.
pub(super) async fn create(store: &Store) -> RunId {
    let run = fresh();
    create_in(store, run, &queue(run), 0).await;
    run
}

pub(super) async fn create_in(store: &Store, run: RunId, queue: &str, created: u64) {
    store.create(new_run(run, queue, created)).await.expect("a new run is accepted");
}

/// Accepts a run and takes it, until [`LATER`].
pub(super) async fn owned(store: &Store) -> Lease {
    let run = create(store).await;
    take(store, run, 1).await
}

pub(super) fn claim_of(owner: &str, which: Which, now: u64, until: u64) -> Claim {
    Claim { owner: owner.into(), which, now: at(now), until: at(until) }
}

/// Takes a run that is free.
pub(super) async fn take(store: &Store, run: RunId, now: u64) -> Lease {
    try_take(store, run, now).await.expect("a free run can be claimed")
}

pub(super) async fn try_take(store: &Store, run: RunId, now: u64) -> Result<Lease, JournalError> {
    let lease = store.claim(&claim_of("somebody", Which::Run(run), now, now + LATER)).await?;
    Ok(lease.expect("a claim of one run gives a lease or an error"))
}

/// The next run of a queue.
pub(super) async fn next(store: &Store, queue: &str, now: u64) -> Option<RunId> {
    let which = Which::Next { queue: queue.into() };
    let lease = store.claim(&claim_of("somebody", which, now, now + LATER)).await;
    lease.expect("a queue can be asked for its next run").map(|lease| lease.run)
}

pub(super) async fn record(store: &Store, run: RunId) -> RunRecord {
    store.run(run).await.expect("a run that was accepted is known")
}

pub(super) async fn load(store: &Store, run: RunId) -> Vec<Entry> {
    store.load(run, Seq(0)).await.expect("the journal of a run can be read")
}

/// Appends without waiting.
pub(super) fn begin_append(
    store: &Store,
    lease: &Lease,
    entries: Vec<Entry>,
    consumed: Vec<u64>,
) -> oneshot::Receiver<Result<(), JournalError>> {
    begin_end(store, lease, entries, consumed, None)
}

/// Appends entries of which the last may be the run's end, for which this was seen.
pub(super) fn begin_end(
    store: &Store,
    lease: &Lease,
    entries: Vec<Entry>,
    consumed: Vec<u64>,
    seen: Option<u64>,
) -> oneshot::Receiver<Result<(), JournalError>> {
    let (told, answer) = oneshot::channel();
    let done = Commit::new(move |result| drop(told.send(result)));
    store.append(Append { lease: lease.clone(), entries, consumed, seen, done });
    answer
}

pub(super) async fn append_and_consume(
    store: &Store,
    lease: &Lease,
    entries: Vec<Entry>,
    consumed: Vec<u64>,
) -> Result<(), JournalError> {
    begin_append(store, lease, entries, consumed).await.expect("an append is answered")
}

pub(super) async fn append(store: &Store, lease: &Lease, entries: Vec<Entry>) -> Result<(), JournalError> {
    append_and_consume(store, lease, entries, Vec::new()).await
}

/// Given back at this time, to wait for a person.
pub(super) fn waiting(now: u64, wake_at: Option<u64>) -> Release {
    let wake_at = wake_at.map(at);
    Release { reason: Some(Reason::Approval), waits: Vec::new(), wake_at, ..pending(now) }
}

/// Given back at this time, for anybody.
pub(super) fn pending(now: u64) -> Release {
    Release {
        reason: None,
        waits: Vec::new(),
        wake_at: None,
        spend: spend(3),
        at: at(now),
        orderly: true,
        seen: 0,
    }
}

pub(super) fn post(key: &str, now: u64) -> Post {
    let content = Json::of(&json!({ "says": key })).expect("a text has a JSON form");
    Post { key: key.into(), content, at: at(now) }
}

pub(super) async fn send(store: &Store, run: RunId, key: &str, now: u64) {
    store.post(run, post(key, now)).await.expect("something new can be posted to a run");
}

/// The keys of what was posted and is not consumed, and the numbers.
pub(super) async fn posted(store: &Store, run: RunId) -> (Vec<String>, Vec<u64>) {
    let posted = store.posted(run).await.expect("what was posted can be read");
    posted.into_iter().map(|posted| (posted.key, posted.id)).unzip()
}

/// It must fail, for this reason, and say so in one line.
#[track_caller]
pub(super) fn refused<T: Debug>(result: Result<T, JournalError>, kind: JournalErrorKind, what: &str) {
    let error = match result {
        Ok(value) => panic!("{what}: expected {kind:?}, got {value:?}"),
        Err(error) => error,
    };
    assert_eq!(error.kind(), kind, "{what}: {error}");
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains('\n'), "{what}: the error is one line: {text:?}");
}
