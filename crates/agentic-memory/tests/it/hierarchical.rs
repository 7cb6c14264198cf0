//! Memory in tiers.

use std::time::Duration;

use agentic_core::{
    Added, Memory as _, MemoryEntry, MemoryKind, MemoryQuery, MemoryScope, Recalled, RunContext,
};
use agentic_llm::adapter::hashing::HashingEmbedder;
use agentic_memory::{HierarchicalMemory, HierarchicalOptions, LongTermMemory};
use agentic_runtime::Ephemeral;
use agentic_testkit::{FakeSources, ScriptedModel};
use serde_json::json;

fn anna() -> MemoryScope {
    MemoryScope::of_tenant("anna")
}

fn run() -> RunContext {
    Ephemeral::new().sources(FakeSources::seeded(1)).context()
}

async fn memory() -> HierarchicalMemory {
    HierarchicalMemory::new(LongTermMemory::open("memory:", HashingEmbedder::new(256)).await.unwrap())
}

async fn say(memory: &HierarchicalMemory, content: &str, importance: f32, cx: &RunContext) -> Added {
    tokio::time::sleep(Duration::from_millis(1)).await;
    let entry = MemoryEntry::new(anna(), MemoryKind::Observation, content, cx.now());
    memory.add(entry.importance(importance), cx).await.unwrap()
}

fn contents(found: Vec<Recalled>) -> Vec<String> {
    found.into_iter().map(|recalled| recalled.entry.content).collect()
}

/// What is in long-term memory.
async fn long_term(memory: &HierarchicalMemory, cx: &RunContext) -> Vec<String> {
    contents(memory.long_term().recent(&anna(), 1_000, cx).await.unwrap())
}

async fn all(memory: &HierarchicalMemory, cx: &RunContext) -> Vec<String> {
    contents(memory.recent(&anna(), 1_000, cx).await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn what_matters_is_kept_at_once_and_the_rest_at_consolidation() {
    let (memory, cx) = (memory().await, run());
    say(&memory, "matters much", 0.8, &cx).await;
    say(&memory, "matters", 0.6, &cx).await;
    say(&memory, "matters little", 0.5, &cx).await;
    say(&memory, "hardly worth a word", 0.0, &cx).await;
    assert_eq!(long_term(&memory, &cx).await, ["matters much"]);
    for n in 4..49 {
        say(&memory, &format!("turn {n}"), 0.3, &cx).await;
    }
    assert_eq!((long_term(&memory, &cx).await.len(), all(&memory, &cx).await.len()), (1, 49));
    say(&memory, "turn 49", 0.3, &cx).await;
    assert_eq!(long_term(&memory, &cx).await, ["matters", "matters much"]);
    let now = all(&memory, &cx).await;
    assert_eq!(now.len(), 22, "the last 20 and what matters: {now:?}");
    assert_eq!((now[0].as_str(), now[19].as_str()), ("turn 49", "turn 30"));
    for n in 50..99 {
        say(&memory, &format!("turn {n}"), 0.3, &cx).await;
    }
    assert_eq!(all(&memory, &cx).await.len(), 71);
    say(&memory, "turn 99", 0.3, &cx).await;
    assert_eq!(all(&memory, &cx).await.len(), 22, "after 50 more");
}

#[tokio::test(start_paused = true)]
async fn what_leaves_is_said_in_short_and_can_be_explained_and_brought_back() {
    let model = ScriptedModel::new().says(json!({ "summary": "Small talk about rain." }).to_string());
    let mut options = HierarchicalOptions::default();
    (options.every, options.keep) = (4, 1);
    let (memory, cx) = (memory().await.with_model(model).with_options(options), run());
    let rain = say(&memory, "It rains in Oslo", 0.2, &cx).await;
    say(&memory, "Anna moved to Bergen", 0.6, &cx).await;
    say(&memory, "It rains in Bergen", 0.2, &cx).await;
    say(&memory, "Good night", 0.2, &cx).await;
    assert_eq!(
        all(&memory, &cx).await,
        ["Good night", "Small talk about rain.", "Anna moved to Bergen"].map(String::from)
    );
    let summary = memory.recent(&anna(), 2, &cx).await.unwrap().remove(1);
    let why = memory.long_term().why(&anna(), &summary.id, &cx).await.unwrap();
    let why: Vec<_> = why.into_iter().map(|it| (it.depth, it.recalled.unwrap().entry.content)).collect();
    let turns =
        ["It rains in Oslo", "Anna moved to Bergen", "It rains in Bergen"].map(|it| (1, it.to_owned()));
    assert_eq!(why[1..], turns);
    assert!(memory.long_term().restore(&anna(), rain.id().unwrap(), &cx).await.unwrap());
    assert!(all(&memory, &cx).await.contains(&"It rains in Oslo".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn one_search_finds_all_tiers_once_and_best_first() {
    let summary =
        json!({ "accomplished": ["Booked the night train to Bergen"], "decisions": [], "learned": [] });
    let model = ScriptedModel::new().says(summary.to_string());
    let (memory, cx) = (memory().await.with_model(model), run());
    say(&memory, "The night train to Bergen leaves at eleven", 0.9, &cx).await;
    say(&memory, "Anna asked for a night train", 0.3, &cx).await;
    say(&memory, "Tea is in the kitchen", 0.3, &cx).await;
    let episodes = memory.episodes().unwrap();
    let trip = episodes.start(&anna(), "A trip", &cx).await.unwrap();
    episodes.add(&trip, MemoryKind::Action, "looked at hotels", &cx).await.unwrap();
    episodes.end(&anna(), &trip.id, &cx).await.unwrap();

    let query = MemoryQuery::new(anna(), "night train to Bergen", 10);
    let found = memory.retrieve(&query, &cx).await.unwrap();
    assert!(found.is_sorted_by(|one, next| one.score >= next.score), "best first");
    let mut ids: Vec<_> = found.iter().map(|recalled| recalled.id.clone()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), found.len(), "each once");
    let episode = found.iter().find(|it| it.entry.metadata.get("episode") == Some(&json!(trip.id))).unwrap();
    assert!(episode.entry.content.contains("accomplished: Booked the night train"));
    let found = contents(found);
    assert_eq!(found[0], "The night train to Bergen leaves at eleven");
    assert!(found.contains(&"Anna asked for a night train".to_owned()), "{found:?}");
    let only = memory.long_term().retrieve(&query, &cx).await.unwrap();
    assert!(
        !contents(only).contains(&"Anna asked for a night train".to_owned()),
        "that is in the window alone"
    );
}

#[tokio::test(start_paused = true)]
async fn what_comes_again_and_matters_more_is_promoted() {
    let (memory, cx) = (memory().await, run());
    let fact = |importance| {
        MemoryEntry::new(anna(), MemoryKind::Fact, "Anna drinks tea", cx.now()).importance(importance)
    };
    let first = memory.add(fact(0.3), &cx).await.unwrap();
    assert!(long_term(&memory, &cx).await.is_empty());
    let again = memory.add(fact(0.9), &cx).await.unwrap();
    assert_eq!(again, Added::Merged { into: first.id().unwrap().to_owned() });
    assert_eq!(long_term(&memory, &cx).await, ["Anna drinks tea"]);
    assert_eq!(all(&memory, &cx).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_window_can_be_consolidated_by_hand() {
    let (memory, cx) = (memory().await, run());
    for n in 0..30 {
        say(&memory, &format!("turn {n}"), 0.3, &cx).await;
    }
    memory.consolidate(&anna(), &cx).await.unwrap();
    assert_eq!(all(&memory, &cx).await.len(), 20);
    memory.consolidate(&anna(), &cx).await.unwrap();
    assert_eq!(all(&memory, &cx).await.len(), 20);
    assert!(memory.forget(&anna(), &memory.recent(&anna(), 1, &cx).await.unwrap()[0].id, &cx).await.unwrap());
    assert_eq!(memory.clear(&anna(), &cx).await.unwrap(), 30);
}
