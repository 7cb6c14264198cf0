//! A run that survives: stop this program at any moment and start it again.
//!
//! ```text
//! cargo run -p agentic-examples --example 03_durable
//! ```
#![allow(clippy::print_stdout, reason = "a program for people prints")]

use std::time::Duration;

use agentic::core::{Spend, async_trait};
use agentic::prelude::*;
use agentic::runtime::RunFilter;
use agentic::{EffectClass, SqliteOptions, SqliteStore};

/// Counts to ten, a second a step.
#[derive(Debug)]
pub(crate) struct Counter;

#[async_trait]
impl Agent for Counter {
    fn name(&self) -> &str {
        "counter"
    }

    async fn run(&self, _: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        for n in 1..=10 {
            cx.sleep(Duration::from_secs(1)).await?;
            let say = cx.effect("say", EffectClass::Idempotent, &n, move |_| async move {
                println!("{n}");
                Ok::<_, String>(())
            });
            say.await?;
        }
        Ok(Outcome::new("counted to ten", Spend::default()))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::temp_dir().join("agentic-example-03.db");
    let runtime = Runtime::builder(SqliteStore::open(&path, SqliteOptions::new()).await?)
        .lease(Duration::from_secs(3))
        .build();
    runtime.register(Counter);
    // The youngest run, unless it has ended.
    let mut youngest = RunFilter::default();
    youngest.limit = Some(1);
    let begun = runtime.list(&youngest).await?.into_iter().find(|run| !run.status.has_ended());
    let run = match begun {
        Some(run) => runtime.resume(run.id).await?,
        None => runtime.start(Counter, "Count to ten.").await?,
    };
    println!("run {}", run.id());
    println!("{}", run.report().await?.result?.text());
    Ok(())
}
