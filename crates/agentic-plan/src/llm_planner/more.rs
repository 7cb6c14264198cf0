//! The next tasks of a plan that is written piece by piece.

use agentic_core::{AgentError, Extension, Goal, Message, ModelRequest, Plan, RunContext, Task};
use agentic_schema::{ExtractOptions, Schema, extract_with};
use serde::Deserialize;
use serde_json::{Value, json};

use super::draft::{self, Draft, Names};
use super::{LlmPlanner, last, named, prompt};

#[derive(Deserialize)]
struct Piece {
    #[serde(flatten)]
    draft: Draft,
    complete: bool,
}

impl LlmPlanner {
    /// The next tasks, at most so many. What was asked and written before stands in the prompt as it did then, so that a model
    /// that keeps the prefix of its prompts reads only what is new.
    pub(crate) async fn more(
        &self,
        goal: &Goal,
        so_far: &[Task],
        context: &str,
        at_a_time: usize,
        cx: &RunContext,
    ) -> Result<Extension, AgentError> {
        let left = self.max_tasks.saturating_sub(so_far.len());
        if left == 0 {
            return Ok(Extension { tasks: Vec::new(), is_whole: true });
        }
        let names = Names::beside(so_far, at_a_time.min(left));
        let schema = with_end(draft::schema(&names, self));
        let schema =
            Schema::compile(&schema).map_err(|error| AgentError::invalid_input(error.to_string()))?;
        let piece = format!("{}\n\n{}", prompt::first(self, goal, context), prompt::piece(at_a_time));
        let mut messages = vec![Message::system(prompt::system(self)), Message::user(piece)];
        if !so_far.is_empty() {
            messages.push(Message::assistant(written(so_far)));
            messages.push(Message::user(prompt::go_on(names.begins())));
        }
        let mut request = ModelRequest::new(messages.into_iter().collect());
        request.sampling = self.sampling;
        let options = ExtractOptions::default().with_name("tasks").with_attempts(self.attempts);
        let read = |value: Value| {
            let piece: Piece = serde_json::from_value(value).map_err(|error| error.to_string())?;
            let tasks = named::restored(piece.draft.tasks(&names), goal);
            let is_whole = piece.complete || tasks.len() == left;
            let mut all: Vec<Task> = so_far.iter().chain(&tasks).cloned().collect();
            Plan::new(goal.clone(), all.clone()).map_err(|error| error.to_string())?;
            if is_whole {
                // One that came before is needed by these, or is not the only one.
                all = last::reading(all, goal);
            }
            Ok(Extension { tasks: all.split_off(so_far.len()), is_whole })
        };
        Ok(extract_with(cx, &self.model, request, &schema, &options, read).await?.value)
    }
}

/// The same form, with a last word on whether that is all.
fn with_end(mut schema: Value) -> Value {
    schema["properties"]["complete"] =
        json!({"type": "boolean", "description": "Whether the plan is complete with these tasks."});
    if let Some(required) = schema["required"].as_array_mut() {
        required.push("complete".into());
    }
    schema
}

/// Tasks in the form in which they were written.
fn written(tasks: &[Task]) -> String {
    let task = |task: &Task| {
        let mut written = json!({"description": task.description});
        if let Some(agent) = &task.agent {
            written["agent"] = json!(agent);
            written["inputs"] = Value::Object(task.inputs.clone());
        }
        if let Some(tools) = &task.tools {
            written["tools"] = json!(tools);
        }
        written["after"] = json!(task.dependencies);
        written
    };
    json!({"tasks": tasks.iter().map(task).collect::<Vec<_>>(), "complete": false}).to_string()
}
