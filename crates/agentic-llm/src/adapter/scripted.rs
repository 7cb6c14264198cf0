//! A model that plays a script from a file, for demonstrations and tests.
//!
//! ```yaml
//! # What a million tokens cost, in nano-dollars; nothing if left out.
//! price: { input: 3000000000, cached_input: 300000000, output: 15000000000 }
//! # The answers, in order. YAML or JSON.
//! turns:
//!   - reasoning: The folder comes first.
//!     text: I'll look.
//!     calls:
//!       - name: list_dir
//!         arguments: { path: . }
//!   - when: no such file           # only if the last message holds this text
//!     text: There is nothing there.
//!   - text: Two files.
//!     usage: { input_tokens: 40, output_tokens: 3 }
//!   - error: { kind: rate_limited, message: slow down, retry_after_ms: 500 }
//! ```
//!
//! Which turn is played follows from the conversation alone, so a script gives the same answers again when a run
//! is resumed, and several conversations can use it at once: the first turn whose `when` fits the last message;
//! else, of the turns without `when`, the one that is due after as many answers as the conversation holds.
//!
//! The largest `usage` of the script is what the model says that a call may take, so budgets reserve it. An answer that
//! takes more output than a call may write ends for its length.

mod script;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    Capabilities, ChatModel, FinishReason, Message, ModelContext, ModelDelta, ModelError, ModelErrorKind,
    ModelEvent, ModelInfo, ModelRequest, ModelResponse, ModelStream, Part, Role, ToolCall,
};
use async_trait::async_trait;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use thiserror::Error;

use crate::open::{Address, Environment, OpenError, OpenFuture};
use script::{Script, Turn};

/// A model that plays a script; see the [module](self).
#[derive(Clone)]
pub struct Scripted {
    info: Arc<ModelInfo>,
    script: Arc<Script>,
}

/// Why a script can't be played.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// The file can't be read.
    #[error("can't read the script `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No file is named.
    #[error("no script is named; write scripted:FILE")]
    Unnamed,
    /// The text is no script.
    #[error("{name} is no script: {reason}")]
    Malformed {
        /// The file or whatever the text is called.
        name: String,
        /// What is wrong, and in which line.
        reason: String,
    },
    /// The script has no turns.
    #[error("{name} has no turns; write at least one below `turns:`")]
    Empty {
        /// The file or whatever the text is called.
        name: String,
    },
}

impl Scripted {
    /// Reads a script from a file. The model's id is `scripted:` and the file's name.
    ///
    /// # Errors
    /// [`ScriptError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ScriptError> {
        let path = path.as_ref();
        if path.as_os_str().is_empty() {
            return Err(ScriptError::Unnamed);
        }
        let text = std::fs::read_to_string(path)
            .map_err(|source| ScriptError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Reads a script from its text, YAML or JSON. `name` names the model and is told in errors.
    ///
    /// # Errors
    /// [`ScriptError::Malformed`] or [`ScriptError::Empty`].
    pub fn parse(name: &str, text: &str) -> Result<Self, ScriptError> {
        let script: Script = serde_saphyr::from_str(text).map_err(|error| {
            // The first line says what is wrong and where; a picture of the place follows.
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            let reason = line.strip_prefix("error: ").unwrap_or(line).to_owned();
            ScriptError::Malformed { name: name.to_owned(), reason }
        })?;
        if script.turns.is_empty() {
            return Err(ScriptError::Empty { name: name.to_owned() });
        }
        let mut info = ModelInfo::new(format!("scripted:{name}"));
        let mut capabilities = Capabilities::default();
        (capabilities.tools, capabilities.parallel_tool_calls) = (true, true);
        (capabilities.json_schema, capabilities.images, capabilities.reasoning) = (true, true, true);
        info.capabilities = capabilities;
        let most = |of: fn(&Turn) -> u64| script.turns.iter().map(of).max().unwrap_or_default();
        info.min_input_tokens = most(|turn| turn.usage.input_tokens);
        info.max_output_tokens = Some(most(|turn| turn.usage.output_tokens)).filter(|tokens| *tokens > 0);
        // Known, and nothing unless the script says otherwise: a money budget lets it pass.
        info.price = Some(script.price);
        Ok(Self { info: Arc::new(info), script: Arc::new(script) })
    }
}

/// Shows the file, not the script.
impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted").field("id", &self.info.id).finish_non_exhaustive()
    }
}

#[async_trait]
impl ChatModel for Scripted {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn stream(&self, request: ModelRequest, mcx: ModelContext) -> Result<ModelStream, ModelError> {
        let id = &*self.info.id;
        let (number, turn) = self.script.turn(&request.messages).map_err(|needed| {
            let message = format!("the script ends before answer {needed} of this conversation; add a turn");
            ModelError::new(ModelErrorKind::InvalidRequest, id, message)
        })?;
        if turn.delay_ms > 0 {
            mcx.sleep(Duration::from_millis(turn.delay_ms)).await;
        }
        if let Some(failure) = &turn.error {
            let mut error = ModelError::new(failure.kind, id, &*failure.message);
            if let Some(status) = failure.status {
                error = error.with_status(status);
            }
            if let Some(millis) = failure.retry_after_ms {
                error = error.with_retry_after(Duration::from_millis(millis));
            }
            return Err(error);
        }
        let answers = request.messages.iter().filter(|message| message.role == Role::Assistant).count();
        let response = answer(turn, answers, number, request.max_output_tokens, &self.info.id);
        let deltas = if mcx.wants_deltas() { deltas(&response) } else { Vec::new() };
        let deltas = deltas.into_iter().map(|delta| Ok(ModelEvent::Delta(delta)));
        let finished = std::iter::once(Ok(ModelEvent::Finished(Box::new(response))));
        Ok(stream::iter(deltas.chain(finished).collect::<Vec<_>>()).boxed())
    }
}

fn answer(turn: &Turn, answers: usize, number: usize, most: Option<u64>, id: &Arc<str>) -> ModelResponse {
    let mut parts = Vec::new();
    if !turn.reasoning.is_empty() {
        parts.push(Part::Reasoning { text: turn.reasoning.clone(), signature: None });
    }
    if !turn.text.is_empty() {
        parts.push(Part::Text { text: turn.text.clone() });
    }
    for (at, call) in turn.calls.iter().enumerate() {
        // A call without arguments means none, which a tool gets as an empty object.
        let empty = serde_json::Value::Object(serde_json::Map::new());
        let arguments = if call.arguments.is_null() { &empty } else { &call.arguments };
        // How many answers came before makes the id unique, even where a turn is played twice.
        parts.push(Part::ToolCall(ToolCall::new(
            format!("call_{answers}_{number}_{at}"),
            &call.name,
            arguments,
        )));
    }
    let (mut usage, most) = (turn.usage, most.unwrap_or(u64::MAX));
    let finish = match turn.calls.is_empty() {
        _ if usage.output_tokens > most => FinishReason::Length,
        true => FinishReason::Stop,
        false => FinishReason::ToolCalls,
    };
    usage.output_tokens = usage.output_tokens.min(most);
    ModelResponse::new(Message { role: Role::Assistant, parts }, finish, usage, id.clone())
}

/// The answer in pieces: texts word by word, each call in one.
fn deltas(response: &ModelResponse) -> Vec<ModelDelta> {
    let mut deltas = Vec::new();
    let mut calls = 0;
    for part in &response.message.parts {
        match part {
            Part::Reasoning { text, .. } => {
                deltas.extend(words(text).map(|text| ModelDelta::Reasoning { text }));
            }
            Part::Text { text } => deltas.extend(words(text).map(|text| ModelDelta::Text { text })),
            Part::ToolCall(ToolCall { name, arguments, .. }) => {
                let (name, arguments) = (Some(name.clone()), arguments.clone());
                deltas.push(ModelDelta::ToolCall { index: calls, name, arguments });
                calls += 1;
            }
            _ => {}
        }
    }
    deltas
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_inclusive(' ').map(str::to_owned)
}

/// Opens `scripted:FILE`.
pub(crate) fn open<'a>(address: &'a Address<'a>, _: &'a Environment) -> OpenFuture<'a> {
    async move {
        address.allow(&[])?;
        let model = Scripted::open(address.rest()).map_err(|error| OpenError::setup(address, error))?;
        Ok(Arc::new(model) as Arc<dyn ChatModel>)
    }
    .boxed()
}

#[cfg(test)]
mod tests;
