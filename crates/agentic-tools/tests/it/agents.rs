//! The agents, on scripted models.

mod alone;
mod budgeted;
mod guarded;
mod guardrails;
mod lookups;
mod replayed;
mod turns;

use std::sync::{Arc, Mutex};

use agentic_core::{
    Agent as _, AgentError, EffectClass, EffectContext, Outcome, Tool, ToolError, ToolPolicy, ToolSpec,
    async_trait,
};
use agentic_testkit::ScriptedModel;
use agentic_tools::{FunctionCallingAgent, ReActAgent};
use serde_json::{Value, json};

use crate::support::context;

/// A tool that gives what it is told to, and notes its calls.
#[derive(Clone, Debug)]
struct Canned {
    spec: Arc<ToolSpec>,
    effect: EffectClass,
    gives: Arc<Mutex<Vec<Result<Value, ToolError>>>>,
    calls: Arc<Mutex<Vec<Value>>>,
}

impl Canned {
    fn new(name: &str, gives: impl IntoIterator<Item = Value>) -> Self {
        let parameters = json!({
            "type": "object",
            "properties": {"input": {"type": "string"}},
            "required": ["input"],
            "additionalProperties": false,
        });
        Self::with_parameters(name, parameters, gives)
    }

    fn with_parameters(name: &str, parameters: Value, gives: impl IntoIterator<Item = Value>) -> Self {
        let mut gives: Vec<_> = gives.into_iter().map(Ok).collect();
        gives.reverse();
        Self {
            spec: Arc::new(ToolSpec::new(name, "Gives what it is told to.", parameters)),
            effect: EffectClass::Pure,
            gives: Arc::new(Mutex::new(gives)),
            calls: Arc::default(),
        }
    }

    fn with_policy(mut self, policy: ToolPolicy) -> Self {
        self.spec = Arc::new(ToolSpec::clone(&self.spec).with_policy(policy));
        self
    }

    fn changing_the_world(mut self) -> Self {
        self.effect = EffectClass::Unsafe;
        self
    }

    fn calls(&self) -> Vec<Value> {
        self.calls.lock().unwrap().clone()
    }
}

#[async_trait]
impl Tool for Canned {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.spec
    }

    fn effect(&self, _: &Value) -> EffectClass {
        self.effect
    }

    async fn call(&self, arguments: Value, _: EffectContext) -> Result<Value, ToolError> {
        self.calls.lock().unwrap().push(arguments);
        let mut gives = self.gives.lock().unwrap();
        // The last answer is given again and again.
        let next = if gives.len() > 1 { gives.pop() } else { gives.last().cloned() };
        next.unwrap_or_else(|| Err(ToolError::failed("nothing to give")))
    }
}

async fn run(model: &ScriptedModel, tools: &[Canned], goal: &str) -> Result<Outcome, AgentError> {
    let agent = FunctionCallingAgent::builder().model(model.clone()).tools(tools.to_vec()).build().unwrap();
    agent.run(goal.into(), &context()).await
}

async fn run_react(model: &ScriptedModel, tools: &[Canned], goal: &str) -> Result<Outcome, AgentError> {
    let agent = ReActAgent::builder().model(model.clone()).tools(tools.to_vec()).build().unwrap();
    agent.run(goal.into(), &context()).await
}

/// The content of the tool results that the last request held.
fn results(model: &ScriptedModel) -> Vec<String> {
    let last = model.requests().pop().unwrap();
    let parts = last.messages.iter().flat_map(|message| message.parts.clone()).collect::<Vec<_>>();
    parts
        .into_iter()
        .filter_map(|part| match part {
            agentic_core::Part::ToolResult(result) => Some(result.content),
            _ => None,
        })
        .collect()
}
