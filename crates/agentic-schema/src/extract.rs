//! Asks a model for a value of a Rust type, and asks again until the value is valid.
//!
//! A model that keeps to a schema by itself ([`Capabilities::json_schema`](agentic_core::Capabilities)) gets it
//! as the form of its output; any other gets it in the prompt. What comes back goes down the same ladder either
//! way, because no grammar expresses all of a schema: [lenient parse](crate::lenient), schema-guided
//! [repair](crate::repair()), validation, `serde`; and if that fails, the model is asked again with the reasons.
//! An answer that was cut at the output limit is never taken, however well it can be mended.

mod conversation;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use agentic_core::{
    AgentError, ChatModel, EventKind, FinishReason, ModelRequest, ModelResponse, OutputFormat, Partial,
    RunContext, Spend, StepError, Usage,
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::lenient::{self, Repair};
use crate::{Change, Schema, SchemaError, repair, schema_for};

/// How [`extract`] asks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtractOptions {
    /// How often the model is asked at most, the first time included (default 3, at least 1).
    pub attempts: u32,
    /// The name of the schema for models that want one, `[a-zA-Z0-9_-]+` (default `answer`).
    pub name: String,
    /// Whether the model's own JSON-schema output is used where it has one (default `true`).
    pub native: bool,
}

impl Default for ExtractOptions {
    fn default() -> Self {
        Self { attempts: 3, name: "answer".to_owned(), native: true }
    }
}

impl ExtractOptions {
    /// The same options with at most this many attempts.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The same options with this name for the schema.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The same options with or without the model's own JSON-schema output.
    #[must_use]
    pub fn with_native(mut self, native: bool) -> Self {
        self.native = native;
        self
    }
}

/// A valid value and what it took to get it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Extracted<T> {
    /// The value.
    pub value: T,
    /// How often the model was asked.
    pub attempts: u32,
    /// The tokens of all attempts together.
    pub usage: Usage,
    /// What was mended in the text of the last answer.
    pub repairs: Vec<Repair>,
    /// What was changed in its value.
    pub changes: Vec<Change>,
}

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// The schema of the type can't be compiled.
    #[error("the schema of the wanted value can't be compiled")]
    Schema(#[from] SchemaError),
    /// The model could not be asked: it failed, the budget is spent, the run was cancelled.
    #[error("attempt {attempt} to extract a value failed")]
    Step {
        /// Which attempt, from 1.
        attempt: u32,
        /// The tokens of the attempts before.
        usage: Usage,
        /// What failed.
        #[source]
        source: StepError,
    },
    /// The model refused.
    #[error("model `{model}` refused to give a value; change the request")]
    Refused {
        /// The model.
        model: String,
        /// How often it was asked.
        attempts: u32,
        /// The tokens of all attempts together.
        usage: Usage,
    },
    /// No attempt gave a valid value.
    #[error(
        "model `{model}` gave no valid value in {attempts} attempts, last: {reason}; simplify the schema or take a stronger model"
    )]
    Invalid {
        /// The model.
        model: String,
        /// How often it was asked.
        attempts: u32,
        /// The tokens of all attempts together.
        usage: Usage,
        /// What was wrong with the last answer.
        reason: String,
        /// The last answer as the model wrote it.
        last: String,
    },
}

/// For agents: `extract(…).await?`.
impl From<ExtractError> for AgentError {
    fn from(error: ExtractError) -> Self {
        let message = error.to_string();
        let spent = |usage: Usage, model_calls: u32| Spend {
            usage,
            model_calls: model_calls.into(),
            ..Spend::default()
        };
        match error {
            ExtractError::Schema(source) => Self::invalid_input(source.to_string()),
            ExtractError::Step { attempt, usage, source } => {
                let partial = Partial { text: String::new(), spend: spent(usage, attempt - 1) };
                Self::from_step(source, partial)
            }
            ExtractError::Refused { attempts, usage, .. } => Self::InvalidOutput {
                message,
                partial: Box::new(Partial { text: String::new(), spend: spent(usage, attempts) }),
            },
            ExtractError::Invalid { attempts, usage, last, .. } => Self::InvalidOutput {
                message,
                partial: Box::new(Partial { text: last, spend: spent(usage, attempts) }),
            },
        }
    }
}

/// Asks `model` for a `T`.
///
/// Every attempt is a step of `cx` in the scope `extract`, so it is budgeted, recorded and visible.
///
/// # Errors
/// [`ExtractError`]; the tokens spent are in it.
///
/// # Cancel safety
/// Dropping the future drops the step that is under way.
pub async fn extract<T>(
    cx: &RunContext,
    model: &Arc<dyn ChatModel>,
    request: ModelRequest,
    options: &ExtractOptions,
) -> Result<Extracted<T>, ExtractError>
where
    T: JsonSchema + DeserializeOwned,
{
    let schema = Schema::compile(&schema_for::<T>())?;
    let read = |value: Value| serde_json::from_value::<T>(value).map_err(|error| error.to_string());
    extract_with(cx, model, request, &schema, options, read).await
}

/// Asks `model` for a value of a schema that is known only at run time.
///
/// # Errors
/// As [`extract`].
///
/// # Cancel safety
/// As [`extract`].
pub async fn extract_value(
    cx: &RunContext,
    model: &Arc<dyn ChatModel>,
    request: ModelRequest,
    schema: &Schema,
    options: &ExtractOptions,
) -> Result<Extracted<Value>, ExtractError> {
    extract_with(cx, model, request, schema, options, Ok).await
}

/// Asks `model` for a value of a schema, and reads it: what `read` says of a value that can't be used, beyond what the schema
/// can say, is told to the model like the rest.
///
/// # Errors
/// As [`extract`].
///
/// # Cancel safety
/// As [`extract`].
pub async fn extract_with<T>(
    cx: &RunContext,
    model: &Arc<dyn ChatModel>,
    mut request: ModelRequest,
    schema: &Schema,
    options: &ExtractOptions,
    read: impl Fn(Value) -> Result<T, String>,
) -> Result<Extracted<T>, ExtractError> {
    let cx = cx.scope("extract");
    let info = model.info();
    if options.native && info.capabilities.json_schema {
        let (name, schema) = (options.name.clone(), schema.as_value().clone());
        request.output = OutputFormat::JsonSchema { name, schema };
    } else {
        request.messages = conversation::with_schema(&request.messages, schema.as_value());
    }
    let mut usage = Usage::default();
    let mut attempt = 1;
    loop {
        let response = cx.model(model, request.clone()).await.map_err(|source| ExtractError::Step {
            attempt,
            usage,
            source,
        })?;
        usage += response.usage;
        if response.finish == FinishReason::Refusal {
            return Err(ExtractError::Refused { model: info.id.to_string(), attempts: attempt, usage });
        }
        let reason = match answer(&response, schema, &read) {
            Ok((value, repairs, changes)) => {
                return Ok(Extracted { value, attempts: attempt, usage, repairs, changes });
            }
            Err(reason) => reason,
        };
        if attempt >= options.attempts {
            let (model, last) = (info.id.to_string(), conversation::text_of(&response));
            return Err(ExtractError::Invalid { model, attempts: attempt, usage, reason, last });
        }
        let told = || reason.split_whitespace().collect::<Vec<_>>().join(" ");
        cx.emit(|| EventKind::Note { text: format!("the answer is sent back: {}", told()) });
        conversation::ask_again(&mut request, &response, &reason);
        attempt += 1;
    }
}

/// Reads an answer, or says what is wrong with it.
fn answer<T>(
    response: &ModelResponse,
    schema: &Schema,
    read: impl Fn(Value) -> Result<T, String>,
) -> Result<(T, Vec<Repair>, Vec<Change>), String> {
    if response.finish == FinishReason::Length {
        return Err("the answer was cut at the output limit; write it shorter".to_owned());
    }
    let text = conversation::text_of(response);
    let parsed = lenient::parse_with_repairs(&text).map_err(|error| error.to_string())?;
    let repaired = repair(&parsed.value, schema).map_err(|invalid| invalid.to_string())?;
    let value = read(repaired.value)?;
    Ok((value, parsed.repairs, repaired.changes))
}
