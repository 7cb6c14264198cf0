//! An agent that remembers across sessions: tell it something, end the program, ask it in the next.
//!
//! ```text
//! cargo run -p agentic-examples --example 04_memory "I am Anna, and I drink green tea."
//! cargo run -p agentic-examples --example 04_memory "What do I drink?"
//! ```
#![allow(clippy::print_stdout, reason = "a program for people prints")]

use agentic::llm::DEFAULT_EMBEDDER;
use agentic::prelude::*;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let said = std::env::args().nth(1).unwrap_or_else(|| "What do I drink?".into());
    let url = format!("sqlite://{}", std::env::temp_dir().join("agentic-example-04.db").display());
    let memory = LongTermMemory::open(&url, llm::open_embedder(DEFAULT_EMBEDDER).await?).await?;
    let agent = agent(llm::open("local:qwen2.5-coder-1.5b").await?, memory)?;
    println!("{}", agent.run(said.into(), &RunContext::ephemeral()).await?.text());
    Ok(())
}

/// It reads what is remembered of the goal, may look up more, and is remembered itself.
pub(crate) fn agent(
    model: impl ChatModel,
    memory: impl Memory + Clone,
) -> Result<RememberingAgent, Box<dyn std::error::Error>> {
    let scope = MemoryScope::of_tenant("me");
    let tools = memory_tools(memory.clone(), scope.clone());
    let agent = FunctionCallingAgent::builder().model(model).scoped_tools(tools).build()?;
    Ok(RememberingAgent::new(agent, memory, scope))
}
