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
#[path = "06_research.rs"]
mod research;
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
    let names = ["01_hello", "02_tool", "03_durable", "04_memory", "05_engines", "06_research"];
    assert_eq!(examples, names.map(|name| format!("{name}.rs")));
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

const QUESTION: &str = "How long does the pack of a Tarn 3 last without sun?";
const RIGHT: &str = "Without any sun a full pack lasts 40 days at one measurement an hour.";

/// An answer with a source, as a model writes it.
fn sourced(file: &str, quote: &str) -> Says {
    let source = json!({"file": file, "quote": quote, "claim": "It lasts 40 days."});
    Says::text(json!({"sources": [source], "answer": "40 days."}).to_string())
}

/// Quotes what stands nowhere until it reads that it does, then from a file that there is not, then rightly.
fn careless() -> RuleModel {
    RuleModel::new(|request| {
        let read = |what: &str| request.messages.iter().any(|message| message.text().contains(what));
        match (read("`power.md` does not say"), read("`battery.md`: it does not exist")) {
            (false, _) => sourced("power.md", "A full pack lasts 40 days."),
            (true, false) => sourced("battery.md", RIGHT),
            (true, true) => {
                sourced("power.md", "Without any sun\n a full pack lasts 40 days at one measurement")
            }
        }
    })
}

fn documents() -> LongTermMemory {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(research::documents(research::DOCUMENTS)).unwrap()
}

#[test]
fn a_research_repeats() {
    let documents = documents();
    Check::new(|| {
        let agent = research::agent(careless(), documents.clone(), research::DOCUMENTS).unwrap();
        Subject::new(agent, QUESTION, World::new())
    })
    .run();
}

#[tokio::test]
async fn what_a_research_reads_is_about_the_question() {
    let documents = research::documents(research::DOCUMENTS).await.unwrap();
    let model = RuleModel::new(|request| {
        let asked = request.messages.iter().map(|message| message.text()).collect::<String>();
        assert!(asked.contains(RIGHT) && !asked.contains("Ice breaks the seal"), "{asked}");
        sourced("power.md", RIGHT)
    });
    let agent = research::agent(model, documents, research::DOCUMENTS).unwrap();
    let outcome = agent.run(QUESTION.into(), &RunContext::ephemeral()).await.unwrap();
    assert_eq!(outcome.output["answer"], "40 days.");
}

#[tokio::test]
async fn sources_that_are_not_there_go_back_and_are_no_answer_in_the_end() {
    let documents = research::documents(research::DOCUMENTS).await.unwrap();
    let agent = |model| research::agent(model, documents.clone(), research::DOCUMENTS).unwrap();
    let model = careless();
    let outcome = agent(model.clone()).run(QUESTION.into(), &RunContext::ephemeral()).await.unwrap();
    assert_eq!((model.calls(), outcome.evidence.len()), (3, 2), "{outcome:?}");
    assert_eq!(outcome.output["sources"][0]["file"], "power.md");
    for (file, quote, why) in [
        ("power.md", "It lasts 40 days or longer.", "does not say"),
        ("../invoices/note.txt", "anything that stands there", "outside"),
        ("power.md", "40 days", "too short"),
    ] {
        let model = RuleModel::new(move |_| sourced(file, quote));
        let error = agent(model).run(QUESTION.into(), &RunContext::ephemeral()).await.unwrap_err();
        let AgentError::Tries { tries: 3, .. } = &error else { panic!("{error:?}") };
        assert!(error.to_string().contains(why), "{error}");
    }
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
