//! An agent for tasks that say themselves what becomes of them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentic_core::{
    Agent, AgentError, Goal, Outcome, Plan, PlanError, Planner, RunContext, Spend, Task, async_trait,
};
use agentic_plan::{PlanExecutor, StaticPlanner};
use agentic_runtime::Ephemeral;
use agentic_testkit::FakeSources;
use serde_json::{Value, json};

/// A run whose time is that of the test: paused, it stands still while code runs.
pub(crate) fn context() -> RunContext {
    Ephemeral::new().sources(FakeSources::seeded(1)).context()
}

pub(crate) const NONE: [&str; 0] = [];

/// Works on a task for as many milliseconds as its input `ms` says, and gives what its inputs are, of long ones a hash. A
/// description, which is the first paragraph, with `fails` fails, one with `fails once` the first time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Worker {
    /// How often each description was worked on, and with which inputs last.
    worked: Arc<Mutex<BTreeMap<String, (usize, Value)>>>,
    /// What was read, word for word.
    read: Arc<Mutex<Vec<String>>>,
    /// How many are worked on at a time: now, and at most.
    at_once: Arc<Mutex<(usize, usize)>>,
}

impl Worker {
    pub(crate) fn times(&self, description: &str) -> usize {
        self.worked.lock().unwrap().get(description).map_or(0, |(times, _)| *times)
    }

    pub(crate) fn inputs(&self, description: &str) -> Value {
        self.worked.lock().unwrap()[description].1.clone()
    }

    pub(crate) fn has_read(&self, text: &str) -> bool {
        self.read.lock().unwrap().iter().any(|read| read == text)
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.at_once.lock().unwrap().1
    }
}

#[async_trait]
impl Agent for Worker {
    fn name(&self) -> &str {
        "worker"
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let inputs = Value::Object(goal.inputs.clone());
        self.read.lock().unwrap().push(goal.text.clone());
        let description = goal.text.split("\n\n").next().unwrap_or_default().to_owned();
        let times = {
            let mut worked = self.worked.lock().unwrap();
            let worked = worked.entry(description.clone()).or_default();
            *worked = (worked.0 + 1, inputs.clone());
            worked.0
        };
        {
            let mut at_once = self.at_once.lock().unwrap();
            at_once.0 += 1;
            at_once.1 = at_once.1.max(at_once.0);
        }
        cx.sleep(Duration::from_millis(inputs["ms"].as_u64().unwrap_or(1))).await?;
        self.at_once.lock().unwrap().0 -= 1;
        if description.contains("fails") && (times == 1 || !description.contains("once")) {
            return Err(AgentError::invalid_input(format!("{description} at try {times}")));
        }
        Ok(Outcome::new(json!({"did": description, "with": short(inputs)}), Spend::default()))
    }
}

/// The inputs but the time, or a hash: results hold results, and would grow with each task.
fn short(mut inputs: Value) -> Value {
    if let Some(fields) = inputs.as_object_mut() {
        fields.remove("ms");
    }
    let text = inputs.to_string();
    if text.len() < 1_000 {
        return inputs;
    }
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish().into()
}

/// Tasks by id and what they depend on; each says that it does its id.
pub(crate) fn tasks(all: &[(&str, &[&str])]) -> Vec<Task> {
    all.iter().map(|(id, after)| Task::new(*id, format!("do {id}"), after.iter().copied())).collect()
}

pub(crate) fn executor(tasks: Vec<Task>, worker: &Worker) -> Result<PlanExecutor, PlanError> {
    Ok(PlanExecutor::new(StaticPlanner::new(tasks)?, worker.clone()).retries(0))
}

pub(crate) fn plan(tasks: Vec<Task>) -> Plan {
    Plan::new(Goal::new("all of it"), tasks).unwrap()
}

/// A planner as an agent, whose outcome is the plan.
#[derive(Clone, Debug)]
pub(crate) struct Planned(pub(crate) Arc<dyn Planner>);

#[async_trait]
impl Agent for Planned {
    fn name(&self) -> &str {
        "planned"
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let plan = self.0.plan(&goal, "", cx).await?;
        Ok(Outcome::new(serde_json::to_value(&plan).unwrap(), Spend::default()))
    }
}
