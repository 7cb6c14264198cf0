//! Two handles on one store.

use agentic_runtime::{JournalErrorKind as Kind, Which};

use super::make::{
    LATER, Store, append, append_and_consume, at, claim_of, create, finished, load, note, posted, queue,
    record, refused, send, take, try_take,
};

/// What was told to be durable through one is read through the other.
pub async fn what_one_writes_the_other_reads(one: &Store, other: &Store) {
    let run = create(one).await;
    assert_eq!(record(other, run).await, record(one, run).await, "the record");
    let lease = take(other, run, 1).await;
    append(other, &lease, vec![note(2)]).await.expect("an owner can append");
    assert_eq!(load(one, run).await, load(other, run).await, "the journal");
    send(one, run, "key", 3).await;
    let theirs = other.posted_to("somebody").await.expect("posts can be found");
    assert!(theirs.contains(&run), "the owner's posts");
    let (keys, ids) = posted(other, run).await;
    assert_eq!(keys, ["key"], "what was posted");
    append_and_consume(other, &lease, vec![finished(3)], ids).await.expect("a post can be consumed");
    refused(try_take(one, run, LATER * 3).await, Kind::Ended, "a claim after the end");
    one.delete(run, at(4)).await.expect("a run that has ended can be deleted");
    refused(other.run(run).await, Kind::NotFound, "a run that was deleted");
}

/// Of claims through both one wins, and who lost a run through one can't write through the other.
pub async fn claims_exclude_each_other(one: &Store, other: &Store) {
    for round in 0..10 {
        let run = create(one).await;
        let claims = (0..10).map(|n| {
            let store = if n % 2 == 0 { one.clone() } else { other.clone() };
            let which = if round % 2 == 0 { Which::Run(run) } else { Which::Next { queue: queue(run) } };
            let claim = claim_of(&format!("owner {n}"), which, 1, LATER);
            tokio::spawn(async move { store.claim(&claim).await })
        });
        let mut won = Vec::new();
        for claim in claims.collect::<Vec<_>>() {
            match claim.await.expect("a claim does not panic") {
                Ok(lease) => won.extend(lease),
                lost => refused(lost, Kind::Busy, "a claim that came too late"),
            }
        }
        assert_eq!(won.len(), 1, "one wins: {won:?}");
        take(other, run, LATER * 2).await;
        refused(append(one, &won[0], vec![note(2)]).await, Kind::Fenced, "an append of the one before");
    }
}
