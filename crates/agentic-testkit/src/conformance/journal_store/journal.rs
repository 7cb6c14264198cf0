//! What a journal keeps.

use std::sync::{Arc, Mutex};

use agentic_core::{
    ApprovalRule, BudgetError, CancelReason, Digest, EffectClass, Json, Reason, Resource, RunStatus,
    StepError, StepId, StepKind,
};
use agentic_runtime::{
    Append, Commit, Entry, EntryKind, ForkEffects, JournalErrorKind as Kind, NewRun, Release, RunRecord, Seq,
    Wait, Which,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::make::{
    LATER, Store, append, append_and_consume, at, begin_append, claim_of, create, entry, finished, fresh,
    load, new_run, next, note, owned, pending, post, queue, record, refused, send, spend, started, take,
    try_take, waiting,
};

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("a value of the suite has this form")
}

fn json(value: &Value) -> Json {
    Json::of(value).expect("a value has a JSON form")
}

/// One of each kind, with all that it can hold.
fn one_of_each() -> Vec<EntryKind> {
    let digest = Some(Digest::of("request").expect("a text has a digest"));
    let (step, kind) = (read::<StepId>(json!("task:t2/turn@3/ask")), StepKind::Tool);
    let held = || read(json!({ "spend": { "input_tokens": 5, "output_tokens": 7 }, "limited": true }));
    let error = StepError::Budget(BudgetError { reserved: 1, ..BudgetError::new(Resource::Turns, 5, 4, 1) });
    let rule = ApprovalRule::deny("ask", "größer").having(read(json!({ "n": 1.5, "of": [null, "🦀"] })));
    let finished = |status, reason, error: Option<&str>| EntryKind::Finished {
        status,
        reason,
        spend: spend(9),
        error: error.map(str::to_owned),
        idle: true,
        result: json(&json!({ "Ok": { "output": "done" } })),
    };
    vec![
        started(json(&json!({ "goal": { "text": "Größe: 大小 🦀" } }))),
        EntryKind::Resumed { attempt: 2, code: "1.0".into() },
        EntryKind::Forked {
            from: fresh(),
            seq: Seq(3),
            seed: Digest::default(),
            effects: ForkEffects::Allow,
        },
        EntryKind::Intent {
            step: step.clone(),
            kind,
            class: EffectClass::Unsafe,
            digest,
            name: "ask".into(),
            held: held(),
            until: Some(at(5)),
            withheld: true,
            asked: json(&json!({ "city": "Malmö" })),
        },
        EntryKind::Restarted { step: step.clone(), attempt: 2, lost: spend(1), held: held() },
        EntryKind::Outcome {
            step: step.clone(),
            kind,
            error: Some(error.clone()),
            spend: spend(2),
            by: Some("Åsa".into()),
            rule: None,
            withheld: true,
            value: json(&json!([1, 2.5, null, "\u{0}\u{1f600}\""])),
        },
        EntryKind::Refused { step: read(json!("ask@2")), kind, digest, error: error.clone() },
        EntryKind::Dropped { step: step.clone(), spend: spend(3), begun: true },
        EntryKind::Late { step, kind, error: Some(error), withheld: true, value: json(&json!("late")) },
        EntryKind::Version { change: read(json!("change")), version: 3 },
        EntryKind::RuleGiven { rule: rule.clone(), by: Some("Åsa".into()) },
        EntryKind::RuleRevoked { rule, by: None },
        EntryKind::Message { mailbox: "mail".into(), key: "k".into(), content: json(&json!("hi")) },
        EntryKind::Ignored { what: "it came too late".into() },
        EntryKind::Foreign { wakes: 2 },
        EntryKind::CancelRequested { reason: CancelReason::Requested },
        EntryKind::Told { scope: "a/b".into(), event: json(&json!({ "type": "custom" })) },
        finished(RunStatus::Cancelled, Some(Reason::Cancelled), Some("somebody cancelled it")),
    ]
}

/// Entries of every kind are read as they were written, those of the creation as well as those that are appended.
pub async fn every_entry_comes_back(store: &Store) {
    let entries: Vec<Entry> =
        one_of_each().into_iter().zip(1..).map(|(kind, seq)| entry(seq, kind)).collect();
    let whole = fresh();
    let new = NewRun { entries: entries.clone(), ..new_run(whole, &queue(whole), 0) };
    store.create(new).await.expect("a run can be created with entries of every kind");
    assert_eq!(load(store, whole).await, entries, "the entries of the creation");

    let lease = owned(store).await;
    let first = load(store, lease.run).await;
    append(store, &lease, entries[1..].to_vec()).await.expect("entries of every kind can be appended");
    let all: Vec<_> = first.into_iter().chain(entries[1..].iter().cloned()).collect();
    assert_eq!(load(store, lease.run).await, all, "the entries that were appended");
}

/// Payloads are read as they were written: the empty and the large, equal ones, and any text, to the byte.
pub async fn payloads_come_back_whatever_their_size(store: &Store) {
    let lease = owned(store).await;
    let texts = ["".to_owned(), "x".repeat(1_500), "x".repeat(100_000), "é中🦀\u{202e}".repeat(5_000)];
    let mut payloads: Vec<Json> = texts.iter().map(|text| json(&json!(text))).collect();
    // Some text around where stores change the way in which they keep it.
    payloads.extend((1_020..1_030).map(|length| json(&json!("y".repeat(length)))));
    payloads.push(Json::parse(r#"{"b": 1.50,  "a":[ 1, 2]}"#).expect("this is JSON"));
    payloads.push(Json::default());
    payloads.extend(payloads.clone());
    let told = |(event, seq): (Json, u64)| entry(seq, EntryKind::Told { scope: "é".into(), event });
    let entries: Vec<Entry> = payloads.into_iter().zip(2..).map(told).collect();
    let (one, two) = entries.split_at(5);
    append(store, &lease, one.to_vec()).await.expect("payloads of any size can be appended");
    append(store, &lease, two.to_vec()).await.expect("equal payloads can be appended again");
    assert_eq!(store.load(lease.run, Seq(1)).await.expect("it can be read"), entries);
}

/// A second run with the same id is refused, and the first is as it was.
pub async fn an_id_is_taken_once(store: &Store) {
    let run = create(store).await;
    let before = (record(store, run).await, load(store, run).await);
    let second = NewRun { goal: "another".into(), ..new_run(run, "another", 7) };
    refused(store.create(second).await, Kind::Exists, "a second run with an id");
    assert_eq!((record(store, run).await, load(store, run).await), before, "the first is as it was");

    let gap = fresh();
    let entries = vec![entry(1, started(Json::default())), note(3)];
    let new = NewRun { entries, ..new_run(gap, &queue(gap), 0) };
    refused(store.create(new).await, Kind::Invalid, "a new run with a gap in its entries");
    refused(store.run(gap).await, Kind::NotFound, "a run that was refused");
}

/// A run can be created to wait; all that is said of it comes back.
pub async fn a_run_can_be_created_waiting(store: &Store) {
    let (run, parent) = (fresh(), fresh());
    let approval = json!({ "question": "Send it?", "tool": "mail", "arguments": { "to": "Zoë" } });
    let waits = vec![
        Wait::Approval {
            step: read(json!("ask")),
            digest: Digest::of("question").expect("a text has a digest"),
            approval: read(approval),
        },
        Wait::UnknownEffect { step: read(json!("a")), digest: Digest::default(), name: "mail".into() },
        Wait::Message { step: read(json!("b")), mailbox: "mail".into() },
        Wait::Time { step: read(json!("c")), until: at(50) },
        Wait::Operator { message: "look at it".into() },
    ];
    let new = NewRun {
        goal: "Größe: 大小 🦀\nin two lines".into(),
        forked_from: Some(parent),
        waits: Some(Release { waits: waits.clone(), ..waiting(4, Some(50)) }),
        ..new_run(run, &queue(run), 4)
    };
    store.create(new.clone()).await.expect("a run can be created waiting");
    let expected = RunRecord {
        id: run,
        status: RunStatus::Waiting,
        reason: Some(Reason::Approval),
        goal: new.goal,
        agent: "agent".into(),
        queue: queue(run),
        created: at(4),
        updated: at(4),
        entries: 1,
        attempts: 0,
        spend: spend(3),
        error: None,
        waits,
        wake_at: Some(at(50)),
        owner: None,
        leased_until: None,
        forked_from: Some(parent),
    };
    assert_eq!(record(store, run).await, expected);
    assert_eq!(next(store, &queue(run), 49).await, None, "it is not due before its time");
    assert_eq!(next(store, &queue(run), 50).await, Some(run), "it is due at its time");
}

/// A run can be created with its end: nobody works on it.
pub async fn a_run_can_be_created_ended(store: &Store) {
    let run = fresh();
    let entries = vec![entry(1, started(Json::default())), finished(2)];
    store
        .create(NewRun { entries, ..new_run(run, &queue(run), 0) })
        .await
        .expect("a run can be created ended");
    let found = record(store, run).await;
    assert_eq!((found.status, found.entries, found.spend), (RunStatus::Failed, 2, spend(7)));
    refused(try_take(store, run, 5).await, Kind::Ended, "a claim of a run that was created ended");
    assert_eq!(next(store, &queue(run), LATER).await, None, "it is never due");
}

/// Reading begins after the place that is named, and finds nothing after the last.
pub async fn loads_what_comes_after(store: &Store) {
    let lease = owned(store).await;
    append(store, &lease, (2..=9).map(note).collect()).await.expect("entries can be appended");
    for after in [0, 1, 5, 8, 9, 10, u64::MAX] {
        let entries = store.load(lease.run, Seq(after)).await.expect("it can be read after any place");
        let places: Vec<u64> = entries.iter().map(|entry| entry.seq.0).collect();
        let expected: Vec<u64> = (1..=9).filter(|seq| *seq > after).collect();
        assert_eq!(places, expected, "after {after}");
    }
    assert_eq!(record(store, lease.run).await.entries, 9, "the record counts the entries");
}

/// Many appends at once, of two runs: each run's are kept, and answered, in the order of the calls.
pub async fn appends_keep_their_order(store: &Store) {
    let leases = [owned(store).await, owned(store).await];
    let answers = Arc::new(Mutex::new(Vec::new()));
    for call in 0..300_u64 {
        for lease in &leases {
            let (answers, run) = (answers.clone(), lease.run);
            let done = Commit::new(move |result| {
                result.expect("an append in order is accepted");
                answers.lock().expect("nobody panics while it is held").push((run, call));
            });
            let entries = (2 + 2 * call..4 + 2 * call).map(note).collect();
            store.append(Append { lease: lease.clone(), entries, consumed: Vec::new(), seen: None, done });
        }
    }
    for lease in &leases {
        append(store, lease, vec![note(602)]).await.expect("the last append of a run is accepted");
        let places: Vec<u64> = load(store, lease.run).await.iter().map(|entry| entry.seq.0).collect();
        assert_eq!(places, (1..=602).collect::<Vec<_>>(), "the places of the entries");
        let answers = answers.lock().expect("nobody panics while it is held");
        let told: Vec<u64> =
            answers.iter().filter(|(run, _)| *run == lease.run).map(|(_, call)| *call).collect();
        assert_eq!(told, (0..300).collect::<Vec<_>>(), "the order of the answers");
    }
}

/// An append with a gap, or that comes again, or that is empty, writes nothing; nor do those that go on from it, even
/// if they were on their way before it was refused.
pub async fn a_gap_is_refused_and_all_that_follows(store: &Store) {
    let (lease, other) = (owned(store).await, owned(store).await);
    let calls = [
        (vec![note(2), note(3)], true),
        (vec![note(5)], false),
        (vec![note(6), note(7)], false),
        (vec![note(3)], false),
        (vec![note(4), note(6)], false),
        (vec![note(5), note(6)], false),
        (vec![], false),
        (vec![finished(8)], false),
    ];
    let begun: Vec<_> =
        calls.iter().map(|(entries, _)| begin_append(store, &lease, entries.clone(), vec![])).collect();
    let beside = begin_append(store, &other, vec![note(2)], vec![]);
    for (answer, (entries, fine)) in begun.into_iter().zip(calls) {
        let answer = answer.await.expect("an append is answered");
        let what = format!("{:?}", entries.iter().map(|entry| entry.seq.0).collect::<Vec<_>>());
        match fine {
            true => answer.unwrap_or_else(|error| panic!("{what}: {error}")),
            false => refused(answer, Kind::Invalid, &what),
        }
    }
    beside.await.expect("it is answered").expect("another run is not disturbed");
    assert_eq!(load(store, lease.run).await.len(), 3, "what is kept is the journal's beginning");
    assert_eq!(record(store, lease.run).await.status, RunStatus::Running, "a refused end ends nothing");
}

/// The last entry ends the run and the lease at once; then nothing changes the run any more.
pub async fn finishing_ends_the_run_and_the_lease(store: &Store) {
    let lease = owned(store).await;
    send(store, lease.run, "unread", 2).await;
    let begun = begin_append(store, &lease, vec![note(2), finished(3)], vec![]);
    let too_late = begin_append(store, &lease, vec![note(4)], vec![]);
    begun.await.expect("it is answered").expect("a run can be finished");
    refused(too_late.await.expect("it is answered"), Kind::Fenced, "an append after the end");

    let ended = record(store, lease.run).await;
    let expected = RunRecord {
        status: RunStatus::Failed,
        reason: Some(Reason::ToolError),
        updated: at(3),
        entries: 3,
        attempts: 0,
        spend: spend(7),
        error: Some("a tool failed".into()),
        owner: None,
        leased_until: None,
        ..ended.clone()
    };
    assert_eq!(ended, expected);

    refused(append(store, &lease, vec![note(4)]).await, Kind::Fenced, "an append of the last owner");
    refused(store.release(&lease, pending(5)).await, Kind::Fenced, "a release of the last owner");
    let lost = store.renew(std::slice::from_ref(&lease), at(LATER)).await;
    assert_eq!(lost.expect("leases can be renewed"), [lease.run], "the lease is lost");
    refused(try_take(store, lease.run, LATER * 3).await, Kind::Ended, "a claim");
    refused(store.post(lease.run, post("late", 5)).await, Kind::Ended, "a post");
    assert_eq!(next(store, &queue(lease.run), LATER * 3).await, None, "it is never due");
    assert_eq!(record(store, lease.run).await, expected, "nothing changed it");
    assert_eq!(load(store, lease.run).await.len(), 3, "its journal can be read");
}

/// Entries after the end, in the same append, are refused with it.
pub async fn nothing_comes_after_the_end(store: &Store) {
    let lease = owned(store).await;
    let answer = append(store, &lease, vec![finished(2), note(3)]).await;
    refused(answer, Kind::Invalid, "an entry after the end");
    assert_eq!(load(store, lease.run).await.len(), 1, "nothing of it is kept");
    append(store, &lease, vec![finished(2)]).await.expect("the run can still be finished");
}

/// What is asked of a run that is not there is answered so.
pub async fn nothing_is_known_of_a_run_that_is_not_there(store: &Store) {
    let run = fresh();
    let lease = agentic_runtime::Lease { run, epoch: 1, attempt: 1 };
    refused(store.run(run).await, Kind::NotFound, "its record");
    refused(store.load(run, Seq(0)).await, Kind::NotFound, "its journal");
    refused(store.delete(run, at(0)).await, Kind::NotFound, "deleting it");
    refused(store.claim(&claim_of("a", Which::Run(run), 0, 1)).await, Kind::NotFound, "a claim");
    refused(append_and_consume(store, &lease, vec![note(1)], vec![]).await, Kind::NotFound, "an append");
    refused(store.release(&lease, pending(0)).await, Kind::NotFound, "a release");
    refused(store.post(run, post("key", 0)).await, Kind::NotFound, "a post");
    refused(store.posted(run).await, Kind::NotFound, "what was posted");
    let lost = store.renew(std::slice::from_ref(&lease), at(1)).await.expect("leases can be renewed");
    assert_eq!(lost, [run], "its lease is lost");
    assert_eq!(next(store, &queue(run), LATER).await, None, "its queue is empty");
    let taken = create(store).await;
    take(store, taken, 1).await;
}
