//! A model, and a question: the smallest agent.
#![allow(clippy::print_stdout, reason = "a program for people prints")]

use agentic::prelude::*;
use agentic::tools::AgentBuilder;

pub(crate) const GOAL: &str = "Say hello in Norwegian.";

pub(crate) fn agent(model: impl ChatModel) -> AgentBuilder<FunctionCallingAgent> {
    FunctionCallingAgent::builder().model(model)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = agentic::llm::open("local:qwen2.5-coder-1.5b").await?;
    let outcome = agent(model).build()?.run(GOAL.into(), &RunContext::ephemeral()).await?;
    println!("{}", outcome.text());
    Ok(())
}
