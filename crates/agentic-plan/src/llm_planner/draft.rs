//! A plan as a model writes it.

use std::collections::BTreeSet;

use agentic_core::{Plan, Task, TaskStatus};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::LlmPlanner;

#[derive(Debug, Deserialize)]
pub(super) struct Draft {
    tasks: Vec<DraftTask>,
}

/// A task has no id: it is numbered by its place, so that a model can neither forget one nor write one twice.
#[derive(Debug, Deserialize)]
struct DraftTask {
    description: String,
    #[serde(default)]
    agent: Option<String>,
    #[serde(default)]
    inputs: Map<String, Value>,
    #[serde(default)]
    tools: Option<Vec<String>>,
    #[serde(default)]
    after: Vec<String>,
}

/// What the tasks of a draft are called, and what they can depend on besides.
#[derive(Debug)]
pub(super) struct Names {
    /// The ids of the draft's tasks, in order: so many there may be.
    new: Vec<String>,
    /// The tasks that are done, which stay.
    done: Vec<String>,
}

impl Names {
    /// Those of a first plan.
    pub(super) fn first(max_tasks: usize) -> Self {
        Self { new: numbered(1, max_tasks), done: Vec::new() }
    }

    /// Those of what comes after this plan. No number is given again, also not that of a task that failed: what is said of one
    /// is never read as being said of the other.
    pub(super) fn after(plan: &Plan, max_tasks: usize) -> Self {
        let number = |task: &Task| task.id.strip_prefix('t').and_then(|number| number.parse().ok());
        let last: usize = plan.tasks().iter().filter_map(number).max().unwrap_or_default();
        let done = plan.tasks().iter().filter(|task| stays(task)).map(|task| task.id.clone()).collect();
        Self { new: numbered(last.saturating_add(1), max_tasks), done }
    }

    /// Those of tasks that come beside these.
    pub(super) fn beside(so_far: &[Task], count: usize) -> Self {
        let done = so_far.iter().map(|task| task.id.clone()).collect();
        Self { new: numbered(so_far.len().saturating_add(1), count), done }
    }

    /// The id of the draft's first task.
    pub(super) fn begins(&self) -> &str {
        self.new.first().map_or("t1", String::as_str)
    }
}

/// Whether a task is done, or something of it.
fn stays(task: &Task) -> bool {
    task.status == TaskStatus::Completed || task.subtasks.iter().any(stays)
}

fn numbered(first: usize, count: usize) -> Vec<String> {
    (first..).take(count).map(|number| format!("t{number}")).collect()
}

/// What a model may write: of agents and tasks it can choose among these. Where there are no agents, it is not asked. What a
/// task is comes first, as what comes later is better for it.
pub(super) fn schema(names: &Names, planner: &LlmPlanner) -> Value {
    let LlmPlanner { agents, tools, tools_by_task, .. } = planner;
    let (mut properties, mut required) = (Map::new(), vec!["description"]);
    let text = json!({"type": "string", "minLength": 1, "description": "What to do, so that it can be understood alone."});
    properties.insert("description".into(), text);
    if !agents.is_empty() {
        let names: Vec<_> = agents.keys().collect();
        properties.insert("agent".into(), json!({"enum": names, "description": "Who does it."}));
        let inputs = json!({
            "type": "object",
            "description": "Named inputs, where the agent wants some; `{{t1.result}}` is the result of task t1.",
        });
        properties.insert("inputs".into(), inputs);
        required.push("agent");
    }
    if *tools_by_task && !tools.is_empty() {
        let names: Vec<_> = tools.keys().collect();
        let tools = json!({"type": "array", "items": {"enum": names}, "description": "The only tools that it may use."});
        properties.insert("tools".into(), tools);
        required.push("tools");
    }
    let ids: Vec<_> = names.done.iter().chain(&names.new).collect();
    let after = json!({
        "type": "array",
        "items": {"enum": ids},
        "description": format!("The tasks whose results it needs. The first task of this list is {}, and so on.", names.begins()),
    });
    properties.insert("after".into(), after);
    required.push("after");
    json!({
        "type": "object",
        "properties": {
            "tasks": {
                "type": "array",
                "minItems": 1,
                "maxItems": names.new.len(),
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
    /// The tasks, by their names. A task that would come after itself, or after another one twice, says nothing by it; nor does
    /// one that names a tool twice.
    pub(super) fn tasks(self, names: &Names) -> Vec<Task> {
        let task = |(id, draft): (&String, DraftTask)| {
            let mut seen = BTreeSet::from([id.clone()]);
            let after = draft.after.into_iter().filter(|needed| seen.insert(needed.clone()));
            let mut task = Task::new(id, draft.description, after);
            let once = |tools: Vec<String>| {
                let mut seen = BTreeSet::new();
                tools.into_iter().filter(|tool| seen.insert(tool.clone())).collect()
            };
            (task.agent, task.tools, task.inputs) = (draft.agent, draft.tools.map(once), draft.inputs);
            task
        };
        names.new.iter().zip(self.tasks).map(task).collect()
    }
}
