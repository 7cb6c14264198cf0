//! An agent with a tool: an async function.
#![allow(clippy::print_stdout, reason = "a program for people prints")]

use agentic::prelude::*;
use agentic::tools::AgentBuilder;

/// Current weather for a city.
#[tool(effect = "pure")]
async fn weather(
    /// City name, for example "Oslo".
    city: String,
) -> Result<String, ToolError> {
    Ok(format!("{city}: 9 °C, rain until the evening"))
}

pub(crate) const GOAL: &str = "Do I need an umbrella in Oslo?";

pub(crate) fn agent(model: impl ChatModel) -> AgentBuilder<FunctionCallingAgent> {
    FunctionCallingAgent::builder().model(model).tool(weather)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = agentic::llm::open("local:qwen2.5-coder-1.5b").await?;
    let outcome = agent(model).build()?.run(GOAL.into(), &RunContext::ephemeral()).await?;
    println!("{}", outcome.text());
    Ok(())
}
