//! The agent that needs no model.

use std::sync::Arc;

use agentic_core::{Agent, AgentError, Goal, Outcome, RunContext, Spend, Tool, async_trait};
use serde_json::Value;

use crate::executor::ActionExecutor;
use crate::registry::{Callable, RegistryError, ToolRegistry};

/// Calls one tool, with the goal's inputs as its arguments, and gives its result: for tasks of plans that need no model.
///
/// Inputs that the tool has no parameter for are left out. The call is checked, admitted and approved as one that a model makes.
#[derive(Clone, Debug)]
pub struct ToolAgent {
    executor: ActionExecutor,
    name: String,
    /// What the tool names as its parameters; `None` if it says nothing of them.
    parameters: Option<Vec<String>>,
}

impl ToolAgent {
    /// An agent that calls this tool.
    ///
    /// # Errors
    /// [`RegistryError`] if the tool's name or schema can't be used.
    pub fn new(tool: Arc<dyn Tool>) -> Result<Self, RegistryError> {
        let spec = tool.spec().clone();
        let named = spec.parameters.get("properties").and_then(Value::as_object);
        let parameters = named.map(|named| named.keys().cloned().collect());
        let registry = ToolRegistry::new([Callable::Tool(tool)])?;
        Ok(Self { executor: ActionExecutor::new(registry), name: spec.name.clone(), parameters })
    }
}

#[async_trait]
impl Agent for ToolAgent {
    fn name(&self) -> &str {
        &self.name
    }

    /// Calls the tool.
    ///
    /// # Errors
    /// What [`ActionExecutor::call`] fails with.
    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let mut arguments = goal.inputs;
        if let Some(parameters) = &self.parameters {
            arguments.retain(|name, _| parameters.contains(name));
        }
        let given = self.executor.call(cx, &self.name, arguments.into()).await?;
        Ok(Outcome::new(given, Spend { tool_calls: 1, ..Spend::default() }))
    }
}
