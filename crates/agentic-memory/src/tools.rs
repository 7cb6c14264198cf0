//! The tools by which an agent uses a memory.

use std::sync::Arc;

use agentic_core::{
    Added, Memory, MemoryEntry, MemoryError, MemoryKind, MemoryQuery, MemoryScope, RunContext, ScopedTool,
    StepError, ToolError, ToolPolicy, ToolSpec, async_trait,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::remembering::{lines, told, without_date};

/// The name of the tool that looks things up.
pub(crate) const RECALL: &str = "recall";

/// The most entries that one call of `recall` gives.
const MOST: usize = 20;

/// The tools `remember` and `recall` of a memory, for an agent that remembers and recalls in this scope.
///
/// | tool | arguments | gives |
/// |---|---|---|
/// | `remember` | `content`; `importance`, 0 to 1, 0.5 if it is not said | what became of it: a fact that is kept, known, or why not |
/// | `recall` | `query`; `limit`, 1 to 20, 5 if it is not said | the entries that fit, best first, a line each with its date; what several say with the same words is given once |
///
/// Hand them to an agent with its builder's `scoped_tools`.
pub fn memory_tools(memory: impl Memory, scope: MemoryScope) -> [Arc<dyn ScopedTool>; 2] {
    let used = Used { memory: Arc::new(memory), scope };
    [
        Arc::new(Remember { spec: remember_spec(), used: used.clone() }),
        Arc::new(Recall { spec: recall_spec(), used }),
    ]
}

/// The memory that is used, and whose.
#[derive(Clone, Debug)]
struct Used {
    memory: Arc<dyn Memory>,
    scope: MemoryScope,
}

#[derive(Debug)]
struct Remember {
    spec: Arc<ToolSpec>,
    used: Used,
}

#[derive(Debug)]
struct Recall {
    spec: Arc<ToolSpec>,
    used: Used,
}

fn remember_spec() -> Arc<ToolSpec> {
    let parameters = json!({
        "type": "object",
        "properties": {
            "content": {
                "type": "string",
                "description": "One fact in one sentence that can be understood alone: with names instead of `he` or `my`.",
            },
            "importance": {"type": "number", "minimum": 0, "maximum": 1, "description": "How much it matters, 0 to 1."},
        },
        "required": ["content"],
        "additionalProperties": false,
    });
    let description =
        "Remembers a fact for later conversations: what the user tells of themselves, what was decided.";
    // One after the other: two that say the same are not both news.
    let mut policy = ToolPolicy::default();
    policy.parallel = false;
    Arc::new(ToolSpec::new("remember", description, parameters).with_policy(policy))
}

fn recall_spec() -> Arc<ToolSpec> {
    let parameters = json!({
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "What to look for, as a question or in keywords."},
            "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "description": "The most entries to give; 5 if it is not said."},
        },
        "required": ["query"],
        "additionalProperties": false,
    });
    let description = "Looks up what is remembered from earlier conversations.";
    Arc::new(ToolSpec::new(RECALL, description, parameters))
}

#[derive(Deserialize)]
struct Fact {
    content: String,
    importance: Option<f32>,
}

#[derive(Deserialize)]
struct Question {
    query: String,
    /// Small models write whole numbers as `5.0`.
    limit: Option<f64>,
}

#[async_trait]
impl ScopedTool for Remember {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.spec
    }

    async fn call(&self, arguments: Value, cx: &RunContext) -> Result<Value, StepError> {
        let Fact { content, importance } = read(arguments)?;
        let Used { memory, scope } = &self.used;
        let mut entry = MemoryEntry::new(scope.clone(), MemoryKind::Fact, without_date(&content), cx.now());
        entry.importance = importance.unwrap_or(entry.importance);
        Ok(match memory.add(entry, cx).await.map_err(failed)? {
            Added::Kept { .. } => json!("Remembered."),
            Added::Merged { .. } => json!("This is known already."),
            Added::Rejected { reason } => json!(format!("Not remembered: {reason}.")),
        })
    }
}

#[async_trait]
impl ScopedTool for Recall {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.spec
    }

    fn changes(&self, _: &Value) -> bool {
        false
    }

    async fn call(&self, arguments: Value, cx: &RunContext) -> Result<Value, StepError> {
        let Question { query, limit } = read(arguments)?;
        let Used { memory, scope } = &self.used;
        let query = MemoryQuery::new(scope.clone(), query, limit.map_or(5, |limit| limit as usize).min(MOST));
        let found = memory.retrieve(&query, cx).await.map_err(failed)?;
        if found.is_empty() {
            return Ok(json!("Nothing is remembered of that."));
        }
        let lines: Vec<String> = lines(&found).map(|(_, line)| line).collect();
        Ok(told(&lines).into())
    }
}

fn read<T: for<'a> Deserialize<'a>>(arguments: Value) -> Result<T, StepError> {
    serde_json::from_value(arguments).map_err(|error| StepError::Tool(ToolError::invalid(error.to_string())))
}

/// What the memory says is told to the model; what ends the run ends the work.
fn failed(error: MemoryError) -> StepError {
    match error {
        MemoryError::Model(error) => StepError::Tool(ToolError::failed(error.to_string())),
        error => error.into(),
    }
}
