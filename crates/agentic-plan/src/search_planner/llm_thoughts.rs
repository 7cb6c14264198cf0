//! A model that proposes steps and values states.

use std::sync::Arc;

use agentic_core::{AgentError, ChatModel, Message, ModelRequest, RunContext, Sampling, async_trait};
use agentic_schema::{ExtractOptions, Schema, extract_with};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Evaluator, Proposer, SearchState, Thought, Worth};

const PROPOSE: &str = "You solve a problem step by step. You propose the next step: several different ones to choose from, the \
    most promising first, each small enough to be judged. For each say what to do, and then the whole state after it: all that \
    is needed to go on from there, in as few words as will do, and in the same words wherever it is the same. Propose nothing \
    where no step helps.";

const VALUE: &str = "You judge the state of a problem that is solved step by step. First say briefly why, then what the state is \
    worth: `solved` if the steps so far achieve the goal and nothing is left to do; `sure` if it certainly leads to a solution; \
    `likely` if it may; `impossible` if it can't any more; or a number between 0, impossible, and 1, sure. Judge by what the \
    steps and the state say and nothing else.";

/// A model that proposes steps and values states, as JSON by a schema. An answer that can't be read is sent back with what is
/// wrong with it, a few times.
#[derive(Clone, Debug)]
pub struct LlmThoughts {
    model: Arc<dyn ChatModel>,
    attempts: u32,
    sampling: Sampling,
}

impl LlmThoughts {
    /// This model proposes and values.
    pub fn new(model: impl ChatModel) -> Self {
        Self { model: Arc::new(model), attempts: 3, sampling: Sampling::greedy() }
    }

    /// The model is asked at most so often for one answer, the first time included. Default: 3.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// How the model draws its words. Default: temperature 0.
    #[must_use]
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    async fn ask<T>(
        &self,
        name: &str,
        (system, asked): (&str, String),
        schema: &Value,
        read: impl Fn(Value) -> Result<T, String>,
        cx: &RunContext,
    ) -> Result<T, AgentError> {
        let schema = Schema::compile(schema).map_err(|error| AgentError::invalid_input(error.to_string()))?;
        let messages = [Message::system(system), Message::user(asked)].into_iter().collect();
        let mut request = ModelRequest::new(messages);
        request.sampling = self.sampling;
        let options = ExtractOptions::default().with_name(name).with_attempts(self.attempts);
        Ok(extract_with(cx, &self.model, request, &schema, &options, read).await?.value)
    }
}

#[async_trait]
impl Proposer for LlmThoughts {
    async fn propose(
        &self,
        state: &SearchState<'_>,
        most: usize,
        cx: &RunContext,
    ) -> Result<Vec<Thought>, AgentError> {
        #[derive(Deserialize)]
        struct Proposals {
            thoughts: Vec<Proposal>,
        }
        #[derive(Deserialize)]
        struct Proposal {
            step: String,
            state: String,
        }
        let schema = json!({
            "type": "object",
            "properties": {
                "thoughts": {
                    "type": "array",
                    "maxItems": most,
                    "items": {
                        "type": "object",
                        "properties": {
                            "step": {"type": "string", "minLength": 1, "description": "What to do."},
                            "state": {"type": "string", "description": "The whole state after it."},
                        },
                        "required": ["step", "state"],
                        "additionalProperties": false,
                    },
                },
            },
            "required": ["thoughts"],
            "additionalProperties": false,
        });
        let asked = format!("{}Propose at most {most} different next steps.", told(state));
        let read = |value| serde_json::from_value(value).map_err(|error| error.to_string());
        let proposals: Proposals = self.ask("thoughts", (PROPOSE, asked), &schema, read, cx).await?;
        let thought = |Proposal { step, state }| Thought::new(step, state);
        Ok(proposals.thoughts.into_iter().map(thought).collect())
    }
}

#[async_trait]
impl Evaluator for LlmThoughts {
    async fn value(&self, state: &SearchState<'_>, cx: &RunContext) -> Result<Worth, AgentError> {
        // Reasons come first: a model that has decided only finds reasons for that.
        let schema = json!({
            "type": "object",
            "properties": {
                "reason": {"type": "string", "maxLength": 1000, "description": "Why, in one sentence."},
                "value": {
                    "anyOf": [
                        {"enum": ["solved", "sure", "likely", "impossible"]},
                        {"type": "number", "minimum": 0, "maximum": 1},
                    ],
                    "description": "What the state is worth.",
                },
            },
            "required": ["reason", "value"],
            "additionalProperties": false,
        });
        let asked = format!("{}What is this state worth?", told(state));
        self.ask("value", (VALUE, asked), &schema, |value| worth(&value["value"]), cx).await
    }
}

fn worth(value: &Value) -> Result<Worth, String> {
    Ok(match (value.as_str(), value.as_f64()) {
        (Some("solved"), _) => Worth::Solved,
        (Some("sure"), _) => Worth::SURE,
        (Some("likely"), _) => Worth::LIKELY,
        (Some("impossible"), _) => Worth::Impossible,
        (_, Some(number)) if number > 0.0 => Worth::Promising(number),
        (_, Some(_)) => Worth::Impossible,
        _ => {
            return Err(format!(
                "`value` is {value}; it has to be one of the words, or a number from 0 to 1"
            ));
        }
    })
}

/// The goal and how far it is, as a model reads it.
fn told(state: &SearchState<'_>) -> String {
    let mut told = String::new();
    if !state.context.trim().is_empty() {
        told.push_str(&format!("What is known:\n{}\n\n", state.context.trim()));
    }
    told.push_str(&format!("The goal:\n{}\n\n", state.goal.prompt()));
    let Some(last) = state.last() else { return told + "No step is taken yet.\n\n" };
    told.push_str("The steps so far:\n");
    for (n, thought) in (1..).zip(state.thoughts) {
        told.push_str(&format!("{n}. {}\n", thought.step));
    }
    match last.state_text() {
        state if state.is_empty() => told + "\n",
        state => told + &format!("\nThe state now:\n{state}\n\n"),
    }
}
