//! What comes from outside.

use agentic_core::RunStatus;
use agentic_runtime::{JournalErrorKind as Kind, Which};

use super::make::{
    LATER, Store, append, append_and_consume, at, begin_append, begin_end, claim_of, create, finished, load,
    next, note, owned, pending, post, posted, queue, record, refused, send, take, waiting,
};

/// What was posted is read in the order of posting, with what was said, and numbers that rise over all runs.
pub async fn posts_come_in_order(store: &Store) {
    let (run, other) = (create(store).await, create(store).await);
    send(store, run, "b", 1).await;
    send(store, other, "a", 2).await;
    send(store, run, "a", 3).await;
    send(store, run, "ключ 🔑", 4).await;
    let found = store.posted(run).await.expect("what was posted can be read");
    let expected = [post("b", 1), post("a", 3), post("ключ 🔑", 4)];
    for (found, expected) in found.iter().zip(&expected) {
        let (key, content) = (&found.key, &found.content);
        assert_eq!((key, content, found.at), (&expected.key, &expected.content, expected.at));
    }
    assert_eq!(found.len(), expected.len());
    let (_, others) = posted(store, other).await;
    let ids = [found[0].id, others[0], found[1].id, found[2].id];
    assert!(ids.is_sorted_by(|one, next| one < next), "the numbers rise: {ids:?}");
    assert_eq!(record(store, run).await.status, RunStatus::Pending, "a pending run stays so");
}

/// A second post with the same key to the same run is refused, even if the first was consumed.
pub async fn a_key_is_taken_for_ever(store: &Store) {
    let (lease, other) = (owned(store).await, owned(store).await);
    send(store, lease.run, "key", 1).await;
    refused(store.post(lease.run, post("key", 2)).await, Kind::Exists, "the same key again");
    send(store, other.run, "key", 3).await;
    let (_, ids) = posted(store, lease.run).await;
    append_and_consume(store, &lease, vec![note(2)], ids).await.expect("a post can be consumed");
    refused(store.post(lease.run, post("key", 4)).await, Kind::Exists, "a key that was consumed");
    store.release(&lease, waiting(5, None)).await.expect("an owner can release");
    refused(store.post(lease.run, post("key", 6)).await, Kind::Exists, "a key that was consumed");
    assert_eq!(next(store, &queue(lease.run), 9).await, None, "a refused post wakes nobody");
    send(store, lease.run, "Key", 7).await;
}

/// What was posted is consumed with the entries that take it in: both or neither, and once.
pub async fn posts_are_consumed_once(store: &Store) {
    let (lease, other) = (owned(store).await, owned(store).await);
    for key in ["a", "b", "c"] {
        send(store, lease.run, key, 1).await;
    }
    send(store, other.run, "d", 1).await;
    let (_, ids) = posted(store, lease.run).await;
    let (_, others) = posted(store, other.run).await;
    append_and_consume(store, &lease, vec![note(2)], vec![ids[1]]).await.expect("a post can be consumed");
    assert_eq!(posted(store, lease.run).await.0, ["a", "c"]);
    assert_eq!(load(store, lease.run).await.len(), 2, "the entry is there with it");

    for wrong in [vec![ids[1]], vec![ids[0], ids[1]], vec![others[0]], vec![u64::MAX]] {
        let answer = append_and_consume(store, &lease, vec![note(3)], wrong).await;
        refused(answer, Kind::Invalid, "consuming what is not there");
    }
    assert_eq!(posted(store, lease.run).await.0, ["a", "c"], "a refused append consumes nothing");
    assert_eq!(posted(store, other.run).await.0, ["d"], "another run's are its own");
    assert_eq!(load(store, lease.run).await.len(), 2, "a refused append adds nothing");
    append_and_consume(store, &lease, vec![note(3)], vec![ids[2], ids[0]]).await.expect("the others too");
    assert_eq!(posted(store, lease.run).await.0, [] as [String; 0]);
}

/// An append that is refused consumes nothing.
pub async fn a_refused_append_consumes_nothing(store: &Store) {
    let lease = owned(store).await;
    send(store, lease.run, "a", 1).await;
    let (_, ids) = posted(store, lease.run).await;
    let gap = begin_append(store, &lease, vec![note(3)], ids.clone());
    let follows = begin_append(store, &lease, vec![note(4)], ids.clone());
    let empty = begin_append(store, &lease, vec![], ids.clone());
    for (answer, what) in [(gap, "a gap"), (follows, "what follows a gap"), (empty, "no entries")] {
        refused(answer.await.expect("an append is answered"), Kind::Invalid, what);
    }
    assert_eq!(posted(store, lease.run).await.1, ids, "nothing is consumed");
    append_and_consume(store, &lease, vec![note(2)], ids).await.expect("it can be consumed still");
}

/// A run that waits is due once something is posted to it.
pub async fn a_post_wakes_a_run_that_waits(store: &Store) {
    for wake_at in [None, Some(LATER)] {
        let lease = owned(store).await;
        store.release(&lease, waiting(5, wake_at)).await.expect("an owner can release");
        assert_eq!(next(store, &queue(lease.run), 10).await, None, "it waits");
        send(store, lease.run, "a", 10).await;
        assert_eq!(record(store, lease.run).await.status, RunStatus::Waiting, "it waits to be claimed");
        assert_eq!(next(store, &queue(lease.run), 10).await, Some(lease.run), "it is due");
        assert_eq!(posted(store, lease.run).await.0, ["a"], "who claims it finds the post");
    }
    let lease = owned(store).await;
    store.release(&lease, waiting(5, Some(8))).await.expect("an owner can release");
    send(store, lease.run, "a", 10).await;
    assert_eq!(next(store, &queue(lease.run), 9).await, Some(lease.run), "a post delays nothing");
}

/// A run that is given back with posts that were not consumed can be claimed at once.
pub async fn a_release_does_not_oversleep_a_post(store: &Store) {
    for wake_at in [None, Some(LATER)] {
        let lease = owned(store).await;
        send(store, lease.run, "a", 2).await;
        store.release(&lease, waiting(5, wake_at)).await.expect("an owner can release");
        assert_eq!(next(store, &queue(lease.run), 5).await, Some(lease.run), "it is due at once");
    }
    let lease = owned(store).await;
    send(store, lease.run, "a", 2).await;
    let (_, ids) = posted(store, lease.run).await;
    append_and_consume(store, &lease, vec![note(2)], ids).await.expect("a post can be consumed");
    store.release(&lease, waiting(5, None)).await.expect("an owner can release");
    assert_eq!(next(store, &queue(lease.run), LATER).await, None, "what is consumed wakes nobody");
}

/// An owner is told which of its runs have something to read.
pub async fn posts_find_their_owner(store: &Store) {
    let owner = format!("owner of {}", create(store).await);
    let mut leases = Vec::new();
    for _ in 0..3 {
        let run = create(store).await;
        let claim = claim_of(&owner, Which::Run(run), 1, LATER);
        leases.push(store.claim(&claim).await.expect("it can be claimed").expect("a lease"));
    }
    let others = owned(store).await;
    let to = async || {
        let mut runs = store.posted_to(&owner).await.expect("an owner's posts can be found");
        runs.sort();
        runs
    };
    assert_eq!(to().await, []);
    for lease in [&leases[0], &leases[2], &others] {
        send(store, lease.run, "a", 2).await;
        send(store, lease.run, "b", 2).await;
    }
    let mut expected = [leases[0].run, leases[2].run];
    expected.sort();
    assert_eq!(to().await, expected, "each run once");
    let (_, ids) = posted(store, leases[0].run).await;
    append_and_consume(store, &leases[0], vec![note(2)], ids).await.expect("posts can be consumed");
    assert_eq!(to().await, [leases[2].run], "not what is consumed");
    store.release(&leases[2], pending(5)).await.expect("an owner can release");
    assert_eq!(to().await, [], "not what belongs to nobody");
    take(store, leases[2].run, 6).await;
    assert_eq!(to().await, [], "not what belongs to another");
}

/// A run does not end before its owner has seen what was posted to it; what was consumed, or seen before, is no hindrance.
pub async fn an_end_does_not_miss_a_post(store: &Store) {
    let lease = owned(store).await;
    send(store, lease.run, "a", 1).await;
    send(store, lease.run, "b", 1).await;
    let (_, ids) = posted(store, lease.run).await;
    for (entries, consumed, seen) in [
        (vec![finished(2)], vec![], 0),
        (vec![finished(2)], vec![], ids[0]),
        (vec![finished(2)], vec![ids[0]], ids[0]),
        (vec![note(2), finished(3)], vec![], 0),
    ] {
        let answer = begin_end(store, &lease, entries, consumed, Some(seen));
        refused(
            answer.await.expect("an append is answered"),
            Kind::Unseen,
            "an end that has not seen a post",
        );
    }
    assert_eq!(posted(store, lease.run).await.1, ids, "nothing is consumed");
    assert_eq!(record(store, lease.run).await.status, RunStatus::Running, "it has not ended");
    let goes_on = begin_end(store, &lease, vec![note(2)], vec![], Some(0));
    goes_on.await.expect("an append is answered").expect("what is no end need not see anything");
    let ends = begin_end(store, &lease, vec![finished(3)], vec![ids[1]], Some(ids[0]));
    ends.await.expect("an append is answered").expect("what it consumes it has seen");

    let lease = owned(store).await;
    send(store, lease.run, "a", 1).await;
    let (_, ids) = posted(store, lease.run).await;
    let ends = begin_end(store, &lease, vec![finished(2)], vec![], Some(ids[0]));
    ends.await.expect("an append is answered").expect("it has seen all");
}

/// A run that has ended takes no posts; what was posted before can still be read.
pub async fn nothing_is_posted_to_a_run_that_ended(store: &Store) {
    let lease = owned(store).await;
    send(store, lease.run, "a", 1).await;
    append(store, &lease, vec![finished(2)]).await.expect("a run can be finished");
    refused(store.post(lease.run, post("b", 3)).await, Kind::Ended, "a new key");
    refused(store.post(lease.run, post("a", 3)).await, Kind::Ended, "a known key");
    assert_eq!(posted(store, lease.run).await.0, ["a"]);
    assert_eq!(record(store, lease.run).await.updated, at(2), "it is as it was");
}
