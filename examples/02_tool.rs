//! An agent with a tool: an async function.
#![allow(clippy::print_stdout, reason = "a program for people prints")]

use agentic::prelude::*;

/// Current weather for a city.
#[tool(effect = "pure")]
async fn weather(
    /// City name, for example "Oslo".
    city: String,
) -> Result<String, ToolError> {
    Ok(format!("{city}: 9 °C, rain until the evening"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = agentic::llm::open("local:qwen2.5-coder-1.5b").await?;
    let agent = FunctionCallingAgent::builder().model(model).tool(weather).build()?;
    let outcome = agent.run("Do I need an umbrella in Oslo?".into(), &RunContext::ephemeral()).await?;
    println!("{}", outcome.text());
    Ok(())
}

/// Its agent, with a model that needs none.
#[cfg(test)]
pub(crate) fn agent(model: impl ChatModel) -> agentic::tools::AgentBuilder<FunctionCallingAgent> {
    FunctionCallingAgent::builder().model(model).tool(weather)
}
