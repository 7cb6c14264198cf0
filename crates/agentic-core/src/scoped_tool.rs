//! Tools that are made of steps.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use crate::context::RunContext;
use crate::step::StepError;
use crate::tool::ToolSpec;

/// A tool whose call is a scope of the run and not one effect: whatever it does is a step of its own, which is recorded,
/// counted and repeated as the agent's steps are. A tool that needs a model, a memory or an agent is one.
///
/// It is immutable; the state of a call is local to [`call`](Self::call).
#[async_trait]
pub trait ScopedTool: Debug + Send + Sync + 'static {
    /// How the tool is described to a model; constant. Of its policy the time limit does not count: its steps have their own.
    fn spec(&self) -> &Arc<ToolSpec>;

    /// Whether a call with these arguments may change the world, so that what was looked up before may be different after it.
    /// Default: yes.
    fn changes(&self, arguments: &Value) -> bool {
        let _ = arguments;
        true
    }

    /// Calls the tool. The arguments are valid by the spec's schema.
    ///
    /// # Errors
    /// [`StepError::Tool`], whose message a model gets to read and can act on. So is a refusal by limits that the
    /// tool has set itself ([`RunContext::limited`]). Any other ends the work of the agent that calls.
    ///
    /// # Cancel safety
    /// May be dropped at any await, as an agent may.
    async fn call(&self, arguments: Value, cx: &RunContext) -> Result<Value, StepError>;
}

#[async_trait]
impl<T: ScopedTool + ?Sized> ScopedTool for Arc<T> {
    fn spec(&self) -> &Arc<ToolSpec> {
        (**self).spec()
    }

    fn changes(&self, arguments: &Value) -> bool {
        (**self).changes(arguments)
    }

    async fn call(&self, arguments: Value, cx: &RunContext) -> Result<Value, StepError> {
        (**self).call(arguments, cx).await
    }
}
