//! Tools: the trait that they implement, how they are described and how they fail.

use std::error::Error;
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::effect::{EffectClass, EffectContext};

/// One tool that an agent can call.
///
/// A tool lies below the seam: it gets an [`EffectContext`], which only a driver can make. An agent used as a
/// tool is a scope and not an effect, see [`RunContext::call`](crate::RunContext::call).
#[async_trait]
pub trait Tool: Debug + Send + Sync + 'static {
    /// How the tool is described to a model; constant.
    fn spec(&self) -> &Arc<ToolSpec>;

    /// What calling it with these arguments does to the world.
    fn effect(&self, arguments: &Value) -> EffectClass;

    /// Calls the tool. The arguments are valid by the spec's schema.
    ///
    /// # Errors
    /// A [`ToolError`], whose message a model gets to read and can act on.
    ///
    /// # Cancel safety
    /// A tool whose effect is `pure`, `idempotent` or `keyed` may be dropped at any await. One that is
    /// `checkable` or `unsafe` is never cut off: it watches [`EffectContext::cancelled`] itself.
    async fn call(&self, arguments: Value, ecx: EffectContext) -> Result<Value, ToolError>;

    /// Finds out what became of an earlier attempt with the same key: `Some` with its result if it was done,
    /// `None` if it certainly was not. Only called if the effect is [`EffectClass::Checkable`].
    ///
    /// # Errors
    /// If it can't be found out, which is what the default says.
    async fn check(&self, arguments: &Value, ecx: EffectContext) -> Result<Option<Value>, ToolError> {
        let _ = (arguments, ecx);
        let message = "the tool calls its effect checkable but has no check";
        Err(ToolError::new(ToolErrorKind::Unsupported, message))
    }
}

#[async_trait]
impl<T: Tool + ?Sized> Tool for Arc<T> {
    fn spec(&self) -> &Arc<ToolSpec> {
        (**self).spec()
    }

    fn effect(&self, arguments: &Value) -> EffectClass {
        (**self).effect(arguments)
    }

    async fn call(&self, arguments: Value, ecx: EffectContext) -> Result<Value, ToolError> {
        (**self).call(arguments, ecx).await
    }

    async fn check(&self, arguments: &Value, ecx: EffectContext) -> Result<Option<Value>, ToolError> {
        (**self).check(arguments, ecx).await
    }
}

/// How a tool is described to a model, and how it wants to be run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolSpec {
    /// Its name, `[a-zA-Z0-9_-]{1,64}`.
    pub name: String,
    /// What it does and when to use it, for the model.
    pub description: String,
    /// The JSON Schema of its arguments: an object.
    pub parameters: Value,
    /// How to run it; no part of what a model sees.
    #[serde(skip)]
    pub policy: ToolPolicy,
}

impl ToolSpec {
    /// A tool with this name, description and JSON Schema of its arguments.
    pub fn new(name: impl Into<String>, description: impl Into<String>, parameters: Value) -> Self {
        let (name, description) = (name.into(), description.into());
        Self { name, description, parameters, policy: ToolPolicy::default() }
    }

    /// The same tool with this policy.
    pub fn with_policy(mut self, policy: ToolPolicy) -> Self {
        self.policy = policy;
        self
    }
}

/// How a tool wants to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToolPolicy {
    /// How long one call may take. Default: 60 s.
    pub timeout: Duration,
    /// Bytes of one result that a model gets to read; more is cut, and the cut is named. Default: 32 KiB.
    pub max_output_bytes: usize,
    /// Whether it may run beside other calls of the same turn. Default: yes.
    pub parallel: bool,
    /// Whether a person is asked before each call. Default: no.
    pub approval: bool,
    /// Whether its arguments list what earlier calls gave, in objects with the texts `from` (an argument of such a
    /// call) and `quote`. What was not read there is left out, and the result says so. Default: no.
    pub quotes: bool,
}

impl Default for ToolPolicy {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            max_output_bytes: 32 * 1024,
            parallel: true,
            approval: false,
            quotes: false,
        }
    }
}

impl ToolPolicy {
    /// The same policy with this time limit.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same policy with this limit on a result's bytes.
    pub fn with_max_output_bytes(mut self, bytes: usize) -> Self {
        self.max_output_bytes = bytes;
        self
    }

    /// The same policy, but calls of one turn run one after the other.
    pub fn sequential(mut self) -> Self {
        self.parallel = false;
        self
    }

    /// The same policy, and quotes in its arguments are checked.
    pub fn check_quotes(mut self) -> Self {
        self.quotes = true;
        self
    }

    /// The same policy, but a person is asked before each call.
    pub fn ask_first(mut self) -> Self {
        self.approval = true;
        self
    }
}

/// A failed tool call. Its message is for the model: what failed, on what, what to do instead.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ToolError {
    kind: ToolErrorKind,
    message: String,
    #[serde(skip)]
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What went wrong, by what a caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolErrorKind {
    /// No tool of that name.
    UnknownTool,
    /// The arguments don't fit the tool's schema or its rules.
    InvalidArguments,
    /// What the call is about does not exist.
    NotFound,
    /// The call reaches beyond what the tool may touch.
    Forbidden,
    /// A person or a policy said no.
    Denied,
    /// It took too long.
    TimedOut,
    /// A limit of the tool was reached (size, count).
    LimitReached,
    /// It can't be done now; later it may.
    Unavailable,
    /// The tool can't do that at all.
    Unsupported,
    /// The tool tried and failed.
    Failed,
}

impl ToolErrorKind {
    /// Whether a tool that fails like this was asked and has found something, as a test that fails, and not just could not be
    /// asked.
    pub fn is_finding(self) -> bool {
        matches!(self, Self::Failed | Self::NotFound)
    }
}

impl ToolError {
    /// An error of this kind; `message` says what failed, on what, and what to do.
    pub fn new(kind: ToolErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The arguments don't fit.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ToolErrorKind::InvalidArguments, message)
    }

    /// The tool tried and failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ToolErrorKind::Failed, message)
    }

    /// The same error with its cause.
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ToolErrorKind {
        self.kind
    }

    /// What the model gets to read.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ToolErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for ToolError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

/// Equal in everything but the cause, which a recorded error no longer has.
impl PartialEq for ToolError {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.message) == (other.kind, &other.message)
    }
}
