//! A model, and a question: the smallest agent.
#![allow(clippy::print_stdout, reason = "a program for people prints")]

use agentic::prelude::*;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = agentic::llm::open("local:qwen2.5-coder-1.5b").await?;
    let agent = FunctionCallingAgent::builder().model(model).build()?;
    let outcome = agent.run("Say hello in Norwegian.".into(), &RunContext::ephemeral()).await?;
    println!("{}", outcome.text());
    Ok(())
}

/// Its agent, with a model that needs none.
#[cfg(test)]
pub(crate) fn agent(model: impl ChatModel) -> agentic::tools::AgentBuilder<FunctionCallingAgent> {
    FunctionCallingAgent::builder().model(model)
}
