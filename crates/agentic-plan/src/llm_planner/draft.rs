//! A plan as a model writes it.

use std::collections::BTreeMap;

use agentic_core::Task;
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Debug, Deserialize)]
pub(super) struct Draft {
    tasks: Vec<DraftTask>,
}

#[derive(Debug, Deserialize)]
struct DraftTask {
    id: String,
    description: String,
    #[serde(default)]
    dependencies: Vec<String>,
    #[serde(default)]
    agent: Option<String>,
    #[serde(default)]
    tools: Vec<String>,
    #[serde(default)]
    inputs: Map<String, Value>,
}

/// What a model may write. Of agents and tools it can choose among these; where there are none, it is not asked.
pub(super) fn schema(
    max_tasks: usize,
    agents: &BTreeMap<String, String>,
    tools: &BTreeMap<String, String>,
) -> Value {
    let mut properties = json!({
        "id": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$", "description": "A short word, unique in the plan."},
        "description": {"type": "string", "minLength": 1, "description": "What to do, so that it can be understood alone."},
        "dependencies": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The ids of the tasks whose results this one needs.",
        },
    });
    let mut required = vec!["id", "description", "dependencies"];
    let names = |of: &BTreeMap<String, String>| of.keys().cloned().collect::<Vec<_>>();
    if !agents.is_empty() {
        properties["agent"] = json!({"enum": names(agents), "description": "Who does it."});
        properties["inputs"] = json!({
            "type": "object",
            "description": "Named inputs, where the agent wants some; `{{ID.result}}` is the result of another task.",
        });
        required.push("agent");
    }
    if !tools.is_empty() {
        properties["tools"] = json!({"type": "array", "items": {"enum": names(tools)}});
        required.push("tools");
    }
    json!({
        "type": "object",
        "properties": {
            "tasks": {
                "type": "array",
                "minItems": 1,
                "maxItems": max_tasks,
                "items": {
                    "type": "object",
                    "properties": properties,
                    "required": required,
                    "additionalProperties": false,
                },
            },
        },
        "required": ["tasks"],
        "additionalProperties": false,
    })
}

impl Draft {
    /// The tasks, if they are for agents and need tools that there are.
    pub(super) fn tasks(
        self,
        agents: &BTreeMap<String, String>,
        tools: &BTreeMap<String, String>,
    ) -> Result<Vec<Task>, String> {
        let known = |what: &str, id: &str, name: &str, of: &BTreeMap<String, String>| {
            let names: Vec<_> = of.keys().map(String::as_str).collect();
            let problem = || format!("task `{id}` names {what} `{name}`; there are: {}", names.join(", "));
            of.contains_key(name).then_some(()).ok_or_else(problem)
        };
        let task = |draft: DraftTask| {
            let agent = draft.agent.filter(|_| !agents.is_empty());
            agent.iter().try_for_each(|name| known("agent", &draft.id, name, agents))?;
            let needed = if tools.is_empty() { Vec::new() } else { draft.tools };
            needed.iter().try_for_each(|name| known("tool", &draft.id, name, tools))?;
            let mut task = Task::new(draft.id, draft.description, draft.dependencies);
            (task.agent, task.tools, task.inputs) = (agent, needed, draft.inputs);
            Ok(task)
        };
        self.tasks.into_iter().map(task).collect()
    }
}
