//! Episodes, from their start to their end.

use agentic_core::{
    Memory as _, MemoryError, MemoryKind, MemoryQuery, MemoryScope, ModelErrorKind, RunContext,
};
use agentic_llm::adapter::hashing::HashingEmbedder;
use agentic_memory::{Episode, EpisodicMemory, LongTermMemory, ModelComparer};
use agentic_runtime::RunContextExt as _;
use agentic_testkit::ScriptedModel;
use serde_json::json;

fn anna() -> MemoryScope {
    MemoryScope::of_tenant("anna").agent("clerk")
}

fn summary(learned: &str) -> String {
    json!({ "accomplished": ["booked a train"], "decisions": [], "learned": [learned] }).to_string()
}

async fn long_term() -> LongTermMemory {
    LongTermMemory::open("memory:", HashingEmbedder::new(128)).await.unwrap()
}

async fn trip(episodes: &EpisodicMemory, title: &str, happened: &[&str], cx: &RunContext) -> Episode {
    let episode = episodes.start(&anna(), title, cx).await.unwrap();
    for content in happened {
        episodes.add(&episode, MemoryKind::Action, *content, cx).await.unwrap();
        // Times are what entries are ordered by.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    episode
}

#[tokio::test]
async fn an_episode_is_kept_whole_summarised_and_found() {
    let model = ScriptedModel::new().says(summary("trains to Oslo are full")).says(summary("tea helps"));
    let (memory, cx) = (long_term().await, RunContext::ephemeral());
    let episodes = EpisodicMemory::new(memory.clone(), model.clone());
    let oslo = trip(&episodes, "Trip to Oslo", &["asked for trains", "booked the last seat"], &cx).await;
    let cold = trip(&episodes, "A cold", &["drank tea"], &cx).await;

    let ended = episodes.end(&anna(), &oslo.id, &cx).await.unwrap();
    assert_eq!(ended.summary.as_ref().unwrap().learned, ["trains to Oslo are full"]);
    assert!(ended.ended >= Some(ended.started));
    let asked = model.requests()[0].messages.iter().map(|it| it.text()).collect::<String>();
    assert!(
        asked.contains("Trip to Oslo") && asked.contains("action: asked for trains\naction: booked"),
        "{asked}"
    );
    assert_eq!(episodes.find(&anna(), "tea", 5, &cx).await.unwrap().len(), 1, "the other goes on");
    episodes.end(&anna(), &cold.id, &cx).await.unwrap();
    assert_eq!(episodes.end(&anna(), &oslo.id, &cx).await.unwrap(), ended, "it has ended");

    let found = episodes.find(&anna(), "trains to Oslo", 5, &cx).await.unwrap();
    assert_eq!((&found[0].episode, found.len()), (&ended, 2));
    assert!(found[0].score > found[1].score);
    let whole = episodes.whole(&anna(), &oslo.id, &cx).await.unwrap().unwrap();
    let said: Vec<_> = whole.entries.iter().map(|it| it.entry.content.as_str()).collect();
    assert_eq!((whole.episode, said), (ended.clone(), vec!["asked for trains", "booked the last seat"]));
    let listed = episodes.list(&anna(), 5, &cx).await.unwrap();
    assert_eq!(listed.iter().map(|it| it.title.as_str()).collect::<Vec<_>>(), ["A cold", "Trip to Oslo"]);

    // Entries are found one by one too, and episodes are none.
    let recalled = memory.retrieve(&MemoryQuery::new(anna(), "last seat", 9), &cx).await.unwrap();
    let recalled: Vec<_> = recalled.iter().map(|it| it.entry.content.as_str()).collect();
    assert_eq!(recalled, ["booked the last seat", "asked for trains"], "what stands beside it comes along");
    let error = episodes.add(&ended, MemoryKind::Action, "more", &cx).await.unwrap_err();
    assert!(matches!(error, MemoryError::Invalid { .. }), "{error}");
}

#[tokio::test]
async fn an_episode_without_a_summary_goes_on() {
    let model = ScriptedModel::new().fails(ModelErrorKind::Unavailable, "busy").says(summary("x"));
    let (memory, cx) = (long_term().await, RunContext::ephemeral());
    let episodes = EpisodicMemory::new(memory, model);
    let episode = trip(&episodes, "Trip", &["walked"], &cx).await;
    let error = episodes.end(&anna(), &episode.id, &cx).await.unwrap_err();
    assert!(matches!(error, MemoryError::Model(_)), "{error}");
    assert_eq!(episodes.list(&anna(), 1, &cx).await.unwrap(), std::slice::from_ref(&episode));
    assert!(episodes.end(&anna(), &episode.id, &cx).await.unwrap().summary.is_some());
    let empty = episodes.start(&anna(), "Nothing", &cx).await.unwrap();
    assert_eq!(episodes.end(&anna(), &empty.id, &cx).await.unwrap().summary, None, "no model is asked");
}

#[tokio::test]
async fn an_episode_has_no_part_that_is_none_of_its_entries() {
    let memory = long_term().await.with_comparer(ModelComparer::new(ScriptedModel::new()));
    let cx = RunContext::ephemeral();
    let episodes = EpisodicMemory::new(memory, ScriptedModel::new().says(summary("x")));
    let episode = episodes.start(&anna(), "Trip", &cx).await.unwrap();
    // It waits for consolidation.
    episodes.add(&episode, MemoryKind::Fact, "The train is full", &cx).await.unwrap();
    assert_eq!(episodes.whole(&anna(), &episode.id, &cx).await.unwrap().unwrap().entries.len(), 1);
    assert!(episodes.end(&anna(), &episode.id, &cx).await.unwrap().summary.is_some());
}

#[tokio::test]
async fn long_episodes_are_summarised_in_parts() {
    let model =
        ["a", "b", "c", "whole"].iter().fold(ScriptedModel::new(), |model, said| model.says(summary(said)));
    let (memory, cx) = (long_term().await, RunContext::ephemeral());
    let episodes = EpisodicMemory::new(memory, model.clone());
    let long = ["x".repeat(20_000), "y".repeat(20_000), "z".repeat(20_000)];
    let long = long.each_ref().map(String::as_str);
    let episode = trip(&episodes, "Long", &long, &cx).await;
    let summary = episodes.end(&anna(), &episode.id, &cx).await.unwrap().summary.unwrap();
    assert_eq!(summary.learned, ["whole"]);
    let last = model.requests()[3].messages.iter().map(|it| it.text()).collect::<String>();
    assert!(last.contains("learned: a\n") && last.contains("learned: c\n"), "{last}");
}

#[tokio::test]
async fn episodes_are_of_their_scope() {
    let (memory, cx) = (long_term().await, RunContext::ephemeral());
    let episodes = EpisodicMemory::new(memory, ScriptedModel::new().says(summary("x")));
    let episode = trip(&episodes, "Trip", &["walked"], &cx).await;
    for scope in [MemoryScope::of_tenant("ben"), MemoryScope::of_tenant("anna").agent("cook")] {
        assert!(episodes.whole(&scope, &episode.id, &cx).await.unwrap().is_none());
        assert!(episodes.list(&scope, 9, &cx).await.unwrap().is_empty());
        assert!(matches!(episodes.end(&scope, &episode.id, &cx).await, Err(MemoryError::Invalid { .. })));
    }
    let tenant = MemoryScope::of_tenant("anna");
    assert_eq!(episodes.list(&tenant, 9, &cx).await.unwrap().len(), 1);
    let inner = episodes.start(&anna().session("s"), "Trip", &cx).await;
    assert!(matches!(inner, Err(MemoryError::Invalid { .. })));
    assert!(matches!(episodes.find(&anna(), " ", 9, &cx).await, Err(MemoryError::Invalid { .. })));
}
