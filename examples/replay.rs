//! The examples' agents with a model that needs none: run, crashed at every write, and repeated from their files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

#[expect(dead_code, reason = "its `main` takes ten seconds")]
#[path = "03_durable.rs"]
mod durable;
#[expect(dead_code, reason = "its `main` writes a file")]
#[path = "05_engines.rs"]
mod engines;
#[expect(dead_code, reason = "its `main` opens a real model")]
#[path = "01_hello.rs"]
mod hello;
#[expect(dead_code, reason = "its `main` opens real models")]
#[path = "04_memory.rs"]
mod memory;
#[expect(dead_code, reason = "its `main` opens a real model")]
#[path = "02_tool.rs"]
mod tool;

use std::sync::Arc;

use agentic::core::Role;
use agentic::llm::adapter::hashing::HashingEmbedder;
use agentic::prelude::*;
use agentic::runtime::{Bundle, Differs, Divergence, MemoryStore, RunError, diff, replay};
use agentic_testkit::durability::{Check, Subject, World};
use agentic_testkit::{FakeSources, RuleModel, Says};
use serde_json::json;

fn polite() -> RuleModel {
    RuleModel::new(|_| Says::text("Hei!"))
}

/// Asks for the weather, then answers.
fn careful() -> RuleModel {
    RuleModel::new(|request| match request.messages.iter().any(|message| message.role == Role::Tool) {
        true => Says::text("Yes, take one."),
        false => Says::call("weather", json!({"city": "Oslo"})),
    })
}

fn hello() -> FunctionCallingAgent {
    hello::agent(polite()).build().unwrap()
}

fn tool() -> FunctionCallingAgent {
    tool::agent(careful()).build().unwrap()
}

#[test]
fn every_example_is_here() {
    let files = std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut examples: Vec<_> = names.filter(|name| name.starts_with(|c: char| c.is_ascii_digit())).collect();
    examples.sort();
    assert_eq!(examples, ["01_hello.rs", "02_tool.rs", "03_durable.rs", "04_memory.rs", "05_engines.rs"]);
}

#[test]
fn hello_repeats() {
    Check::new(|| Subject::new(hello(), "Say hello in Norwegian.", World::new())).run();
}

/// Remembers what it is told, looks it up, then answers.
fn attentive() -> RuleModel {
    RuleModel::new(|request| match request.messages.iter().filter(|it| it.role == Role::Tool).count() {
        0 => Says::call("remember", json!({"content": "Anna drinks green tea"})),
        1 => Says::call("recall", json!({"query": "What does Anna drink?"})),
        _ => Says::text("Green tea."),
    })
}

#[test]
fn a_memory_repeats() {
    Check::new(|| {
        let embedder = HashingEmbedder::new(64);
        let store = Arc::new(agentic::memory::backend::memory::MemoryStore::new(embedder.info()));
        let agent = memory::agent(attentive(), LongTermMemory::new(store, embedder)).unwrap();
        Subject::new(agent, "I am Anna, and I drink green tea.", World::new())
    })
    .run();
}

#[tokio::test]
async fn engines_find_the_same() {
    assert_eq!(engines::moved("memory:").await.unwrap(), "Anna's bicycle is in the cellar");
}

#[test]
fn a_tool_repeats() {
    Check::new(|| Subject::new(tool(), "Do I need an umbrella in Oslo?", World::new())).run();
}

#[test]
fn a_durable_run_repeats() {
    Check::new(|| Subject::new(durable::Counter, "Count to ten.", World::new())).run();
}

/// Runs an agent and another one: the first run's file repeated with the other names the step that `diff` finds.
async fn found(agent: FunctionCallingAgent, changed: FunctionCallingAgent, goal: &str) -> String {
    let runtime = Runtime::builder(MemoryStore::new()).sources(FakeSources::seeded(1)).build();
    let mut journals = Vec::new();
    for agent in [agent, changed.clone()] {
        let run = runtime.start(agent, goal).await.unwrap();
        run.report().await.unwrap().result.unwrap();
        let file = runtime.export(run.id()).await.unwrap().to_text().unwrap();
        journals.push(Bundle::parse(&file).unwrap());
    }
    let again = replay(&changed, journals[0].run, &journals[0].journal).await.unwrap();
    let Err(RunError::Diverged(Divergence::Changed { step, .. })) = again.result else { panic!("{again:?}") };
    let difference = diff(&journals[0].journal, &journals[1].journal).unwrap();
    assert_eq!((difference.step.as_ref(), difference.what), (Some(&step), Differs::Request));
    step.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_changed_prompt_is_found_where_it_first_matters() {
    let brief = hello::agent(polite()).instructions("Be brief.").build().unwrap();
    assert_eq!(found(hello(), brief, "Say hello in Norwegian.").await, "turn/model");
    let brief = tool::agent(careful()).instructions("Be brief.").build().unwrap();
    assert_eq!(found(tool(), brief, "Do I need an umbrella in Oslo?").await, "turn/model");
}
