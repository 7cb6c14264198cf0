//! How soon a plan is done: questions that need several searches, as a plan and in a loop, in real time.
//!
//! ```text
//! cargo run --release -p agentic-plan --example schedule [QUESTIONS.json]
//! ```
//!
//! The file has objects with a `question` and its `branch`, the number of searches that do not need each other (as in the
//! ParallelQA set of Kim et al., *An LLM Compiler for Parallel Function Calling*, 2024). A model takes 200 ms, a search
//! 1,000 ms. A plan of searches and a join is planned by one call of the model and joined by another; a ReAct agent searches one
//! after the other.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    Agent, ChatModel, EffectClass, EffectContext, FinishReason, Goal, Message, ModelContext, ModelError,
    ModelEvent, ModelInfo, ModelRequest, ModelResponse, ModelStream, RunContext, Tool, ToolError, ToolSpec,
    Usage, async_trait,
};
use agentic_plan::{LlmPlanner, PlanExecutor, StreamingPlanner};
use agentic_runtime::RunContextExt as _;
use agentic_tools::{FunctionCallingAgent, ReActAgent, ToolAgent};
use futures_util::stream::{self, StreamExt as _};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

type Failed = Box<dyn Error + Send + Sync>;

const MODEL: Duration = Duration::from_millis(200);
const SEARCH: Duration = Duration::from_millis(1_000);

/// Of the critical path in the time that a plan took; and how much sooner it is done than a loop, by its searches.
const EFFICIENCY: f64 = 0.98;
const SPEEDUP: [(usize, f64); 2] = [(2, 1.8), (8, 6.0)];

/// So many questions at the same time: they only wait.
const AT_ONCE: usize = 8;

#[derive(Deserialize)]
struct Question {
    question: String,
    branch: usize,
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let shared = || agentic_testkit::fixture("llmcompiler/parallelqa.json");
    let path = std::env::args().nth(1).map(PathBuf::from).or_else(shared);
    let path = path.ok_or("name a file of questions")?;
    let questions: Vec<Question> = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    let mut missed = false;
    let took = stream::iter(&questions).map(planned).buffer_unordered(AT_ONCE);
    let took: Vec<Duration> = took.collect::<Vec<_>>().await.into_iter().collect::<Result<_, _>>()?;
    let path = MODEL + SEARCH + MODEL;
    let mut efficiencies: Vec<f64> =
        took.iter().map(|took| path.as_secs_f64() / took.as_secs_f64()).collect();
    efficiencies.sort_by(f64::total_cmp);
    let (worst, median) = (efficiencies[0], efficiencies[efficiencies.len() / 2]);
    let told = if worst >= EFFICIENCY { "ok" } else { "MISSED" };
    missed |= worst < EFFICIENCY;
    println!(
        "schedule: {} questions: critical path ÷ makespan: worst {worst:.4}, median {median:.4}, bar {EFFICIENCY}: {told}",
        questions.len()
    );
    for (branch, bar) in SPEEDUP {
        let question = || Question { question: "Which of these is the highest?".to_owned(), branch };
        let (plan, by_loop) = (planned(&question()).await?, looped(&question()).await?);
        let speedup = by_loop.as_secs_f64() / plan.as_secs_f64();
        let told = if speedup >= bar { "ok" } else { "MISSED" };
        missed |= speedup < bar;
        println!(
            "schedule: {branch} searches: {plan:.2?} as a plan, {by_loop:.2?} in a loop: {speedup:.2} times, bar {bar}: {told}"
        );
    }
    for (what, tasks, parallel) in [
        ("a chain of four", chain(4), 4),
        ("eight searches and a join, two at a time", joined(8), 2),
        ("eight searches and a join, all at a time", joined(8), 8),
    ] {
        let (whole, streamed) =
            (written(&tasks, parallel, false).await?, written(&tasks, parallel, true).await?);
        let speedup = whole.as_secs_f64() / streamed.as_secs_f64();
        let told = if speedup > 1.0 { "ok" } else { "MISSED" };
        missed |= speedup <= 1.0;
        println!(
            "schedule: {what}, of a model that writes a task in 200 ms: {whole:.2?} written first, {streamed:.2?} written while \
             it is worked on: {speedup:.2} times, bar more than 1: {told}"
        );
    }
    if missed { Err("a bar is missed".into()) } else { Ok(()) }
}

/// How long a question takes as a plan.
async fn planned(question: &Question) -> Result<Duration, Failed> {
    let searches = question.branch;
    let planner = Slow::new(move |_| {
        let search = |n: usize| {
            let inputs = json!({"query": format!("part {n}")});
            json!({"description": "search", "after": [], "agent": "search", "inputs": inputs})
        };
        let ids: Vec<_> = (1..=searches).map(|n| format!("t{n}")).collect();
        let join = json!({"description": "join", "after": ids, "agent": "joiner"});
        json!({"tasks": (0..searches).map(search).chain([join]).collect::<Vec<_>>()}).to_string()
    });
    let joiner = FunctionCallingAgent::builder().model(Slow::new(|_| "The second.".to_owned())).build()?;
    let planner =
        LlmPlanner::new(planner).max_tasks(searches + 1).agent("search", "searches").agent("joiner", "joins");
    let executor = PlanExecutor::new(planner, joiner.clone()).max_parallel(searches);
    let executor = executor.agent("search", ToolAgent::new(search())?).agent("joiner", joiner);
    timed(&executor, question, "The second.").await
}

/// Searches, each after the one before.
fn chain(length: usize) -> Vec<Value> {
    let after = |n: usize| if n == 0 { Vec::new() } else { vec![format!("t{n}")] };
    (0..length).map(|n| search_task(n, after(n))).collect()
}

/// Searches that do not need each other, and one that needs all.
fn joined(searches: usize) -> Vec<Value> {
    let after = (1..=searches).map(|n| format!("t{n}")).collect();
    (0..searches).map(|n| search_task(n, Vec::new())).chain([search_task(searches, after)]).collect()
}

fn search_task(n: usize, after: Vec<String>) -> Value {
    json!({"description": "search", "after": after, "agent": "search", "inputs": {"query": format!("part {n}")}})
}

/// How long it takes where the model takes its time for each task that it writes: the whole plan first, or a task at a time
/// while others are worked on.
async fn written(tasks: &[Value], parallel: usize, streamed: bool) -> Result<Duration, Failed> {
    let all = tasks.to_vec();
    let mut writer = Slow::new(move |request| {
        // What it wrote before stands in what it is asked.
        let before =
            request.messages.iter().nth(2).map_or(0, |message| message.text().matches("description").count());
        let piece = if streamed { vec![all[before].clone()] } else { all.clone() };
        let plan = json!({"tasks": piece, "complete": before + piece.len() == all.len()});
        if streamed { plan.to_string() } else { json!({"tasks": piece}).to_string() }
    });
    writer.takes = |said| MODEL * said.matches("description").count() as u32;
    let planner = LlmPlanner::new(writer).agent("search", "searches");
    let worker = ToolAgent::new(search())?;
    let executor = match streamed {
        true => PlanExecutor::new(StreamingPlanner::of(planner), worker.clone()),
        false => PlanExecutor::new(planner, worker.clone()),
    };
    let question = Question { question: "Which of these is the highest?".to_owned(), branch: tasks.len() };
    let last = format!("found of \"part {}\": 8848 m", tasks.len() - 1);
    timed(&executor.agent("search", worker).max_parallel(parallel), &question, &last).await
}

/// How long it takes one search after the other.
async fn looped(question: &Question) -> Result<Duration, Failed> {
    let searches = question.branch;
    let model = Slow::new(move |request| {
        let done = request
            .messages
            .iter()
            .map(|message| message.text().matches("Observation:").count())
            .sum::<usize>();
        // What the instructions say of observations is not counted.
        let begun = request
            .messages
            .iter()
            .next()
            .map_or(0, |message| message.text().matches("Observation:").count());
        match done - begun {
            done if done < searches => {
                format!("Thought: I search.\nAction: search\nAction Input: {{\"query\": \"part {done}\"}}")
            }
            _ => "Thought: I know.\nFinal Answer: The second.".to_owned(),
        }
    });
    let agent = ReActAgent::builder().model(model).tool(search()).build()?;
    timed(&agent, question, "The second.").await
}

async fn timed(agent: &dyn Agent, question: &Question, answer: &str) -> Result<Duration, Failed> {
    let began = Instant::now();
    let outcome = agent.run(Goal::new(&question.question), &RunContext::ephemeral()).await?;
    let took = began.elapsed();
    if outcome.text() != answer {
        return Err(format!("{} answers {}", agent.name(), outcome.text()).into());
    }
    Ok(took)
}

/// A model that takes its time.
struct Slow {
    info: Arc<ModelInfo>,
    says: Arc<dyn Fn(&ModelRequest) -> String + Send + Sync>,
    takes: fn(&str) -> Duration,
}

impl std::fmt::Debug for Slow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Slow")
    }
}

impl Slow {
    fn new(says: impl Fn(&ModelRequest) -> String + Send + Sync + 'static) -> Self {
        let mut info = ModelInfo::new("slow:test");
        info.capabilities.tools = true;
        Self { info: Arc::new(info), says: Arc::new(says), takes: |_| MODEL }
    }
}

#[async_trait]
impl ChatModel for Slow {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn stream(&self, request: ModelRequest, _: ModelContext) -> Result<ModelStream, ModelError> {
        let said = (self.says)(&request);
        tokio::time::sleep((self.takes)(&said)).await;
        let message = Message::assistant(said);
        let response =
            ModelResponse::new(message, FinishReason::Stop, Usage::default(), self.info.id.clone());
        Ok(stream::iter([Ok(ModelEvent::Finished(Box::new(response)))]).boxed())
    }
}

/// A search that takes its time.
#[derive(Debug)]
struct Search(Arc<ToolSpec>);

fn search() -> Arc<dyn Tool> {
    let parameters =
        json!({"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]});
    Arc::new(Search(Arc::new(ToolSpec::new("search", "Searches.", parameters))))
}

#[async_trait]
impl Tool for Search {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.0
    }

    fn effect(&self, _: &Value) -> EffectClass {
        EffectClass::Pure
    }

    async fn call(&self, arguments: Value, _: EffectContext) -> Result<Value, ToolError> {
        tokio::time::sleep(SEARCH).await;
        Ok(json!(format!("found of {}: 8848 m", arguments["query"])))
    }
}
