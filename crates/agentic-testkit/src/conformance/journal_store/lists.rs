//! Runs as a whole: lists of them, and how they go away.

use agentic_core::{Json, RunId, RunStatus};
use agentic_runtime::{EntryKind, JournalErrorKind as Kind, RunFilter, Seq};
use serde_json::json;

use super::make::{
    LATER, Store, append, at, create_in, entry, finished, fresh, load, note, owned, posted, queue, record,
    refused, send, spend, take, waiting,
};

/// Lists have the youngest first, and only what fits all that the filter says.
pub async fn lists_what_fits(store: &Store) {
    let queue = queue(fresh());
    let [pending, waits, runs, ended, also_ended] = std::array::from_fn(|_| fresh());
    for (run, created) in [(pending, 30), (waits, 10), (runs, 50), (ended, 20), (also_ended, 40)] {
        create_in(store, run, &queue, created).await;
    }
    let lease = take(store, waits, 60).await;
    store.release(&lease, waiting(61, None)).await.expect("an owner can release");
    take(store, runs, 62).await;
    for (run, end) in [(ended, 2), (also_ended, 3)] {
        let lease = take(store, run, 63).await;
        let mut entries: Vec<_> = (2..end).map(note).collect();
        entries.push(finished(end));
        append(store, &lease, entries).await.expect("a run can be finished");
    }

    let mut ours = RunFilter::default();
    ours.queue = Some(queue);
    let with = |change: &dyn Fn(&mut RunFilter)| {
        let mut filter = ours.clone();
        change(&mut filter);
        filter
    };
    let list = async |filter: RunFilter| -> Vec<RunId> {
        store.list(&filter).await.expect("runs can be listed").iter().map(|run| run.id).collect()
    };
    assert_eq!(list(ours.clone()).await, [runs, also_ended, pending, ended, waits], "the youngest first");
    for (status, expected) in [
        (RunStatus::Pending, vec![pending]),
        (RunStatus::Waiting, vec![waits]),
        (RunStatus::Running, vec![runs]),
        (RunStatus::Failed, vec![also_ended, ended]),
        (RunStatus::Completed, vec![]),
        (RunStatus::Cancelled, vec![]),
    ] {
        assert_eq!(list(with(&|it| it.status = Some(status))).await, expected, "{status}");
    }
    for (limit, expected) in [(0, vec![]), (2, vec![runs, also_ended]), (u64::MAX, list(ours.clone()).await)]
    {
        assert_eq!(list(with(&|it| it.limit = Some(limit))).await, expected, "at most {limit}");
    }
    // They ended at 2 and at 3; nothing else did.
    for (before, expected) in [(2, vec![]), (3, vec![ended]), (LATER, vec![also_ended, ended])] {
        let filter = with(&|it| it.ended_before = Some(at(before)));
        assert_eq!(list(filter).await, expected, "ended before {before}");
    }
    let one = with(&|it| (it.status, it.limit) = (Some(RunStatus::Failed), Some(1)));
    let found = store.list(&one).await.expect("runs can be listed");
    assert_eq!(found, [record(store, also_ended).await], "a list has whole records");
    assert_eq!((found[0].entries, found[0].spend), (3, spend(7)));

    let all = store.list(&RunFilter::default()).await.expect("runs can be listed");
    assert!(
        all.is_sorted_by(|one, next| (one.created, one.id) > (next.created, next.id)),
        "the youngest first"
    );
    assert!(all.iter().any(|run| run.id == pending), "without a filter all are listed");
}

/// A run that is deleted is gone with all that it had, and its id is free; while a lease holds it is not deleted.
pub async fn deleting_takes_all_of_a_run(store: &Store) {
    let lease = owned(store).await;
    let run = lease.run;
    send(store, run, "key", 1).await;
    append(store, &lease, vec![note(2)]).await.expect("entries can be appended");
    refused(store.delete(run, at(10)).await, Kind::Busy, "deleting a run at work");
    assert_eq!(load(store, run).await.len(), 2, "it is as it was");
    store.delete(run, at(3 * LATER)).await.expect("a run whose lease is over can be deleted");
    refused(store.run(run).await, Kind::NotFound, "its record");
    refused(store.load(run, Seq(0)).await, Kind::NotFound, "its journal");
    refused(append(store, &lease, vec![note(3)]).await, Kind::NotFound, "an append");
    refused(store.delete(run, at(3 * LATER)).await, Kind::NotFound, "deleting it again");

    create_in(store, run, &queue(run), 0).await;
    assert_eq!(load(store, run).await.len(), 1, "a new run with its id has a new journal");
    assert_eq!(posted(store, run).await.0, [] as [String; 0]);
    send(store, run, "key", 1).await;
    store.delete(run, at(2)).await.expect("a pending run can be deleted");

    let ended = owned(store).await;
    append(store, &ended, vec![finished(2)]).await.expect("a run can be finished");
    store.delete(ended.run, at(3)).await.expect("a run that has ended can be deleted");
}

/// Deleting a run leaves payloads alone that another has too.
pub async fn deleting_leaves_what_others_have(store: &Store) {
    let unique = fresh();
    let event = Json::of(&json!(format!("{unique}").repeat(3_000))).expect("a text has a JSON form");
    let told = |seq| entry(seq, EntryKind::Told { scope: String::new(), event: event.clone() });
    let leases = [owned(store).await, owned(store).await, owned(store).await];
    for lease in &leases {
        append(store, lease, vec![told(2), told(3)]).await.expect("large entries can be appended");
    }
    for (n, lease) in leases.iter().enumerate() {
        store.delete(lease.run, at(3 * LATER)).await.expect("a run whose lease is over can be deleted");
        for left in &leases[n + 1..] {
            let entries = store.load(left.run, Seq(1)).await.expect("another's journal can be read");
            assert_eq!(entries, [told(2), told(3)], "another's journal is as it was");
        }
    }
    let lease = owned(store).await;
    append(store, &lease, vec![told(2)]).await.expect("what was deleted can be written again");
    assert_eq!(store.load(lease.run, Seq(1)).await.expect("it can be read"), [told(2)]);
}
