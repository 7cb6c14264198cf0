//! Short-term memory: a window of entries, and what leaves it.

use std::time::Duration;

use agentic_core::{
    Embedder as _, Filter, Memory as _, MemoryEntry, MemoryError, MemoryKind, MemoryQuery, MemoryScope,
    ModelErrorKind, ModelInfo, RunContext,
};
use agentic_llm::adapter::hashing::HashingEmbedder;
use agentic_memory::{ShortTermMemory, ShortTermOptions, open};
use agentic_runtime::Ephemeral;
use agentic_testkit::{FakeSources, ScriptedModel};
use serde_json::json;

fn anna() -> MemoryScope {
    MemoryScope::of_tenant("anna").session("monday")
}

fn run() -> RunContext {
    Ephemeral::new().sources(FakeSources::seeded(1)).context()
}

async fn say(memory: &ShortTermMemory, content: &str, cx: &RunContext) -> Result<(), MemoryError> {
    tokio::time::sleep(Duration::from_millis(1)).await;
    let entry = MemoryEntry::new(anna(), MemoryKind::Observation, content, cx.now());
    memory.add(entry, cx).await.map(drop)
}

async fn window(memory: &ShortTermMemory, cx: &RunContext) -> Vec<String> {
    let recent = memory.recent(&anna(), 1_000, cx).await.unwrap();
    recent.into_iter().map(|recalled| recalled.entry.content).collect()
}

fn options(entries: usize) -> ShortTermOptions {
    let mut options = ShortTermOptions::default();
    options.entries = entries;
    options
}

#[tokio::test(start_paused = true)]
async fn the_oldest_entries_leave_a_full_window() {
    let (memory, cx) = (ShortTermMemory::turns(3), run());
    for n in 0..5 {
        say(&memory, &format!("turn {n}"), &cx).await.unwrap();
    }
    assert_eq!(window(&memory, &cx).await, ["turn 4", "turn 3", "turn 2"]);
    let other = MemoryEntry::new(MemoryScope::of_tenant("anna"), MemoryKind::Fact, "of no session", cx.now());
    memory.add(other, &cx).await.unwrap();
    assert_eq!(window(&memory, &cx).await.len(), 3, "each scope has a window of its own");
}

#[tokio::test(start_paused = true)]
async fn tokens_fill_a_window_as_the_model_counts_them() {
    let mut model = ModelInfo::new("test:m");
    model.context_tokens = Some(800);
    let memory = ShortTermMemory::in_memory().with_options(options(100).read_by(&model));
    let (cx, long) = (run(), "x".repeat(100));
    for _ in 0..4 {
        say(&memory, &long, &cx).await.unwrap();
    }
    assert_eq!(
        window(&memory, &cx).await.len(),
        3,
        "a byte is a token if nobody has counted: 3 of 132 in 400"
    );
    for _ in 0..9 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let entry = MemoryEntry::new(anna(), MemoryKind::Observation, &long, cx.now());
        memory.add(ShortTermMemory::counted(entry, "test:m", 8), &cx).await.unwrap();
    }
    assert_eq!(window(&memory, &cx).await.len(), 9, "9 of 40 fit into 400, and none of 132 beside them");
}

#[tokio::test(start_paused = true)]
async fn a_model_says_in_short_what_leaves() {
    let said = |summary: &str| json!({ "summary": summary }).to_string();
    let model = ScriptedModel::new().says(said("They said 0 to 2.")).says(said("They said 0 to 4."));
    let memory = ShortTermMemory::in_memory().with_options(options(4)).with_model(model.clone());
    let cx = run();
    for n in 0..5 {
        say(&memory, &format!("turn {n}"), &cx).await.unwrap();
    }
    assert_eq!(window(&memory, &cx).await, ["turn 4", "turn 3", "They said 0 to 2."]);
    for n in 5..7 {
        say(&memory, &format!("turn {n}"), &cx).await.unwrap();
    }
    assert_eq!(model.requests().len(), 1, "it is asked seldom, for much");
    say(&memory, "turn 7", &cx).await.unwrap();
    assert_eq!(window(&memory, &cx).await, ["turn 7", "turn 6", "They said 0 to 4."]);
    let asked = model.requests()[1].messages.iter().map(|it| it.text()).collect::<String>();
    assert!(asked.contains("They said 0 to 2.\n") && asked.contains("observation: turn 3\n"), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn what_comes_at_once_leaves_once() {
    let answer = || json!({ "summary": "They spoke." }).to_string();
    let model =
        (0..20).fold(ScriptedModel::new(), |model, _| model.says(answer()).after(Duration::from_secs(1)));
    let memory = ShortTermMemory::in_memory().with_options(options(4)).with_model(model);
    let cx = run();
    for n in 0..4 {
        say(&memory, &format!("turn {n}"), &cx).await.unwrap();
    }
    let saying = (4..8).map(|n| {
        let (memory, cx) = (memory.clone(), cx.keyed("turn", n));
        async move { say(&memory, &format!("turn {n}"), &cx).await.unwrap() }
    });
    futures_util::future::join_all(saying).await;
    let window = window(&memory, &cx).await;
    assert_eq!(window.iter().filter(|said| *said == "They spoke.").count(), 1, "{window:?}");
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_others_leave_is_said_once() {
    let answer = |summary: &str| json!({ "summary": summary }).to_string();
    let model = ["They said 0 to 2.", "They said 0 to 3."]
        .into_iter()
        .fold(ScriptedModel::new(), |model, said| model.says(answer(said)).after(Duration::from_secs(1)));
    let memory = ShortTermMemory::in_memory().with_options(options(4)).with_model(model);
    let cx = run();
    for n in 0..4 {
        say(&memory, &format!("turn {n}"), &cx).await.unwrap();
    }
    // The second comes while the model reads what leaves for the first.
    let saying = (4..6_u64).map(|n| {
        let (memory, cx) = (memory.clone(), cx.keyed("turn", n));
        async move {
            tokio::time::sleep(Duration::from_millis(300 * (n - 4))).await;
            say(&memory, &format!("turn {n}"), &cx).await.unwrap();
        }
    });
    futures_util::future::join_all(saying).await;
    assert_eq!(window(&memory, &cx).await, ["turn 5", "turn 4", "turn 3", "They said 0 to 2."]);
}

#[tokio::test(start_paused = true)]
async fn nothing_leaves_when_the_model_fails() {
    let model = ScriptedModel::new()
        .fails(ModelErrorKind::Unavailable, "busy")
        .says(json!({ "summary": "Before." }).to_string());
    let memory = ShortTermMemory::in_memory().with_options(options(2)).with_model(model);
    let cx = run();
    for n in 0..2 {
        say(&memory, &format!("turn {n}"), &cx).await.unwrap();
    }
    say(&memory, "turn 2", &cx).await.unwrap();
    assert_eq!(window(&memory, &cx).await, ["turn 2", "turn 1", "turn 0"], "the entry is kept");
    say(&memory, "turn 3", &cx).await.unwrap();
    assert_eq!(window(&memory, &cx).await, ["turn 3", "Before."]);
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_is_gone_from_the_store() {
    let store = open("memory:", Some(HashingEmbedder::new(4).info())).await.unwrap();
    let (memory, cx) = (ShortTermMemory::new(store.clone()), run());
    say(&memory, "turn 0", &cx).await.unwrap();
    let id = memory.recent(&anna(), 1, &cx).await.unwrap().remove(0).id;
    assert!(memory.forget(&anna(), &id, &cx).await.unwrap());
    assert!(!memory.forget(&anna(), &id, &cx).await.unwrap(), "there is none any more");
    assert_eq!(store.count(&anna(), &Filter::any()).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn entries_are_found_by_their_words() {
    let (memory, cx) = (ShortTermMemory::turns(10), run());
    for content in ["Anna drinks tea", "It rains", "Ben drinks nothing", "Anna's tea is cold"] {
        say(&memory, content, &cx).await.unwrap();
    }
    let query = |text: &str, limit| MemoryQuery::new(anna(), text, limit);
    let found = memory.retrieve(&query("Which teas does Anna drink?", 2), &cx).await.unwrap();
    assert_eq!(found[0].entry.content, "Anna drinks tea");
    assert_eq!(found.len(), 2);
    assert!(memory.retrieve(&query("snow", 2), &cx).await.unwrap().is_empty());
    assert!(matches!(memory.retrieve(&query(" ", 2), &cx).await, Err(MemoryError::Invalid { .. })));
    assert!(memory.forget(&anna(), &found[0].id, &cx).await.unwrap());
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(!memory.forget(&anna(), &found[0].id, &cx).await.unwrap());
    assert_eq!(window(&memory, &cx).await.len(), 3);
    assert_eq!(memory.clear(&MemoryScope::of_tenant("ben"), &cx).await.unwrap(), 0);
    assert_eq!(memory.clear(&anna(), &cx).await.unwrap(), 3);
}

#[tokio::test]
async fn a_window_in_a_file_is_there_in_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("short.db").display());
    let embedder = agentic_core::EmbedderInfo::new("none", 1);
    for n in 0..4 {
        let memory =
            ShortTermMemory::new(open(&url, Some(&embedder)).await.unwrap()).with_options(options(3));
        let cx = Ephemeral::new().context();
        say(&memory, &format!("process {n}"), &cx).await.unwrap();
        assert_eq!(window(&memory, &cx).await.len(), (n + 1).min(3));
    }
}
