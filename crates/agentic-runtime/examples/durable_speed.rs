//! How fast and how small durable runs are, on a SQLite file. Prints one line a figure, each the median of five.
//!
//! ```text
//! cargo run --release -p agentic-runtime --features sqlite --example durable_speed [steps|resume|parked|disk]
//! ```
#![expect(clippy::disallowed_methods, reason = "it measures time")]
#![expect(clippy::print_stdout, reason = "it prints figures")]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use agentic_core::{
    Agent, AgentError, Approval, Decision, EffectClass, Goal, Outcome, RunContext, Spend, async_trait,
};
use agentic_runtime::{Run, Runtime, SqliteOptions, SqliteStore, Wait};

type Failed = Box<dyn Error>;

const REPEATS: usize = 5;
/// Bytes that each step gives.
const OUTCOME: usize = 600;

/// Does so many steps one after the other, then asks a person if it shall.
#[derive(Clone, Debug)]
struct Steps {
    steps: usize,
    bytes: usize,
    class: EffectClass,
    asks: bool,
}

#[async_trait]
impl Agent for Steps {
    fn name(&self) -> &str {
        "steps"
    }

    async fn run(&self, _: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let mut bytes = 0;
        for n in 0..self.steps {
            let size = self.bytes;
            let step = cx.scope("turn").effect("work", self.class, &n, move |_| async move {
                Ok::<_, String>(format!("{n:0>size$}"))
            });
            bytes += step.await?.len();
        }
        if self.asks {
            cx.approve(Approval::new("go on?")).await?;
        }
        Ok(Outcome::new(bytes, Spend::default()))
    }
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let part = std::env::args().nth(1).unwrap_or_default();
    let (folder, mut good) = (tempfile::tempdir()?, true);
    let wants = |name: &str| part.is_empty() || part == name;
    if wants("steps") {
        let mut figures = Vec::new();
        for n in 0..REPEATS {
            figures.push(steps(&folder.path().join(format!("steps{n}.db"))).await?);
        }
        good &= bar(
            "steps a second, 200 runs, each step's intent and outcome synced",
            median(figures),
            "at least",
            5000.0,
        );
    }
    if wants("resume") {
        let mut figures = Vec::new();
        for n in 0..REPEATS {
            figures.push(resume(&folder.path().join(format!("resume{n}.db"))).await?);
        }
        good &= bar("ms to resume a run of 1,000 steps", median(figures), "at most", 50.0);
    }
    if wants("disk") {
        good &= bar(
            "MB on disk of 1,732 steps and 400 KB of text",
            disk(&folder.path().join("disk")).await?,
            "at most",
            5.0,
        );
    }
    if wants("parked") {
        good &= bar(
            "MB resident with 10,000 parked runs",
            parked(&folder.path().join("parked.db")).await?,
            "below",
            50.0,
        );
    }
    if good { Ok(()) } else { Err("a bar is missed".into()) }
}

/// Prints a figure. Gives whether it is good enough.
fn bar(what: &str, figure: f64, relation: &str, bar: f64) -> bool {
    let ok = if relation == "at least" { figure >= bar } else { figure <= bar };
    let verdict = if ok { "ok" } else { "MISSED" };
    println!("{what}: {figure:.1}, bar {relation} {bar}: {verdict}");
    ok
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

async fn open(path: &Path) -> Result<Runtime, Failed> {
    Ok(Runtime::new(SqliteStore::open(path, SqliteOptions::new()).await?))
}

async fn steps(path: &Path) -> Result<f64, Failed> {
    const RUNS: usize = 200;
    const STEPS: usize = 50;
    let runtime = open(path).await?;
    let agent = Steps { steps: STEPS, bytes: OUTCOME, class: EffectClass::Unsafe, asks: false };
    let began = Instant::now();
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(runtime.start(agent.clone(), "go").await?);
    }
    for run in runs {
        run.report().await?.result?;
    }
    Ok((RUNS * STEPS) as f64 / began.elapsed().as_secs_f64())
}

async fn resume(path: &Path) -> Result<f64, Failed> {
    let agent = Steps { steps: 1000, bytes: OUTCOME, class: EffectClass::Pure, asks: true };
    let run = {
        let runtime = open(path).await?;
        let run = runtime.start(agent.clone(), "go").await?;
        run.report().await?;
        answer(&runtime, &run).await?;
        run.id()
    };
    let runtime = open(path).await?;
    let began = Instant::now();
    let run = runtime.resume_with(run, agent).await?;
    run.report().await?.result?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

async fn answer(runtime: &Runtime, run: &Run) -> Result<(), Failed> {
    for wait in runtime.questions(run.id()).await? {
        if let Wait::Approval { step, digest, .. } = wait {
            runtime.decide(run.id(), &step, digest, Decision::Approve, None).await?;
        }
    }
    Ok(())
}

async fn disk(folder: &Path) -> Result<f64, Failed> {
    fs::create_dir_all(folder)?;
    let agent = Steps { steps: 1732, bytes: 400_000 / 1732, class: EffectClass::Pure, asks: false };
    let runtime = open(&folder.join("runs.db")).await?;
    runtime.start(agent, "go").await?.report().await?.result?;
    let mut bytes = 0;
    for file in fs::read_dir(folder)? {
        bytes += file?.metadata()?.len();
    }
    Ok(bytes as f64 / 1e6)
}

async fn parked(path: &Path) -> Result<f64, Failed> {
    let runtime = open(path).await?;
    let agent = Steps { steps: 5, bytes: OUTCOME, class: EffectClass::Pure, asks: true };
    // Not all at once: what they take while they are at work is not the question.
    for _ in 0..100 {
        let mut runs = Vec::new();
        for _ in 0..100 {
            runs.push(runtime.start(agent.clone(), "go").await?);
        }
        for run in runs {
            run.report().await?;
        }
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let pages = fs::read_to_string("/proc/self/statm")?;
    let pages: f64 = pages.split_whitespace().nth(1).unwrap_or("0").parse()?;
    Ok(pages * 4096.0 / 1e6)
}
