//! The workloads of the framework bench, written as a user of `agentic` would write them.
//!
//! `cargo xtask accept framework-cost` builds this and runs it beside the other programs.

#[path = "../../../../shared/bench/peers/rust/common/common.rs"]
mod common;

use std::sync::Arc;

use agentic::llm::Secret;
use agentic::llm::adapter::openai::OpenAi;
use agentic::prelude::*;

/// Add two numbers
#[tool(effect = "pure")]
async fn add(
    /// The first number
    a: i64,
    /// The second number
    b: i64,
) -> Result<i64, ToolError> {
    Ok(a + b)
}

/// One agent, built once and shared.
fn agent(model: &str, turns: u64) -> Arc<FunctionCallingAgent> {
    let model = OpenAi::builder(model).base_url(common::base_url()).key(Secret::new("sk-bench")).build();
    let agent = FunctionCallingAgent::builder()
        .model(model.expect("the endpoint's address"))
        .instructions("You add numbers with the add tool.")
        .tool(add)
        .max_turns(turns)
        .build();
    Arc::new(agent.expect("a model and a tool"))
}

fn main() {
    runtime!().block_on(common::drive(
        "agentic",
        env!("CARGO_PKG_VERSION"),
        // The most turns that any workload allows: turns are the agent's setting, not a run's.
        |model| agent(model, 64),
        |agent: Arc<FunctionCallingAgent>, _turns| async move {
            let outcome = agent.run("Add the numbers.".into(), &RunContext::ephemeral()).await;
            outcome.expect("an answer").text()
        },
        |runs| async move {
            let running: Vec<_> = runs.into_iter().map(tokio::spawn).collect();
            let mut answers = Vec::new();
            for run in running {
                answers.push(run.await.expect("a run"));
            }
            answers
        },
    ));
}
