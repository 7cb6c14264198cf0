//! Who works on a run.

use std::collections::HashSet;

use agentic_core::{Reason, RunStatus};
use agentic_runtime::{JournalErrorKind as Kind, Lease, Release, Wait, Which};

use super::make::{
    LATER, Store, append, append_and_consume, at, claim_of, create, create_in, fresh, load, next, note,
    owned, pending, posted, queue, record, refused, send, spend, take, try_take, waiting,
};

/// A claim makes the run `running`, and the record says whose it is.
pub async fn an_owner_is_seen(store: &Store) {
    let run = fresh();
    create_in(store, run, &queue(run), 3).await;
    let before = record(store, run).await;
    assert_eq!((before.status, before.updated, before.attempts), (RunStatus::Pending, at(3), 0));
    assert_eq!((before.owner, before.leased_until), (None, None));
    let lease = store.claim(&claim_of("Zoë's laptop", Which::Run(run), 10, 20)).await;
    let lease = lease.expect("a pending run can be claimed").expect("a lease");
    assert_eq!((lease.run, lease.attempt), (run, 1));
    let found = record(store, run).await;
    assert_eq!((found.status, found.updated, found.attempts), (RunStatus::Running, at(10), 1));
    assert_eq!((found.owner.as_deref(), found.leased_until), (Some("Zoë's laptop"), Some(at(20))));
}

/// Of many that claim one run at the same time one gets it, and the others are told that it is busy.
pub async fn a_claim_has_one_winner(store: &Store) {
    let run = create(store).await;
    let claims = (0..20).map(|n| {
        let store = store.clone();
        let claim = claim_of(&format!("owner {n}"), Which::Run(run), 1, LATER);
        tokio::spawn(async move { store.claim(&claim).await })
    });
    let mut winners = Vec::new();
    for (n, claim) in claims.collect::<Vec<_>>().into_iter().enumerate() {
        match claim.await.expect("a claim does not panic") {
            Ok(lease) => winners.push((n, lease.expect("a lease"))),
            lost => refused(lost, Kind::Busy, "a claim that came too late"),
        }
    }
    assert_eq!(winners.len(), 1, "one wins: {winners:?}");
    let owner = record(store, run).await.owner;
    assert_eq!(owner, Some(format!("owner {}", winners[0].0)), "the winner owns it");
    assert_eq!(winners[0].1.attempt, 1, "the others count for nothing");
}

/// Of many that ask a queue at the same time each gets another run, until there is none left.
pub async fn a_queue_gives_each_run_once(store: &Store) {
    let queue = queue(fresh());
    let mut runs = HashSet::new();
    for created in 0..8 {
        let run = fresh();
        create_in(store, run, &queue, created).await;
        runs.insert(run);
    }
    let claims = (0..20).map(|_| {
        let (store, queue) = (store.clone(), queue.clone());
        tokio::spawn(async move { next(&store, &queue, 10).await })
    });
    let mut given = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        given.extend(claim.await.expect("a claim does not panic"));
    }
    assert_eq!(given.len(), 8, "each run is given once");
    assert_eq!(given.into_iter().collect::<HashSet<_>>(), runs, "each run is given");
}

/// While a lease holds nobody else gets the run; when it was not renewed in time somebody may, with a higher epoch and
/// one more attempt. Until somebody does it is the run of its owner.
pub async fn an_expired_lease_can_be_taken(store: &Store) {
    let run = create(store).await;
    let claim = claim_of("first", Which::Run(run), 1, 100);
    let first = store.claim(&claim).await.expect("it can be claimed").expect("a lease");
    refused(try_take(store, run, 100).await, Kind::Busy, "a claim while the lease holds");
    assert_eq!(next(store, &queue(run), 100).await, None, "it is not due while the lease holds");
    append(store, &first, vec![note(2)]).await.expect("an owner can append until somebody else is");
    let second = take(store, run, 101).await;
    assert!(second.epoch > first.epoch, "the epoch is higher: {first:?}, {second:?}");
    assert_eq!(second.attempt, 2, "the attempt is counted");

    let run = create(store).await;
    let claim = claim_of("first", Which::Run(run), 1, 100);
    store.claim(&claim).await.expect("it can be claimed").expect("a lease");
    assert_eq!(next(store, &queue(run), 101).await, Some(run), "its queue gives it too");
}

/// Whoever owned a run before can't write any more, whatever its lease said.
pub async fn a_stale_owner_changes_nothing(store: &Store) {
    let run = create(store).await;
    let claim = claim_of("first", Which::Run(run), 1, 100);
    let stale = store.claim(&claim).await.expect("it can be claimed").expect("a lease");
    send(store, run, "key", 50).await;
    let (_, ids) = posted(store, run).await;
    let lease = take(store, run, 101).await;
    let before = record(store, run).await;

    let never = Lease { epoch: lease.epoch + 1, ..lease.clone() };
    for wrong in [&stale, &never] {
        let what = format!("epoch {} where {} holds", wrong.epoch, lease.epoch);
        refused(append(store, wrong, vec![note(2)]).await, Kind::Fenced, &what);
        let consuming = append_and_consume(store, wrong, vec![note(2)], ids.clone()).await;
        refused(consuming, Kind::Fenced, &what);
        refused(store.release(wrong, pending(102)).await, Kind::Fenced, &what);
        let lost = store.renew(std::slice::from_ref(wrong), at(9)).await.expect("leases can be renewed");
        assert_eq!(lost, [run], "{what}");
    }
    assert_eq!(record(store, run).await, before, "the record is as it was");
    assert_eq!(load(store, run).await.len(), 1, "the journal is as it was");
    assert_eq!(posted(store, run).await.1, ids, "nothing is consumed");
    append(store, &lease, vec![note(2)]).await.expect("the owner can append");

    store.release(&lease, pending(103)).await.expect("the owner can release");
    refused(append(store, &lease, vec![note(3)]).await, Kind::Fenced, "an append after the release");
    refused(store.release(&lease, pending(104)).await, Kind::Fenced, "a second release");
}

/// Renewing keeps the leases that hold, and names the others.
pub async fn renewing_keeps_a_lease(store: &Store) {
    let (one, two, lost) = (owned(store).await, owned(store).await, owned(store).await);
    store.release(&lost, pending(2)).await.expect("an owner can release");
    let leases = [one.clone(), lost.clone(), two.clone()];
    let until = 5 * LATER;
    assert_eq!(store.renew(&leases, at(until)).await.expect("leases can be renewed"), [lost.run]);
    assert_eq!(record(store, one.run).await.leased_until, Some(at(until)));
    refused(try_take(store, two.run, until).await, Kind::Busy, "a claim of a renewed run");
    assert_eq!(record(store, lost.run).await.leased_until, None, "the one that was lost is as it was");
    assert_eq!(take(store, two.run, until + 1).await.attempt, 2, "a renewed lease ends too");
    assert!(store.renew(&[], at(until)).await.expect("no lease can be renewed").is_empty());
}

/// A run that waits for something can be taken by its id, not by its queue.
pub async fn a_run_that_waits_is_taken_by_its_id(store: &Store) {
    let lease = owned(store).await;
    let waits = vec![Wait::Operator { message: "look".into() }];
    let release = Release { waits, ..waiting(5, Some(LATER)) };
    store.release(&lease, release).await.expect("an owner can release");
    assert_eq!(next(store, &queue(lease.run), 10).await, None, "it is not due");
    let again = take(store, lease.run, 10).await;
    assert!(again.epoch > lease.epoch);
    let found = record(store, lease.run).await;
    assert_eq!((found.status, found.reason), (RunStatus::Running, None));
    assert_eq!((found.waits, found.wake_at), (vec![], None), "it waits for nothing any more");
}

/// A queue gives only its own runs, only those that are due, and the one first that has waited longest.
pub async fn a_queue_gives_what_is_due_the_oldest_first(store: &Store) {
    let (queue, other) = (queue(fresh()), queue(fresh()));
    let [young, old, woken, expired, asleep, elsewhere] = std::array::from_fn(|_| fresh());
    for (run, created) in [(young, 40), (old, 20), (woken, 10), (expired, 5), (asleep, 1)] {
        create_in(store, run, &queue, created).await;
    }
    create_in(store, elsewhere, &other, 0).await;
    for (run, wake_at) in [(woken, Some(60)), (asleep, None)] {
        let lease = take(store, run, 25).await;
        store.release(&lease, waiting(30, wake_at)).await.expect("an owner can release");
    }
    let claim = claim_of("first", Which::Run(expired), 35, 59);
    store.claim(&claim).await.expect("it can be claimed");

    // Since 20, since 30, since 35, since 40.
    for run in [old, woken, expired, young] {
        assert_eq!(next(store, &queue, 60).await, Some(run), "the oldest of those that are due");
    }
    assert_eq!(next(store, &queue, 60).await, None, "the last one waits for something");
    assert_eq!(next(store, &other, 60).await, Some(elsewhere), "the other queue has its own");
}

/// The queues that are named are those whose runs could be claimed now.
pub async fn due_queues_are_those_with_due_runs(store: &Store) {
    let due = async |run, now| {
        let queues = store.due_queues(at(now)).await.expect("queues can be listed");
        let found = queues.iter().filter(|name| **name == queue(run)).count();
        assert!(found <= 1, "a queue is named once");
        found == 1
    };
    let run = create(store).await;
    create_in(store, fresh(), &queue(run), 0).await;
    assert!(due(run, 0).await, "pending");
    let second = next(store, &queue(run), 1).await;
    assert!(due(run, 1).await, "one of two is pending");
    next(store, &queue(run), 1).await.expect("the other one");
    assert!(second.is_some() && !due(run, 2).await, "both at work");
    assert!(due(run, 2 + LATER).await, "their leases are over");

    let lease = owned(store).await;
    store.release(&lease, waiting(5, Some(50))).await.expect("an owner can release");
    assert!(!due(lease.run, 49).await, "it waits");
    assert!(due(lease.run, 50).await, "its time has come");
    let lease = take(store, lease.run, 60).await;
    store.release(&lease, waiting(70, None)).await.expect("an owner can release");
    assert!(!due(lease.run, LATER).await, "it waits for something else than time");
}

/// What a release says is what the record says.
pub async fn what_is_released_waits_as_it_says(store: &Store) {
    let lease = owned(store).await;
    let waits = vec![Wait::Operator { message: "look".into() }];
    let release = Release { waits: waits.clone(), ..waiting(5, Some(50)) };
    store.release(&lease, release).await.expect("an owner can release");
    let found = record(store, lease.run).await;
    assert_eq!((found.status, found.reason), (RunStatus::Waiting, Some(Reason::Approval)));
    assert_eq!((found.waits, found.wake_at), (waits, Some(at(50))));
    assert_eq!((found.updated, found.spend), (at(5), spend(3)));
    assert_eq!((found.owner, found.leased_until), (None, None));

    let lease = take(store, lease.run, 60).await;
    store.release(&lease, pending(70)).await.expect("an owner can release");
    let found = record(store, lease.run).await;
    assert_eq!((found.status, found.reason, found.updated), (RunStatus::Pending, None, at(70)));
    assert_eq!((found.waits, found.wake_at, found.owner), (vec![], None, None));
    assert_eq!(next(store, &queue(lease.run), 70).await, Some(lease.run), "it can be taken at once");
}

/// Attempts are counted until the run stops in an orderly way; epochs for ever.
pub async fn attempts_count_until_an_orderly_stop(store: &Store) {
    let run = create(store).await;
    let mut epoch = 0;
    for (n, orderly, attempt) in [(0, false, 1), (1, false, 2), (2, true, 3), (3, true, 1), (4, true, 1)] {
        let lease = take(store, run, 10 * n).await;
        assert_eq!(lease.attempt, attempt, "the attempt of claim {n}");
        assert_eq!(record(store, run).await.attempts, attempt, "the record's attempts at claim {n}");
        assert!(lease.epoch > epoch, "each claim raises the epoch");
        epoch = lease.epoch;
        store.release(&lease, Release { orderly, ..pending(10 * n + 5) }).await.expect("it can be released");
        let left = if orderly { 0 } else { attempt };
        assert_eq!(record(store, run).await.attempts, left, "the record's attempts after release {n}");
    }
}
