//! The embedded engine as a [`ChatModel`].

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use agentic_core::{
    ChatModel, FinishReason, Message, ModelContext, ModelDelta, ModelError, ModelErrorKind, ModelEvent,
    ModelInfo, ModelRequest, ModelResponse, ModelStream, OutputFormat, Part, Price, Role, ToolCall,
    ToolChoice, Usage,
};
use async_trait::async_trait;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::calls::{self, Answer, ToolDef, Turn, TurnPiece, TurnReader};
use super::engine::Engine;
use super::error::EngineError;
use super::options::{EngineOptions, Sampling};
use super::policy::TurnPolicy;
use super::prefix::common_prefix;
use super::render::{Conversation, Renderer};
use super::request::{Counters, Finish, GenerateEvent, GenerateRequest, Generation};
use super::template::ChatTemplate;

/// Output tokens of a turn when the request sets no limit and the context has room for them.
const DEFAULT_MAX_OUTPUT: usize = 2048;

/// Settings of an embedded model.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct LocalOptions {
    /// The name it goes by, such as `local:qwen2.5-coder-1.5b`. Default: `local:` and the file's name.
    pub id: Option<String>,
    /// How it may use its turns. Default: by the model's name and size.
    pub policy: Option<TurnPolicy>,
    /// Characters of a thought before each call, in place of the policy's; 0 for none. Default: as the policy says.
    pub max_thought: Option<usize>,
    /// Settings of the engine.
    pub engine: EngineOptions,
}

/// An embedded model: a GGUF file run in this process.
///
/// Tool calls and JSON answers are constrained by grammars made from their schemas, so they always parse
/// and are valid as far as a grammar can say (lengths, ranges and patterns are; `uniqueItems`, `not` and the
/// like are not: validate those). Cheap to clone; the clones share the engine and its KV cache.
#[derive(Debug, Clone)]
pub struct LocalModel(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    info: ModelInfo,
    engine: Engine,
    renderer: Renderer,
    policy: TurnPolicy,
}

/// Opens the GGUF file at `path`; takes seconds, which are spent on a thread of its own.
///
/// # Errors
///
/// [`ModelErrorKind::Unloadable`] for whatever is wrong with the file, or when memory is short.
///
/// # Cancel safety
///
/// Dropping the future leaves the loading thread to finish by itself; its work is discarded.
pub async fn open(path: &Path, options: LocalOptions) -> Result<LocalModel, ModelError> {
    let id = options.id.clone().unwrap_or_else(|| {
        format!("local:{}", path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default())
    });
    let (sender, receiver) = oneshot::channel();
    let (owned, name) = (path.to_owned(), id.clone());
    let spawned = std::thread::Builder::new().name("agentic-load".into()).spawn(move || {
        // The receiver is gone if nobody waits any more: the model is unloaded again.
        let _ = sender.send(LocalModel::load(&owned, &name, options));
    });
    let failed = |reason: &str| ModelError::new(ModelErrorKind::Unloadable, &*id, reason);
    spawned.map_err(|error| failed(&format!("cannot start the loading thread: {error}")))?;
    receiver
        .await
        .map_err(|_| failed("the loading thread ended early"))?
        .map_err(|error| model_error(&id, error))
}

impl LocalModel {
    fn load(path: &Path, id: &str, options: LocalOptions) -> Result<Self, EngineError> {
        let engine = Engine::load(path, &options.engine)?;
        let source = engine.metadata("tokenizer.chat_template").ok_or(EngineError::NoTemplate)?;
        let token = |id: i32| String::from_utf8(engine.vocab().text(id)).unwrap_or_default();
        let (bos, eos) = {
            let vocab = engine.vocab().model().vocab();
            (token(vocab.bos().0), token(vocab.eos().0))
        };
        let has_tool_form = source.contains("<tool_call>");
        let renderer = Renderer::new(ChatTemplate::new(source, bos, eos)?, has_tool_form);
        let name = engine.metadata("general.name").unwrap_or_else(|| id.to_owned());
        let parameters = engine.vocab().model().n_params();
        let mut policy = options.policy.unwrap_or_else(|| TurnPolicy::for_model(&name, parameters));
        policy.max_thought = options.max_thought.unwrap_or(policy.max_thought);
        let mut info = ModelInfo::new(id);
        info.context_tokens = u64::try_from(engine.n_ctx()).ok();
        info.max_output_tokens = u64::try_from(DEFAULT_MAX_OUTPUT.min(engine.n_ctx())).ok();
        info.capabilities.tools = true;
        info.capabilities.parallel_tool_calls = policy.max_calls > 1;
        info.capabilities.json_schema = true;
        info.capabilities.reasoning = policy.max_thought > 0;
        info.price = Some(Price::default());
        // The compiler of grammars is made here rather than in the first turn.
        engine.vocab().factory()?;
        Ok(Self(Arc::new(Inner { info, engine, renderer, policy })))
    }

    /// The engine below, for its counters and for uses without a conversation.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The turn policy in use.
    pub fn policy(&self) -> &TurnPolicy {
        &self.0.policy
    }

    /// The prompt that `request` becomes.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the request; see [`ModelErrorKind`].
    pub fn prompt(&self, request: &ModelRequest) -> Result<Vec<i32>, ModelError> {
        let plan = Plan::new(&self.0.policy, request);
        self.0.prompt(request, &plan).map(|(tokens, _)| tokens).map_err(|error| self.error(error))
    }

    fn error(&self, error: EngineError) -> ModelError {
        model_error(&self.0.info.id, error)
    }
}

/// How a request is to be answered.
#[derive(Debug)]
struct Plan<'a> {
    /// The tools described to the model.
    described: Vec<ToolDef>,
    /// The tools that may be called in this turn.
    callable: Vec<ToolDef>,
    answer: Answer<'a>,
    answer_call: bool,
    json_answer: bool,
}

impl<'a> Plan<'a> {
    fn new(policy: &TurnPolicy, request: &'a ModelRequest) -> Self {
        let tools: Vec<ToolDef> = request
            .tools
            .iter()
            .map(|spec| ToolDef {
                name: spec.name.clone(),
                description: spec.description.clone(),
                parameters: spec.parameters.clone(),
            })
            .collect();
        static OBJECT: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| json!({"type": "object"}));
        let schema = match &request.output {
            OutputFormat::JsonObject => Some(&*OBJECT),
            OutputFormat::JsonSchema { schema, .. } => Some(schema),
            _ => None,
        };
        let answer_call = policy.answer_call && !policy.prose && !tools.is_empty();
        let answer = if answer_call { Answer::Call(schema) } else { Answer::Plain(schema) };
        let (callable, answer) = match &request.tool_choice {
            ToolChoice::Auto => (tools.clone(), answer),
            ToolChoice::Required => (tools.clone(), Answer::Forbidden),
            // It knows of tools, and what it wrote like a call would be read as one.
            ToolChoice::None
                if !tools.is_empty() && request.stop.is_empty() && matches!(answer, Answer::Plain(None)) =>
            {
                (Vec::new(), Answer::Prose)
            }
            ToolChoice::None => (Vec::new(), answer),
            ToolChoice::Tool(name) => {
                (tools.iter().filter(|tool| tool.name == *name).cloned().collect(), Answer::Forbidden)
            }
        };
        let mut described = tools;
        if answer_call {
            described.push(ToolDef::answer(schema));
        }
        Self { described, callable, answer, answer_call, json_answer: schema.is_some() }
    }
}

impl Inner {
    /// The prompt's tokens, and how many of them are its fixed part.
    fn prompt(&self, request: &ModelRequest, plan: &Plan<'_>) -> Result<(Vec<i32>, usize), EngineError> {
        let conversation = Conversation {
            messages: request.messages.iter().collect(),
            tools: &plan.described,
            policy: &self.policy,
            answer_call: plan.answer_call,
            json_answer: plan.json_answer,
        };
        let vocab = self.engine.vocab();
        let text = self.renderer.prompt(&conversation, &|text| vocab.defuse(text))?;
        let tokens = vocab.tokenize_prompt(&text)?;
        let fixed = if self.engine.saves_prefixes() {
            // Some templates refuse so short a conversation: nothing is saved then.
            let other =
                self.renderer.other_prompt(&conversation).and_then(|text| vocab.tokenize_prompt(&text));
            other.map_or(0, |other| common_prefix(&tokens, &other))
        } else {
            0
        };
        Ok((tokens, fixed))
    }

    fn start(&self, request: &ModelRequest) -> Result<(Generation, TurnReader), EngineError> {
        refuse_impossible(request)?;
        let plan = Plan::new(&self.policy, request);
        let (prompt, fixed) = self.prompt(request, &plan)?;
        let room = self.engine.n_ctx().saturating_sub(prompt.len());
        let max_output = match request.max_output_tokens {
            Some(tokens) => usize::try_from(tokens).unwrap_or(usize::MAX),
            None => DEFAULT_MAX_OUTPUT.min(room.max(1)),
        };
        let grammar = calls::turn_grammar(&Turn {
            tools: &plan.callable,
            max_calls: self.policy.max_calls,
            max_thought: self.policy.max_thought,
            answer: plan.answer,
        });
        if grammar.is_some() && !request.stop.is_empty() {
            return Err(EngineError::Unsupported(
                "stop texts don't go with tools or an output schema in the embedded engine; leave them out"
                    .into(),
            ));
        }
        let generation = self.engine.generate(GenerateRequest {
            prompt,
            fixed,
            max_output,
            sampling: sampling(&request.sampling),
            stop: request.stop.clone(),
            grammar,
        })?;
        Ok((generation, TurnReader::json_answer(plan.json_answer)))
    }
}

/// What would silently be something else than what was asked for is refused.
fn refuse_impossible(request: &ModelRequest) -> Result<(), EngineError> {
    if request.tools.iter().any(|tool| *tool.name == *calls::ANSWER) {
        let message = format!(
            "a tool is named `{}`, which the embedded engine keeps for the answer itself; rename the tool",
            calls::ANSWER
        );
        return Err(EngineError::Unsupported(message));
    }
    if request.tools.is_empty() && matches!(request.tool_choice, ToolChoice::Required) {
        let message = "a tool call is required, but no tool is offered; offer one or drop the requirement";
        return Err(EngineError::Unsupported(message.into()));
    }
    Ok(())
}

fn sampling(asked: &agentic_core::Sampling) -> Sampling {
    let default = Sampling::default();
    Sampling {
        temperature: asked.temperature.unwrap_or(default.temperature),
        top_p: asked.top_p.unwrap_or(default.top_p),
        top_k: asked.top_k.unwrap_or(default.top_k),
        min_p: asked.min_p.unwrap_or(default.min_p),
        repeat_penalty: asked.repeat_penalty.unwrap_or(default.repeat_penalty),
        // Two seeds that differ only above 32 bits would draw alike otherwise.
        seed: asked.seed.map_or(default.seed, |seed| (seed ^ (seed >> 32)) as u32),
        ..default
    }
}

#[async_trait]
impl ChatModel for LocalModel {
    fn info(&self) -> &ModelInfo {
        &self.0.info
    }

    async fn stream(&self, mut request: ModelRequest, mcx: ModelContext) -> Result<ModelStream, ModelError> {
        if request.sampling.seed.is_none() && request.sampling.temperature.is_some_and(|warm| warm > 0.0) {
            // Independent answers are not all the same one.
            request.sampling.seed = Some(mcx.random());
        }
        let has_image = |message: &Message| message.parts.iter().any(|part| matches!(part, Part::Image(_)));
        if request.messages.iter().any(has_image) {
            let message = "it cannot read pictures; send text only, or use another model";
            return Err(ModelError::new(ModelErrorKind::Unsupported, &*self.0.info.id, message));
        }
        if let ToolChoice::Tool(name) = &request.tool_choice
            && !request.tools.iter().any(|tool| tool.name == *name)
        {
            let message = format!("tool `{name}` must be called, but is not among the tools offered");
            return Err(ModelError::new(ModelErrorKind::InvalidRequest, &*self.0.info.id, message));
        }
        let (generation, reader) = self.0.start(&request).map_err(|error| self.error(error))?;
        let earlier: usize = request.messages.iter().map(|message| message.tool_calls().count()).sum();
        let turn = RunningTurn {
            model: self.clone(),
            generation,
            reader,
            earlier,
            ready: VecDeque::new(),
            message: Message { role: Role::Assistant, parts: Vec::new() },
            ended: false,
        };
        Ok(Box::pin(stream::unfold(turn, |mut turn| async {
            let event = turn.next().await?;
            Some((event, turn))
        })))
    }
}

/// A turn as it is being generated.
struct RunningTurn {
    model: LocalModel,
    generation: Generation,
    reader: TurnReader,
    /// Calls made in earlier turns: call ids are numbered through the conversation.
    earlier: usize,
    ready: VecDeque<ModelEvent>,
    message: Message,
    ended: bool,
}

impl RunningTurn {
    async fn next(&mut self) -> Option<Result<ModelEvent, ModelError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            if self.ended {
                return None;
            }
            match self.generation.next().await.unwrap_or(Err(EngineError::Closed)) {
                Ok(GenerateEvent::Text(text)) => {
                    let pieces = self.reader.push(&text);
                    self.take(pieces);
                }
                Ok(GenerateEvent::Finished { finish, counters, .. }) => {
                    let pieces = self.reader.finish();
                    self.take(pieces);
                    let response = self.response(finish, counters);
                    self.ready.push_back(ModelEvent::Finished(Box::new(response)));
                    self.ended = true;
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(self.model.error(error)));
                }
            }
        }
    }

    fn take(&mut self, pieces: Vec<TurnPiece>) {
        for piece in pieces {
            let index = u32::try_from(self.message.tool_calls().count()).unwrap_or(u32::MAX);
            let delta = match piece {
                TurnPiece::Text(text) => {
                    match self.message.parts.last_mut() {
                        Some(Part::Text { text: last }) => last.push_str(&text),
                        _ => self.message.parts.push(Part::Text { text: text.clone() }),
                    }
                    ModelDelta::Text { text }
                }
                TurnPiece::Thought(text) => {
                    self.message.parts.push(Part::Reasoning { text: text.clone(), signature: None });
                    ModelDelta::Reasoning { text }
                }
                TurnPiece::CallStarted { name } => {
                    ModelDelta::ToolCall { index, name: Some(name), arguments: String::new() }
                }
                TurnPiece::Arguments(arguments) => ModelDelta::ToolCall { index, name: None, arguments },
                TurnPiece::CallEnded { name, arguments } => {
                    let id = format!("call_{}", self.earlier + self.message.tool_calls().count() + 1);
                    self.message.parts.push(Part::ToolCall(ToolCall { id, name, arguments }));
                    continue;
                }
            };
            self.ready.push_back(ModelEvent::Delta(delta));
        }
    }

    fn response(&mut self, finish: Finish, counters: Counters) -> ModelResponse {
        let message =
            std::mem::replace(&mut self.message, Message { role: Role::Assistant, parts: Vec::new() });
        let finish = match finish {
            Finish::Length => FinishReason::Length,
            // The grammar lets no call end early, but nothing incomplete may pass for an answer.
            Finish::Stop if self.reader.is_cut() => FinishReason::Length,
            Finish::Stop if message.tool_calls().next().is_some() => FinishReason::ToolCalls,
            Finish::Stop => FinishReason::Stop,
        };
        let count = |tokens: usize| u64::try_from(tokens).unwrap_or(u64::MAX);
        let usage = Usage {
            input_tokens: count(counters.prompt),
            cached_input_tokens: count(counters.cached),
            output_tokens: count(counters.output),
            ..Usage::default()
        };
        ModelResponse::new(message, finish, usage, Arc::clone(&self.model.0.info.id))
    }
}

fn model_error(id: &str, error: EngineError) -> ModelError {
    use ModelErrorKind as Kind;
    let kind = match &error {
        EngineError::Unreadable { .. }
        | EngineError::NotGguf { .. }
        | EngineError::Unloadable { .. }
        | EngineError::Context { .. }
        | EngineError::NoTemplate => Kind::Unloadable,
        EngineError::ContextOverflow { .. } => Kind::ContextOverflow,
        EngineError::EmptyPrompt
        | EngineError::Sampling { .. }
        | EngineError::Grammar { .. }
        | EngineError::Unsupported(_)
        | EngineError::Template { .. } => Kind::InvalidRequest,
        EngineError::Cancelled | EngineError::Decode { .. } => Kind::Interrupted,
        EngineError::Closed => Kind::Unavailable,
    };
    ModelError::new(kind, id, error.to_string()).with_source(error)
}
