//! Long-term memory over each store, as an agent uses it.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    Added, EmbedderInfo, Filter, Memory as _, MemoryEntry, MemoryError, MemoryKind, MemoryQuery, MemoryScope,
    RunContext, StoreErrorKind, Timestamp, VectorStore,
};
use agentic_llm::adapter::hashing::HashingEmbedder;
use agentic_memory::backend::memory::MemoryStore;
use agentic_memory::{Admission, LongTermMemory, LongTermOptions};
use agentic_runtime::RunContextExt as _;

fn anna() -> MemoryScope {
    MemoryScope::of_tenant("anna")
}

fn at(day: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).after(Duration::from_secs(day * 86_400))
}

async fn memory() -> LongTermMemory {
    LongTermMemory::open("memory:", HashingEmbedder::new(128)).await.unwrap()
}

async fn remember(memory: &LongTermMemory, scope: &MemoryScope, content: &str, day: u64) -> String {
    let entry = MemoryEntry::new(scope.clone(), MemoryKind::Observation, content, at(day));
    let added = memory.add(entry, &RunContext::ephemeral()).await.unwrap();
    added.id().unwrap().to_owned()
}

async fn recalled(memory: &LongTermMemory, query: MemoryQuery) -> Vec<String> {
    let found = memory.retrieve(&query, &RunContext::ephemeral()).await.unwrap();
    found.into_iter().map(|recalled| recalled.entry.content).collect()
}

#[tokio::test]
async fn what_fits_best_comes_first() {
    let memory = memory().await;
    for content in ["Anna drinks tea", "Ben plays chess", "Anna has two cats", "It rained in Oslo"] {
        remember(&memory, &anna().session(content), content, 0).await;
    }
    let found = recalled(&memory, MemoryQuery::new(anna(), "What does Anna drink?", 2)).await;
    assert_eq!(found, ["Anna drinks tea", "Anna has two cats"]);
    assert!(recalled(&memory, MemoryQuery::new(anna(), "tea", 0)).await.is_empty());
}

#[tokio::test]
async fn an_answer_is_found_beside_its_question() {
    let memory = memory().await;
    let options = || {
        let mut options = LongTermOptions::default();
        // So few that the answer is not among them by itself.
        (options.candidates, options.date) = (4, false);
        options
    };
    let memory = memory.with_options(options());
    for day in 0..40 {
        remember(&memory, &anna().session("sunday"), &format!("I did travel in the summer of {day}"), day)
            .await;
    }
    let talk = anna().session("monday");
    for (day, content) in [
        (50, "Where did you travel last summer, Ben?"),
        (52, "The weather is fine"),
        (51, "Lofoten, by bike."),
    ] {
        remember(&memory, &talk, content, day).await;
    }
    let asked = || MemoryQuery::new(anna(), "where did Ben travel last summer", 2);
    let found = recalled(&memory, asked()).await;
    assert_eq!(found, ["Where did you travel last summer, Ben?", "Lofoten, by bike."]);
    let mut alone = options();
    (alone.weights.lent_to_next, alone.weights.lent_to_previous) = (0.0, 0.0);
    let found = recalled(&memory.with_options(alone), asked()).await;
    assert!(!found.contains(&"Lofoten, by bike.".to_owned()), "nothing lends: {found:?}");
}

#[tokio::test]
async fn who_said_it_what_a_picture_shows_and_when_are_found() {
    let (memory, cx) = (memory().await, RunContext::ephemeral());
    let entry = |content: &str, day| {
        let alone = anna().session(format!("{day}"));
        MemoryEntry::new(alone, MemoryKind::Observation, content, at(day))
    };
    let entries = vec![
        entry("Look at this!", 0).said_by("Melanie").with("caption", "a golden retriever"),
        entry("Nice one", 200).said_by("Ben"),
        entry("See you", 400).said_by("Carl"),
    ];
    assert_eq!(memory.add_all(entries, &cx).await.unwrap().len(), 3);
    for (asked, expected) in [
        ("Whose retrievers?", "Look at this!"),
        ("What does Ben say?", "Nice one"),
        ("December 2024", "See you"),
    ] {
        assert_eq!(recalled(&memory, MemoryQuery::new(anna(), asked, 1)).await, [expected], "{asked}");
    }
    assert!(memory.add_all(vec![], &cx).await.unwrap().is_empty());
}

#[tokio::test]
async fn new_important_and_pinned_entries_come_first() {
    let (memory, cx) = (memory().await, RunContext::ephemeral());
    let now = cx.now();
    let before = |days: u64| Timestamp::from_millis(now.as_millis() - days * 86_400_000);
    let mut plain = LongTermOptions::default();
    (plain.weights.lent_to_next, plain.weights.lent_to_previous, plain.date) = (0.0, 0.0, false);
    plain.admission = Admission::everything();
    let memory = memory.with_options(plain);
    let said = |time| MemoryEntry::new(anna(), MemoryKind::Fact, "Anna likes tea", time);
    let mut ids = Vec::new();
    for entry in [said(before(400)), said(before(300)).importance(1.0), said(before(1))] {
        ids.push(memory.add(entry, &cx).await.unwrap().id().unwrap().to_owned());
    }
    let order = async || -> Vec<usize> {
        let query = MemoryQuery::new(anna(), "What does Anna like?", 3);
        let found = memory.retrieve(&query, &cx).await.unwrap();
        found.iter().map(|it| ids.iter().position(|id| *id == it.id).unwrap()).collect()
    };
    assert_eq!(order().await, [1, 2, 0]);
    assert!(memory.pin(&anna(), &ids[0], true, &cx).await.unwrap());
    assert!(!memory.pin(&anna(), &ids[0], true, &cx).await.unwrap(), "it is pinned");
    assert_eq!(order().await, [1, 0, 2], "what is pinned is as it was when it was new");
}

#[tokio::test]
async fn tenants_agents_and_sessions_are_kept_apart() {
    let memory = memory().await;
    let (clerk, ben) = (anna().agent("clerk").session("monday"), MemoryScope::of_tenant("ben"));
    let secret = remember(&memory, &clerk, "The door code is 4711", 0).await;
    remember(&memory, &ben, "Ben's door is green", 0).await;
    let asked = |scope: MemoryScope| MemoryQuery::new(scope, "What is the door code?", 10);
    for scope in [anna(), anna().agent("clerk"), clerk.clone()] {
        assert_eq!(recalled(&memory, asked(scope)).await, ["The door code is 4711"]);
    }
    for scope in [anna().agent("cook"), anna().session("tuesday"), MemoryScope::of_tenant("carl")] {
        assert!(recalled(&memory, asked(scope)).await.is_empty());
    }
    assert_eq!(recalled(&memory, asked(ben.clone())).await, ["Ben's door is green"]);
    let cx = RunContext::ephemeral();
    assert!(memory.get(&ben, &secret, &cx).await.unwrap().is_none());
    assert!(!memory.forget(&ben, &secret, &cx).await.unwrap(), "nobody forgets what is another's");
    assert_eq!(memory.clear(&ben, &cx).await.unwrap(), 1);
    assert_eq!(recalled(&memory, asked(anna())).await.len(), 1);
}

#[tokio::test]
async fn what_is_forgotten_comes_back_and_what_is_deleted_does_not() {
    let memory = memory().await;
    let (id, cx) = (remember(&memory, &anna(), "Anna drinks tea", 0).await, RunContext::ephemeral());
    let tea = || recalled(&memory, MemoryQuery::new(anna(), "tea", 5));
    assert!(memory.forget(&anna(), &id, &cx).await.unwrap());
    assert!(tea().await.is_empty());
    assert!(memory.recent(&anna(), 5, &cx).await.unwrap().is_empty());
    assert!(memory.get(&anna(), &id, &cx).await.unwrap().unwrap().standing.forgotten_at.is_some());
    assert!(memory.restore(&anna(), &id, &cx).await.unwrap());
    assert!(!memory.restore(&anna(), &id, &cx).await.unwrap(), "it is back");
    assert_eq!(tea().await, ["Anna drinks tea"]);
    let ben = MemoryScope::of_tenant("ben");
    assert!(!memory.delete(&ben, &id, &cx).await.unwrap(), "nobody deletes what is another's");
    assert!(memory.delete(&anna(), &id, &cx).await.unwrap());
    assert!(!memory.delete(&anna(), &id, &cx).await.unwrap(), "it is gone");
    assert!(memory.get(&anna(), &id, &cx).await.unwrap().is_none() && tea().await.is_empty());
}

#[tokio::test]
async fn queries_filter_by_kind_time_and_metadata() {
    let (memory, cx) = (memory().await, RunContext::ephemeral());
    for (content, kind, day, room) in [
        ("tea in the kitchen", MemoryKind::Fact, 1, "kitchen"),
        ("tea in the garden", MemoryKind::Observation, 2, "garden"),
        ("tea in the kitchen again", MemoryKind::Observation, 3, "kitchen"),
    ] {
        let entry = MemoryEntry::new(anna(), kind, content, at(day)).with("room", room);
        assert!(matches!(memory.add(entry, &cx).await, Ok(Added::Kept { .. })));
    }
    let tea = || MemoryQuery::new(anna(), "tea", 9);
    assert_eq!(recalled(&memory, tea().kinds([MemoryKind::Fact])).await, ["tea in the kitchen"]);
    let late = recalled(&memory, tea().since(at(3))).await;
    assert_eq!(late, ["tea in the kitchen again"]);
    assert_eq!(recalled(&memory, tea().until(at(3)).since(at(2))).await, ["tea in the garden"]);
    let garden = Filter::any().is("room", "garden");
    assert_eq!(recalled(&memory, tea().metadata(garden)).await, ["tea in the garden"]);
    let newest = memory.recent(&anna(), 1, &cx).await.unwrap();
    assert_eq!(newest[0].entry.content, "tea in the kitchen again");
}

#[tokio::test]
async fn vectors_of_two_models_are_not_mixed() {
    let (memory, cx) = (memory().await, RunContext::ephemeral());
    remember(&memory, &anna(), "Anna drinks tea", 0).await;
    // Of as many numbers.
    let other = EmbedderInfo::new("another model", 128);
    let other: Arc<dyn VectorStore> = Arc::new(MemoryStore::new(&other));
    let memory = LongTermMemory::new(other, HashingEmbedder::new(128));
    let entry = MemoryEntry::new(anna(), MemoryKind::Fact, "Anna drinks tea", at(0));
    let added = memory.add(entry, &cx).await.map(drop);
    let found = memory.retrieve(&MemoryQuery::new(anna(), "tea", 3), &cx).await.map(drop);
    for error in [added.unwrap_err(), found.unwrap_err()] {
        let MemoryError::Store(error) = error else { panic!("{error}") };
        assert_eq!(error.kind, StoreErrorKind::OtherEmbedder, "{error}");
    }
}

#[tokio::test]
async fn what_can_not_be_used_is_named() {
    let (memory, cx) = (memory().await, RunContext::ephemeral());
    let entry = |content: &str| MemoryEntry::new(anna(), MemoryKind::Fact, content, at(0));
    for (wrong, message) in [
        (entry(" "), "memory: the entry is empty; say what to remember"),
        (entry("x").importance(1.5), "memory: an importance of 1.5 is not from 0 to 1"),
        (
            entry(&"x".repeat(300_000)),
            "memory: the entry has 300000 bytes, more than 262144; split it or summarise it",
        ),
    ] {
        assert_eq!(memory.add(wrong, &cx).await.unwrap_err().to_string(), message);
    }
    let empty = memory.retrieve(&MemoryQuery::new(anna(), " ", 3), &cx).await;
    assert!(matches!(empty, Err(MemoryError::Invalid { .. })));
}
