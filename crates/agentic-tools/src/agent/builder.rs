//! How both agents are built.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use agentic_core::{Agent, ChatModel, Sampling, ScopedTool};
use thiserror::Error;

use crate::executor::{ActionExecutor, ExecutorOptions};
use crate::into_tool::IntoTool;
use crate::loop_guard::LoopGuardOptions;
use crate::registry::{Callable, RegistryError, ToolRegistry};

/// Builds an agent that calls tools in turns.
#[derive(Debug)]
#[must_use]
pub struct AgentBuilder<A> {
    model: Option<Arc<dyn ChatModel>>,
    callables: Vec<Callable>,
    settings: Settings,
    makes: PhantomData<fn() -> A>,
}

/// What an agent is set to.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) name: String,
    pub(crate) instructions: String,
    pub(crate) max_turns: u64,
    pub(crate) max_output_tokens: Option<u64>,
    pub(crate) sampling: Sampling,
    pub(crate) loop_guard: LoopGuardOptions,
    pub(crate) executor: ExecutorOptions,
}

/// An agent that a builder can make.
pub trait Buildable: Sized {
    #[doc(hidden)]
    fn name() -> &'static str;
    #[doc(hidden)]
    fn instructions() -> &'static str;
    #[doc(hidden)]
    fn assemble(model: Arc<dyn ChatModel>, executor: ActionExecutor, settings: Settings) -> Self;
}

/// Why an agent can't be built.
#[derive(Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No model was given.
    #[error("an agent needs a model; call `.model(…)`")]
    NoModel,
    /// It could never take a turn.
    #[error("an agent needs at least one turn; call `.max_turns(…)` with more than 0")]
    NoTurns,
    /// The tools don't go together.
    #[error(transparent)]
    Tools(#[from] RegistryError),
}

/// The message: `main` prints errors that it returns in this form.
impl fmt::Debug for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<A: Buildable> AgentBuilder<A> {
    pub(crate) fn new() -> Self {
        let settings = Settings {
            name: A::name().into(),
            instructions: A::instructions().into(),
            max_turns: 50,
            max_output_tokens: None,
            sampling: Sampling::default(),
            loop_guard: LoopGuardOptions::default(),
            executor: ExecutorOptions::default(),
        };
        Self { model: None, callables: Vec::new(), settings, makes: PhantomData }
    }

    /// The model. Required.
    pub fn model(mut self, model: impl ChatModel) -> Self {
        self.model = Some(Arc::new(model));
        self
    }

    /// One more tool.
    pub fn tool<Via>(mut self, tool: impl IntoTool<Via>) -> Self {
        self.callables.push(Callable::Tool(tool.into_tool()));
        self
    }

    /// More tools.
    pub fn tools<Via, T: IntoTool<Via>>(mut self, tools: impl IntoIterator<Item = T>) -> Self {
        self.callables.extend(tools.into_iter().map(|tool| Callable::Tool(tool.into_tool())));
        self
    }

    /// One more tool that is made of steps, as those of a memory are.
    pub fn scoped_tool(mut self, tool: impl ScopedTool) -> Self {
        self.callables.push(Callable::Scoped(Arc::new(tool)));
        self
    }

    /// More of them.
    pub fn scoped_tools<T: ScopedTool>(mut self, tools: impl IntoIterator<Item = T>) -> Self {
        self.callables.extend(tools.into_iter().map(|tool| Callable::Scoped(Arc::new(tool))));
        self
    }

    /// Another agent to call like a tool; `description` tells the model when.
    pub fn agent(mut self, agent: impl Agent, description: impl Into<String>) -> Self {
        let description = description.into();
        self.callables.push(Callable::Agent { agent: Arc::new(agent), description });
        self
    }

    /// A name for people. Default: the kind of agent.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// The standing instructions, in place of the default ones.
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.settings.instructions = instructions.into();
        self
    }

    /// The most turns for one goal. Default: 50.
    pub fn max_turns(mut self, turns: u64) -> Self {
        self.settings.max_turns = turns;
        self
    }

    /// The most output tokens of one turn. Default: the model's own limit.
    pub fn max_output_tokens(mut self, tokens: u64) -> Self {
        self.settings.max_output_tokens = Some(tokens);
        self
    }

    /// How tokens are drawn. Default: the model's own settings.
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.settings.sampling = sampling;
        self
    }

    /// When turns without progress are noticed. Default: [`LoopGuardOptions::default`].
    pub fn loop_guard(mut self, options: LoopGuardOptions) -> Self {
        self.settings.loop_guard = options;
        self
    }

    /// How tool calls are run. Default: [`ExecutorOptions::default`].
    pub fn executor(mut self, options: ExecutorOptions) -> Self {
        self.settings.executor = options;
        self
    }

    /// The agent.
    ///
    /// # Errors
    /// [`BuildError`] if there is no model, no turn, or the tools don't go together.
    pub fn build(self) -> Result<A, BuildError> {
        let model = self.model.ok_or(BuildError::NoModel)?;
        if self.settings.max_turns == 0 {
            return Err(BuildError::NoTurns);
        }
        let registry = ToolRegistry::new(self.callables)?;
        let executor = ActionExecutor::new(registry).with_options(self.settings.executor);
        Ok(A::assemble(model, executor, self.settings))
    }
}
