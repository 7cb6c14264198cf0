//! Chat models: the trait that adapters implement, what it is asked and what it answers.

use std::fmt::Debug;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::message::{Message, Messages, Part, ToolCall};
use crate::model_context::ModelContext;
use crate::model_error::{ModelError, ModelErrorKind};
use crate::tool::ToolSpec;
use crate::usage::{NanoUsd, Price, Usage};

/// The events of one model turn: any number of deltas, then exactly one [`ModelEvent::Finished`].
pub type ModelStream = BoxStream<'static, Result<ModelEvent, ModelError>>;

/// One chat model. Adapters implement exactly this.
///
/// A model lies below the seam: it gets a [`ModelContext`], which only a driver can make, so it can't be
/// called around a run's budget, journal and events. Agents call [`RunContext::model`](crate::RunContext::model).
#[async_trait]
pub trait ChatModel: Debug + Send + Sync + 'static {
    /// Identity (`openai:gpt-5`) and capabilities; constant and cheap.
    fn info(&self) -> &ModelInfo;

    /// Starts one model turn: any number of deltas, then exactly one `Finished` that holds the whole response,
    /// then the end.
    ///
    /// # Errors
    /// A [`ModelError`] here or as the stream's last item; its kind says what to do.
    ///
    /// # Cancel safety
    /// Dropping the future or the stream aborts the request.
    async fn stream(&self, request: ModelRequest, mcx: ModelContext) -> Result<ModelStream, ModelError>;
}

/// Comfortable calls on every [`ChatModel`].
pub trait ChatModelExt: ChatModel {
    /// Runs one turn to its end and gives the whole response; deltas go to the run's events.
    ///
    /// # Errors
    /// As [`ChatModel::stream`]; a stream that ends without `Finished` is [`ModelErrorKind::Interrupted`].
    ///
    /// # Cancel safety
    /// Dropping the future aborts the request.
    fn complete(
        &self,
        request: ModelRequest,
        mcx: ModelContext,
    ) -> impl Future<Output = Result<ModelResponse, ModelError>> + Send {
        async move {
            let mut stream = self.stream(request, mcx.clone()).await?;
            while let Some(event) = stream.next().await {
                match event? {
                    ModelEvent::Finished(response) => return Ok(*response),
                    ModelEvent::Delta(delta) => mcx.delta(delta),
                }
            }
            Err(broke_off(self))
        }
    }
}

/// The stream ended without its last event.
pub(crate) fn broke_off(model: &(impl ChatModel + ?Sized)) -> ModelError {
    let message = "the stream ended before the response was whole";
    ModelError::new(ModelErrorKind::Interrupted, &*model.info().id, message)
}

impl<M: ChatModel + ?Sized> ChatModelExt for M {}

#[async_trait]
impl<M: ChatModel + ?Sized> ChatModel for Arc<M> {
    fn info(&self) -> &ModelInfo {
        (**self).info()
    }

    async fn stream(&self, request: ModelRequest, mcx: ModelContext) -> Result<ModelStream, ModelError> {
        (**self).stream(request, mcx).await
    }
}

/// What is known about a model before it is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModelInfo {
    /// The model's name with its adapter's scheme: `openai:gpt-5`, `local:qwen2.5-coder-1.5b`.
    pub id: Arc<str>,
    /// Tokens of input and output together; `None` if unknown.
    pub context_tokens: Option<u64>,
    /// The most tokens of one answer; `None` if unknown.
    pub max_output_tokens: Option<u64>,
    /// As many input tokens a call may take, however short its request: a budget reserves no less. 0 if they are bounded by
    /// the request alone, as they are where a tokenizer makes them of it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub min_input_tokens: u64,
    /// What the model can do.
    pub capabilities: Capabilities,
    /// What it costs; `None` if unknown, so that a money budget can refuse it.
    pub price: Option<Price>,
}

impl ModelInfo {
    /// A model of which only the name is known.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self {
            id: id.into(),
            context_tokens: None,
            max_output_tokens: None,
            min_input_tokens: 0,
            capabilities: Capabilities::default(),
            price: None,
        }
    }
}

fn is_zero(tokens: &u64) -> bool {
    *tokens == 0
}

/// What a model can do. What it can't, it refuses with [`ModelErrorKind::Unsupported`], never silently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Capabilities {
    /// Takes tool specifications and answers with tool calls.
    pub tools: bool,
    /// May ask for several tool calls in one turn.
    pub parallel_tool_calls: bool,
    /// Keeps to a JSON schema given as [`OutputFormat::JsonSchema`].
    pub json_schema: bool,
    /// Reads pictures.
    pub images: bool,
    /// Shows its reasoning.
    pub reasoning: bool,
}

/// What a model is asked: one turn.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ModelRequest {
    /// The conversation so far.
    pub messages: Messages,
    /// The tools that may be called.
    pub tools: ToolSet,
    /// Whether and which tool must be called.
    pub tool_choice: ToolChoice,
    /// The form of a text answer.
    pub output: OutputFormat,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// The most tokens to write; `None` leaves it to the model. A token budget may lower it.
    pub max_output_tokens: Option<u64>,
    /// Texts that end the answer; they are not part of it.
    pub stop: Vec<String>,
}

impl ModelRequest {
    /// A request with this history and defaults for everything else.
    pub fn new(messages: Messages) -> Self {
        Self { messages, ..Self::default() }
    }

    /// The same request with these tools.
    pub fn with_tools(mut self, tools: ToolSet) -> Self {
        self.tools = tools;
        self
    }

    /// The same request with this sampling.
    pub fn with_sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// The same request with this output format.
    pub fn with_output(mut self, output: OutputFormat) -> Self {
        self.output = output;
        self
    }

    /// The same request with this tool choice.
    pub fn with_tool_choice(mut self, tool_choice: ToolChoice) -> Self {
        self.tool_choice = tool_choice;
        self
    }

    /// The same request with at most this many tokens of output.
    pub fn with_max_output_tokens(mut self, tokens: u64) -> Self {
        self.max_output_tokens = Some(tokens);
        self
    }

    /// The same request, its answer ended by any of these texts.
    pub fn with_stop(mut self, stop: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.stop = stop.into_iter().map(Into::into).collect();
        self
    }

    /// An upper bound of the prompt's tokens for `model`.
    pub fn token_bound(&self, model: &str) -> u64 {
        let schema = match &self.output {
            OutputFormat::JsonSchema { name, schema } => name.len() + schema.to_string().len(),
            OutputFormat::Text | OutputFormat::JsonObject => 0,
        };
        self.messages.token_bound(model, &self.tools) + schema as u64
    }

    /// The request's digest: everything that shapes the answer, and nothing else.
    pub(crate) fn digest(&self, model: &str) -> Digest {
        self.messages.digest().chain(|canonical| {
            canonical.text(model);
            canonical.digest(self.tools.digest);
            // An exhaustive pattern: a new setting must not be forgotten here.
            let Self { messages: _, tools: _, tool_choice, output, sampling, max_output_tokens, stop } = self;
            match tool_choice {
                ToolChoice::Auto => canonical.number(0),
                ToolChoice::Required => canonical.number(1),
                ToolChoice::None => canonical.number(2),
                ToolChoice::Tool(name) => {
                    canonical.number(3);
                    canonical.text(name);
                }
            }
            match output {
                OutputFormat::Text => canonical.number(0),
                OutputFormat::JsonObject => canonical.number(1),
                OutputFormat::JsonSchema { name, schema } => {
                    canonical.number(2);
                    canonical.text(name);
                    canonical.text(&schema.to_string());
                }
            }
            let Sampling { temperature, top_p, top_k, min_p, repeat_penalty, seed } = *sampling;
            for setting in [temperature, top_p, min_p, repeat_penalty] {
                canonical.optional(setting.map(|setting| setting.to_bits().into()));
            }
            canonical.optional(top_k.map(Into::into));
            canonical.optional(seed);
            canonical.optional(*max_output_tokens);
            canonical.number(stop.len());
            stop.iter().for_each(|text| canonical.text(text));
        })
    }
}

/// The tools of a request: shared between turns, digested once.
#[derive(Clone, Debug)]
pub struct ToolSet {
    specs: Arc<[Arc<ToolSpec>]>,
    digest: Digest,
    bytes: u64,
}

impl ToolSet {
    /// A set of these tools, in this order.
    pub fn new(specs: impl IntoIterator<Item = Arc<ToolSpec>>) -> Self {
        let specs: Arc<[_]> = specs.into_iter().collect();
        let json = serde_json::to_string(&specs.iter().map(|spec| &**spec).collect::<Vec<_>>());
        let bytes = if specs.is_empty() { 0 } else { json.as_ref().map_or(0, String::len) as u64 };
        Self { digest: Digest::of(json.as_deref().unwrap_or_default()).unwrap_or_default(), bytes, specs }
    }

    /// The tools, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &ToolSpec> {
        self.specs.iter().map(|spec| &**spec)
    }

    /// Those of them that this wants, by name.
    #[must_use]
    pub fn only(&self, wants: impl Fn(&str) -> bool) -> Self {
        match self.specs.iter().all(|spec| wants(&spec.name)) {
            true => self.clone(),
            false => Self::new(self.specs.iter().filter(|spec| wants(&spec.name)).cloned()),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.specs.is_empty()
    }

    /// The digest of the specifications: equal sets have equal digests, so an adapter can keep what it made of one.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Bytes of their JSON text.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Default for ToolSet {
    fn default() -> Self {
        static EMPTY: LazyLock<ToolSet> = LazyLock::new(|| ToolSet::new([]));
        EMPTY.clone()
    }
}

impl PartialEq for ToolSet {
    fn eq(&self, other: &Self) -> bool {
        self.specs == other.specs
    }
}

/// Whether and which tool must be called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// Some tool must be called.
    Required,
    /// No tool may be called.
    None,
    /// This tool must be called.
    Tool(String),
}

/// The form of a text answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum OutputFormat {
    /// Free text.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that keeps to a schema.
    JsonSchema {
        /// A short name for the schema, `[a-zA-Z0-9_-]+`.
        name: String,
        /// The JSON Schema.
        schema: Value,
    },
}

/// How tokens are drawn; `None` leaves a setting to the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Sampling {
    /// 0 always takes the likeliest token.
    pub temperature: Option<f32>,
    /// Draws among the likeliest tokens that together have this probability.
    pub top_p: Option<f32>,
    /// Draws among this many likeliest tokens.
    pub top_k: Option<u32>,
    /// Drops tokens less likely than this share of the likeliest one.
    pub min_p: Option<f32>,
    /// Divides the logits of tokens that were written already (1 = off).
    pub repeat_penalty: Option<f32>,
    /// Makes drawing repeatable, where the model supports it. Without one every answer is drawn anew.
    pub seed: Option<u64>,
}

impl Sampling {
    /// Always the likeliest token.
    pub fn greedy() -> Self {
        Self { temperature: Some(0.0), ..Self::default() }
    }

    /// The same settings with this temperature.
    pub fn with_temperature(mut self, temperature: f32) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// The same settings with this seed.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

/// One event of a model turn.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ModelEvent {
    /// A piece of the answer, for whoever watches.
    Delta(ModelDelta),
    /// The whole answer, once, last.
    Finished(Box<ModelResponse>),
}

/// A piece of a model's answer as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ModelDelta {
    /// More text.
    Text {
        /// The added text.
        text: String,
    },
    /// More reasoning.
    Reasoning {
        /// The added text.
        text: String,
    },
    /// More of a tool call.
    ToolCall {
        /// Which call of the turn, from 0.
        index: u32,
        /// The tool's name, with the call's first delta.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The added JSON text of the arguments.
        arguments: String,
    },
}

/// A model's whole answer to one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModelResponse {
    /// What the model says.
    pub message: Message,
    /// Why it stopped.
    pub finish: FinishReason,
    /// What it took.
    #[serde(default)]
    pub usage: Usage,
    /// The name of the model that answered, as the provider gives it; may be more exact than what was asked for.
    #[serde(default)]
    pub model: Arc<str>,
    /// The [id](ModelInfo::id) of the model that was asked: another than the agent's own, where a budget was exhausted.
    /// The run context writes it; adapters leave it empty.
    #[serde(default)]
    pub asked: Arc<str>,
    /// What it cost; `None` if the price is not known. The run context writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<NanoUsd>,
}

impl ModelResponse {
    /// An answer.
    pub fn new(message: Message, finish: FinishReason, usage: Usage, model: impl Into<Arc<str>>) -> Self {
        Self { message, finish, usage, model: model.into(), asked: Arc::default(), cost: None }
    }

    /// The answer's text.
    pub fn text(&self) -> String {
        self.message.text()
    }

    /// The tool calls, in order.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.message.tool_calls()
    }

    /// The reasoning, where the model shows it.
    pub fn reasoning(&self) -> String {
        let reasoning = self.message.parts.iter().filter_map(|part| match part {
            Part::Reasoning { text, .. } => Some(text.as_str()),
            _ => None,
        });
        reasoning.collect()
    }
}

/// Why a model stopped writing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FinishReason {
    /// The answer is complete.
    Stop,
    /// It calls tools.
    ToolCalls,
    /// It reached the output limit or the context's end: the answer is cut.
    Length,
    /// The provider's filter stopped it, or the model refused.
    Refusal,
    /// Something that the provider calls by this name.
    Other(String),
}
