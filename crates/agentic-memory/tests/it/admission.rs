//! What is let into a long-term memory, and what is not.

use std::time::Duration;

use agentic_core::{
    Added, Memory as _, MemoryEntry, MemoryKind, MemoryQuery, MemoryScope, RunContext, Timestamp,
};
use agentic_llm::adapter::hashing::HashingEmbedder;
use agentic_memory::{Forgetting, LongTermMemory};
use agentic_runtime::{Ephemeral, RunContextExt as _};
use agentic_testkit::FakeSources;

fn anna() -> MemoryScope {
    MemoryScope::of_tenant("anna").agent("clerk")
}

fn at(day: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).after(Duration::from_secs(day * 86_400))
}

fn fact(content: &str) -> MemoryEntry {
    MemoryEntry::new(anna(), MemoryKind::Fact, content, at(0))
}

fn of(scope: MemoryScope, mut entry: MemoryEntry) -> MemoryEntry {
    entry.scope = scope;
    entry
}

async fn memory() -> LongTermMemory {
    LongTermMemory::open("memory:", HashingEmbedder::new(256)).await.unwrap()
}

fn kept(added: &Added) -> &str {
    match added {
        Added::Kept { id } => id,
        other => panic!("kept: {other:?}"),
    }
}

#[track_caller]
fn rejected(added: &Added, word: &str) {
    match added {
        Added::Rejected { reason } => assert!(reason.starts_with(&format!("{word}: ")), "{word}: {reason}"),
        other => panic!("rejected as {word}: {other:?}"),
    }
}

#[tokio::test]
async fn what_is_known_is_merged_and_what_is_new_is_kept() {
    let (memory, cx) = (memory().await, RunContext::ephemeral());
    let tea = memory.add(fact("Anna drinks tea"), &cx).await.unwrap();
    let merged = Added::Merged { into: kept(&tea).to_owned() };
    for same in ["anna drinks the tea!", "“Anna  drinks TEA.”", "Anna drinks a tea"] {
        assert_eq!(memory.add(fact(same), &cx).await.unwrap(), merged, "{same}");
    }
    for other in [
        "Anna does not drink tea",
        "Anna drank tea",
        "Anna drinks tea?",
        "Tea drinks Anna",
        "Anna drinks two teas",
        "Ben drinks tea",
    ] {
        kept(&memory.add(fact(other), &cx).await.unwrap());
    }
    // In one go, too; and thoughts are no facts.
    let batch = vec![fact("Ben has a dog"), fact("Ben has the dog"), fact("Ben has a cat")];
    let added = memory.add_all(batch, &cx).await.unwrap();
    assert_eq!(added[1], Added::Merged { into: kept(&added[0]).to_owned() });
    kept(&added[2]);
    let thought = MemoryEntry::new(anna(), MemoryKind::Thought, "Anna drinks tea", at(0));
    kept(&memory.add(thought, &cx).await.unwrap());
}

#[tokio::test]
async fn what_is_merged_keeps_what_both_were_made_of_and_the_higher_importance() {
    let (memory, cx) = (memory().await, RunContext::ephemeral());
    let mut turns = Vec::new();
    for day in [1, 2] {
        let turn = MemoryEntry::new(anna(), MemoryKind::Observation, "Anna: tea, please", at(day));
        turns.push(kept(&memory.add(turn, &cx).await.unwrap()).to_owned());
    }
    let mut id = String::new();
    for (turn, importance) in turns.iter().zip([0.4, 0.9]) {
        let mut entry = fact("Anna wants tea").importance(importance);
        entry.provenance.made_of = vec![turn.clone()];
        memory.add(entry, &cx).await.unwrap().id().unwrap().clone_into(&mut id);
    }
    let entry = memory.get(&anna(), &id, &cx).await.unwrap().unwrap().entry;
    assert_eq!((entry.importance, entry.provenance.made_of), (0.9, turns));
}

#[tokio::test]
async fn what_happens_again_is_another_event() {
    let (memory, cx) = (memory().await, RunContext::ephemeral());
    let event = |day| MemoryEntry::new(anna(), MemoryKind::Action, "sent the report", at(day));
    let first = memory.add(event(1), &cx).await.unwrap();
    kept(&memory.add(event(2), &cx).await.unwrap());
    assert_eq!(memory.add(event(1), &cx).await.unwrap(), Added::Merged { into: kept(&first).to_owned() });
}

#[tokio::test]
async fn what_is_said_of_a_day_is_news_on_another() {
    let (memory, cx) = (memory().await, RunContext::ephemeral());
    let tomorrow = |day| MemoryEntry::new(anna(), MemoryKind::Fact, "Anna flies to Oslo tomorrow", at(day));
    let first = memory.add(tomorrow(1), &cx).await.unwrap();
    kept(&memory.add(tomorrow(30), &cx).await.unwrap());
    assert_eq!(memory.add(tomorrow(1), &cx).await.unwrap(), Added::Merged { into: kept(&first).to_owned() });
}

#[tokio::test]
async fn whose_words_they_are_matters_where_they_speak_of_themselves() {
    let (memory, cx) = (memory().await, RunContext::ephemeral());
    kept(&memory.add(fact("I live in Oslo").said_by("Anna"), &cx).await.unwrap());
    kept(&memory.add(fact("I live in Oslo").said_by("Ben"), &cx).await.unwrap());
    kept(&memory.add(fact("Anna lives in Oslo").said_by("Anna"), &cx).await.unwrap());
    let again = memory.add(fact("Anna lives in Oslo").said_by("Ben"), &cx).await.unwrap();
    assert!(matches!(again, Added::Merged { .. }), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_just_recalled_is_no_news() {
    let sources = FakeSources::seeded(1);
    let run = || Ephemeral::new().sources(sources.clone()).context();
    let (memory, cx) = (memory().await, run());
    memory.add(fact("Every morning Anna drinks tea with milk").said_by("Anna"), &cx).await.unwrap();
    let again = || fact("Anna drinks tea with milk");
    let query = MemoryQuery::new(anna(), "What does Anna drink?", 3);
    assert_eq!(memory.retrieve(&query, &cx).await.unwrap().len(), 1);
    rejected(&memory.add(again(), &cx).await.unwrap(), "recalled");
    rejected(&memory.add(again(), &run()).await.unwrap(), "recalled");
    for news in ["Anna drinks coffee with milk", "Anna drinks no tea with milk", "Anna drank tea with milk"] {
        kept(&memory.add(fact(news), &cx).await.unwrap());
    }
    // Another scope did not recall it, and for another run it is no news for a while only.
    let other = |scope| of(scope, again());
    kept(&memory.add(other(MemoryScope::of_tenant("anna").agent("cook")), &run()).await.unwrap());
    kept(&memory.add(other(MemoryScope::of_tenant("ben")), &cx).await.unwrap());
    tokio::time::sleep(Duration::from_secs(601)).await;
    rejected(&memory.add(again(), &cx).await.unwrap(), "recalled");
    kept(&memory.add(again(), &run()).await.unwrap());
}

#[tokio::test]
async fn what_nobody_said_is_not_kept() {
    let (memory, cx) = (memory().await, RunContext::ephemeral());
    let turn = MemoryEntry::new(anna(), MemoryKind::Observation, "I moved to Bergen last spring", at(1));
    let turn = kept(&memory.add(turn.said_by("Anna"), &cx).await.unwrap()).to_owned();
    let made = |content: &str, of: &str| {
        let mut entry = fact(content);
        entry.provenance.made_of = vec![of.to_owned()];
        entry
    };
    kept(&memory.add(made("Anna lives in Bergen", &turn), &cx).await.unwrap());
    rejected(&memory.add(made("The user prefers Vim", &turn), &cx).await.unwrap(), "ungrounded");
    // What it was made of is not there: nothing can be said of it.
    kept(&memory.add(made("The user prefers Emacs", "gone"), &cx).await.unwrap());
}

#[tokio::test]
async fn what_was_to_be_forgotten_stays_so_and_what_had_faded_comes_back() {
    let (memory, cx) = (memory().await, RunContext::ephemeral());
    let tea = memory.add(fact("Anna drinks tea"), &cx).await.unwrap();
    let dog = memory.add(fact("Anna has a dog"), &cx).await.unwrap();
    assert!(memory.forget(&anna(), kept(&tea), &cx).await.unwrap());
    rejected(&memory.add(fact("Anna drinks tea"), &cx).await.unwrap(), "forgotten");
    assert!(memory.restore(&anna(), kept(&tea), &cx).await.unwrap());
    assert!(matches!(memory.add(fact("Anna drinks tea"), &cx).await.unwrap(), Added::Merged { .. }));

    let mut soon = Forgetting::default();
    soon.half_life = Duration::from_secs(1);
    assert_eq!(memory.sweep(&anna(), &soon, &cx).await.unwrap().faded, 2);
    assert!(memory.recent(&anna(), 9, &cx).await.unwrap().is_empty());
    // What had faded can be forgotten for good reason.
    assert!(memory.forget(&anna(), kept(&tea), &cx).await.unwrap());
    rejected(&memory.add(fact("Anna drinks tea"), &cx).await.unwrap(), "forgotten");
    let again = memory.add(fact("Anna has a dog"), &cx).await.unwrap();
    assert_eq!(again, Added::Merged { into: kept(&dog).to_owned() });
    assert_eq!(memory.recent(&anna(), 9, &cx).await.unwrap()[0].entry.content, "Anna has a dog");
}

#[tokio::test]
async fn what_comes_in_at_once_is_kept_once() {
    let (memory, cx) = (memory().await, RunContext::ephemeral());
    let adding = (0..8).map(|_| memory.add(fact("Anna drinks tea"), &cx));
    let added = futures_util::future::join_all(adding).await;
    assert_eq!(added.iter().filter(|added| matches!(added, Ok(Added::Kept { .. }))).count(), 1);
}

#[tokio::test]
async fn nobody_is_merged_into_what_others_do_not_see() {
    let (memory, cx) = (memory().await, RunContext::ephemeral());
    let said = |scope: MemoryScope| of(scope, fact("The code is 4711"));
    let tenant = MemoryScope::of_tenant("anna");
    kept(&memory.add(said(anna().session("monday")), &cx).await.unwrap());
    kept(&memory.add(said(anna().session("tuesday")), &cx).await.unwrap());
    kept(&memory.add(said(tenant.clone().agent("cook")), &cx).await.unwrap());
    kept(&memory.add(said(MemoryScope::of_tenant("ben")), &cx).await.unwrap());
    // Monday may be cleared.
    kept(&memory.add(said(anna()), &cx).await.unwrap());
    assert!(matches!(memory.add(said(anna()), &cx).await.unwrap(), Added::Merged { .. }));
}
