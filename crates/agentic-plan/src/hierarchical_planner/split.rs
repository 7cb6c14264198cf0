//! Whether a task is split.

use agentic_core::{AgentError, Message, ModelRequest, RunContext};
use agentic_schema::{ExtractOptions, extract};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Part, prompt};
use crate::LlmPlanner;

// What the model decides; a doc comment here would go to it, in the schema. Reasons come first: a model that has decided only
// finds reasons for that.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Split {
    /// Why, in one sentence.
    #[schemars(length(max = 1000))]
    pub(super) reason: String,
    /// Whether the task is split further.
    pub(super) split: bool,
}

pub(super) async fn decide(
    planner: &LlmPlanner,
    part: Part<'_>,
    cx: &RunContext,
) -> Result<Split, AgentError> {
    let messages = [Message::system(prompt::SPLIT), Message::user(prompt::whether(planner, part))];
    let mut request = ModelRequest::new(messages.into_iter().collect());
    request.sampling = planner.sampling;
    let options = ExtractOptions::default().with_name("split").with_attempts(planner.attempts);
    Ok(extract(cx, &planner.model, request, &options).await?.value)
}
