//! What both programs run.

use std::future::Future;
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
pub fn agent(model: &str, turns: u64) -> Arc<FunctionCallingAgent> {
    let model =
        OpenAi::builder(model).base_url(crate::common::base_url()).key(Secret::new("sk-bench")).build();
    let agent = FunctionCallingAgent::builder()
        .model(model.expect("the endpoint's address"))
        .instructions("You add numbers with the add tool.")
        .tool(add)
        .max_turns(turns)
        .build();
    Arc::new(agent.expect("a model and a tool"))
}

/// All at once.
pub async fn side_by_side<F>(runs: Vec<F>) -> Vec<String>
where
    F: Future<Output = String> + Send + 'static,
{
    let running: Vec<_> = runs.into_iter().map(tokio::spawn).collect();
    let mut answers = Vec::new();
    for run in running {
        answers.push(run.await.expect("a run"));
    }
    answers
}
