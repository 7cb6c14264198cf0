//! A research assistant: it looks up documents, answers with its sources, and a program checks each of them.
//!
//! ```text
//! cargo run -p agentic-examples --example 06_research "How long does the pack of a Tarn 3 last without sun?"
//! ```
//!
//! A source is a file and a quote. One that is not there, word for word, goes back to the model with the reason; if the last
//! try still has one, there is no answer, but an error. The documents are those of `examples/data/tarn`; a second argument names
//! another folder, `AGENTIC_MODEL` another model. With `--json` as the first argument it prints the outcome as JSON.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people prints")]

use std::process::ExitCode;
use std::sync::Arc;

use agentic::core::{
    Lookup, MemoryEntry, MemoryKind, MemoryQuery, Message, ModelRequest, Reflection, Reflector, Spend,
    StepError, async_trait,
};
use agentic::llm::adapter::hashing::HashingEmbedder;
use agentic::prelude::*;
use agentic::schema::{ExtractOptions, Extracted, extract};
use agentic::tools::builtin;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

type Failed = Box<dyn std::error::Error>;

pub(crate) const DOCUMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/tarn");
/// So many paragraphs are read for a question.
const PARAGRAPHS: usize = 6;
/// A quote of fewer words proves nothing: it stands somewhere in any text.
const LEAST_WORDS: usize = 3;

/// An answer, and what it rests on.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Answer {
    /// The sources, first.
    #[schemars(length(min = 1, max = 4))]
    sources: Vec<Source>,
    /// The answer to the question, in one sentence.
    answer: String,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Source {
    /// The name of the file.
    file: String,
    /// A sentence of the file, copied word for word.
    quote: String,
    /// What of the answer follows from it.
    claim: String,
}

/// Looks up what the documents say of a question, and has it answered.
#[derive(Debug)]
pub(crate) struct Research {
    documents: LongTermMemory,
    answering: SelfCorrectionAgent,
}

/// Answers from what was looked up.
#[derive(Debug)]
struct Answering(Arc<dyn ChatModel>);

/// Looks whether each source is there.
#[derive(Debug)]
struct Sources {
    read_file: Arc<dyn Tool>,
}

/// An agent that answers from the documents of a folder, which were put into this memory.
pub(crate) fn agent(
    model: impl ChatModel,
    documents: LongTermMemory,
    folder: &str,
) -> Result<Research, ToolError> {
    let read_file = builtin::by_name("read_file", &builtin::Settings::new(folder))?;
    let answering = SelfCorrectionAgent::new(Answering(Arc::new(model)), Sources { read_file }).tries(3);
    Ok(Research { documents, answering })
}

/// The paragraphs of all documents in a folder, each with the name of its file.
pub(crate) async fn documents(folder: &str) -> Result<LongTermMemory, Failed> {
    // It knows words alone; `llm::open_embedder` opens models that know what they mean.
    let memory = LongTermMemory::open("memory:", HashingEmbedder::new(256)).await?;
    let cx = RunContext::ephemeral();
    let found =
        std::fs::read_dir(folder).map_err(|error| format!("can't read the folder {folder}: {error}"))?;
    let mut files = found.map(|file| file.map(|file| file.path())).collect::<Result<Vec<_>, _>>()?;
    files.sort();
    for file in files.iter().filter(|file| file.is_file()) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("can't read {}: {error}", file.display()))?;
        for paragraph in text.split("\n\n").map(one_line).filter(|paragraph| !paragraph.starts_with('#')) {
            let mut entry = MemoryEntry::new(scope(), MemoryKind::Fact, paragraph, cx.now());
            entry.metadata.insert("file".into(), json!(name));
            memory.add(entry, &cx).await?;
        }
    }
    Ok(memory)
}

fn scope() -> MemoryScope {
    MemoryScope::of_tenant("documents")
}

/// White space does not count.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[async_trait]
impl Agent for Research {
    fn name(&self) -> &str {
        "research"
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let query = MemoryQuery::new(scope(), &*goal.text, PARAGRAPHS);
        let found = self.documents.retrieve(&query, cx).await.map_err(StepError::from)?;
        let found: Vec<_> = found
            .iter()
            .map(|it| json!({"file": it.entry.metadata.get("file"), "text": it.entry.content}))
            .collect();
        let (arguments, result) = (json!({"query": goal.text}), found.into());
        let lookup = Lookup { tool: "search_documents".into(), arguments, result };
        cx.call("answering", &self.answering, goal.with_lookup(lookup)).await
    }
}

#[async_trait]
impl Agent for Answering {
    fn name(&self) -> &str {
        "answering"
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        const INSTRUCTIONS: &str = "You answer questions from documents, and from nothing else. First give the sources: the file, \
                                    a sentence copied from it word for word, and what follows from it. Then answer.";
        let messages = [Message::system(INSTRUCTIONS), Message::user(goal.prompt())];
        let request = ModelRequest::new(messages.into_iter().collect()).with_max_output_tokens(600);
        let Extracted { value, usage, attempts, .. } =
            extract::<Answer>(cx, &self.0, request, &ExtractOptions::default()).await?;
        let spend = Spend { usage, model_calls: attempts.into(), ..Spend::default() };
        Ok(Outcome::new(json!(value), spend))
    }
}

impl Sources {
    /// What is wrong with a source, if anything.
    async fn problem(&self, source: &Source, cx: &RunContext) -> Result<Option<String>, AgentError> {
        let Source { file, quote, .. } = source;
        let text = match cx.tool(&self.read_file, json!({"path": file})).await {
            Ok(text) => one_line(text.as_str().unwrap_or_default()),
            // It was asked, and this is its answer.
            Err(StepError::Tool(error)) => return Ok(Some(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        let quote = one_line(quote);
        Ok(if quote.split(' ').count() < LEAST_WORDS {
            Some(format!("the quote \"{quote}\" is too short; quote a whole sentence"))
        } else if !text.contains(&quote) {
            Some(format!("`{file}` does not say \"{quote}\"; copy a sentence from it word for word"))
        } else {
            None
        })
    }
}

#[async_trait]
impl Reflector for Sources {
    async fn reflect(
        &self,
        _: &Goal,
        action: &str,
        result: &str,
        cx: &RunContext,
    ) -> Result<Reflection, AgentError> {
        let mut problems = Vec::new();
        match serde_json::from_str::<Answer>(action) {
            Ok(answer) if answer.sources.is_empty() => problems.push("it names no source".to_owned()),
            Ok(answer) => {
                for source in &answer.sources {
                    problems.extend(self.problem(source, cx).await?);
                }
            }
            Err(_) => problems.push("there is no answer".to_owned()),
        }
        let is_good = problems.is_empty();
        let problem = (!is_good).then(|| problems.join("\n"));
        Ok(Reflection {
            action: action.to_owned(),
            result: result.to_owned(),
            assessment: problem.clone().unwrap_or_else(|| "each source is there".to_owned()),
            made_progress: is_good,
            should_retry: !is_good,
            improvement: problem,
        })
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failed> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let as_json = args.first().is_some_and(|arg| arg == "--json");
    args.drain(..usize::from(as_json));
    let question = args.first().map_or("How long does the pack of a Tarn 3 last without sun?", |it| it);
    let folder = args.get(1).map_or(DOCUMENTS, |it| it);
    let model = std::env::var("AGENTIC_MODEL").unwrap_or_else(|_| "local:qwen2.5-coder-1.5b".into());
    let agent = agent(llm::open(&model).await?, documents(folder).await?, folder)?;
    let result = agent.run(question.into(), &RunContext::ephemeral()).await;
    if as_json {
        let told = match result {
            Ok(outcome) => json!(outcome),
            Err(error) => {
                json!({"error": error.to_string(), "last": error.partial().map(|it| &it.text)})
            }
        };
        println!("{told}");
        return Ok(());
    }
    let Answer { sources, answer } = serde_json::from_value(result?.output)?;
    println!("{answer}\n");
    for Source { file, quote, claim } in sources {
        println!("{claim}\n  {file}: \"{}\"", one_line(&quote));
    }
    Ok(())
}
