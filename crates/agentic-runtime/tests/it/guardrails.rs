//! Guardrails: what passes, what is told, what happens first.

mod durable;
mod gates;
mod judges;
mod streams;

use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    Agent, AgentError, ChatModel, EffectClass, Gate, Goal, Guardrail, GuardrailVerdict, Message,
    ModelRequest, Outcome, Passage, RunContext, Spend, Stand, StepError, Tool, async_trait,
};
use agentic_testkit::EventLog;
use agentic_testkit::durability::World;
use serde_json::{Value, json};

/// What must not be told.
const SECRET: &str = "hunter2";

/// A guardrail that does the same at some gates: by itself, or after asking for a while.
#[derive(Clone, Debug)]
struct Rail {
    name: &'static str,
    stand: Stand,
    gates: Vec<Gate>,
    window: Option<usize>,
    verdict: fn(&Passage) -> GuardrailVerdict,
}

const ALL: [Gate; 4] = [Gate::Input, Gate::ToolCall, Gate::ToolResult, Gate::Output];

impl Rail {
    fn new(stand: Stand, gates: &[Gate], verdict: fn(&Passage) -> GuardrailVerdict) -> Self {
        Self { name: "rail", stand, gates: gates.to_vec(), window: None, verdict }
    }
}

#[async_trait]
impl Guardrail for Rail {
    fn name(&self) -> &str {
        self.name
    }

    fn stands_at(&self, gate: Gate) -> Stand {
        if self.gates.contains(&gate) { self.stand } else { Stand::Away }
    }

    fn screen(&self, passage: &Passage) -> GuardrailVerdict {
        (self.verdict)(passage)
    }

    async fn judge(&self, passage: &Passage, cx: &RunContext) -> Result<GuardrailVerdict, StepError> {
        let asked = passage.text();
        cx.effect("asks", EffectClass::Pure, &asked.clone(), |ecx| async move {
            ecx.sleep(Duration::from_millis(30)).await;
            Ok::<_, String>(asked)
        })
        .await?;
        Ok((self.verdict)(passage))
    }

    fn window(&self) -> Option<usize> {
        self.window
    }
}

/// Every string in it without the secret.
fn hidden(value: &Value) -> Value {
    match value {
        Value::String(text) => text.replace(SECRET, "***").into(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), hidden(value))).collect(),
        other => other.clone(),
    }
}

fn hides(passage: &Passage) -> GuardrailVerdict {
    if passage.text().contains(SECRET) {
        GuardrailVerdict::Replace(hidden(&passage.content))
    } else {
        GuardrailVerdict::Pass
    }
}

fn blocks(passage: &Passage) -> GuardrailVerdict {
    if passage.text().contains(SECRET) {
        GuardrailVerdict::block("a password")
    } else {
        GuardrailVerdict::Pass
    }
}

fn passes(_: &Passage) -> GuardrailVerdict {
    GuardrailVerdict::Pass
}

/// Asks a model, gives what it says to a tool, and answers with what that gives.
#[derive(Clone, Debug)]
struct Works {
    model: Arc<dyn ChatModel>,
    tool: Arc<dyn Tool>,
}

impl Works {
    fn new(model: impl ChatModel, tool: Arc<dyn Tool>) -> Self {
        Self { model: Arc::new(model), tool }
    }

    fn echoes(model: impl ChatModel, world: &World) -> Self {
        Self::new(model, world.tool("echo", EffectClass::Keyed))
    }
}

#[async_trait]
impl Agent for Works {
    fn name(&self) -> &str {
        "works"
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let request = ModelRequest::new([Message::user(goal.prompt())].into_iter().collect());
        let said = cx.model(&self.model, request).await?.text();
        let gave = match cx.tool(&self.tool, json!({"say": said})).await {
            Ok(value) => value["with"]["say"].clone(),
            Err(StepError::Tool(error)) => format!("refused: {error}").into(),
            Err(error) => return Err(error.into()),
        };
        Ok(Outcome::new(gave, Spend::default()))
    }
}

/// All that was told, as text.
fn told(log: &EventLog) -> String {
    serde_json::to_string(&log.events()).unwrap()
}
