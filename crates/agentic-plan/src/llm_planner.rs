//! Plans that a model makes.

mod draft;
mod last;
mod more;
mod named;
mod prompt;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use agentic_core::{
    AgentError, ChatModel, Goal, Message, ModelRequest, Plan, PlanError, Planner, RunContext, Sampling, Task,
    async_trait,
};
use agentic_schema::{ExtractError, ExtractOptions, Schema, extract_with};

use self::draft::{Draft, Names};

/// Has a model split goals into tasks, as JSON by a schema. A plan that is none is sent back with what is wrong with it, a few
/// times.
///
/// Workers read their tasks and not the goal. So names of the goal, of files, addresses and identifiers, are written in tasks as
/// they are written there, and a first plan that has lost one is sent back too; where no other comes, it is taken all the same.
/// Who works on the one task that no other needs, whose result is the plan's, [reads the goal](Task::reads_goal).
///
/// The model knows the agents and tools that it is told of here, and no others: where a model keeps to schemas it can't name
/// others, else such a plan is sent back too.
#[derive(Clone, Debug)]
pub struct LlmPlanner {
    pub(crate) model: Arc<dyn ChatModel>,
    pub(crate) agents: BTreeMap<String, String>,
    pub(crate) tools: BTreeMap<String, String>,
    tools_by_task: bool,
    max_tasks: usize,
    pub(crate) attempts: u32,
    pub(crate) sampling: Sampling,
}

impl LlmPlanner {
    /// The most tasks that a model is asked for at once: each is named in the schema of its answer.
    pub const MOST_TASKS: usize = 1_000;

    /// This model plans.
    pub fn new(model: impl ChatModel) -> Self {
        Self {
            model: Arc::new(model),
            agents: BTreeMap::new(),
            tools: BTreeMap::new(),
            tools_by_task: false,
            max_tasks: 10,
            attempts: 3,
            sampling: Sampling::greedy(),
        }
    }

    /// Tasks may be for this agent, which can do this.
    #[must_use]
    pub fn agent(mut self, name: impl Into<String>, can: impl Into<String>) -> Self {
        self.agents.insert(name.into(), can.into());
        self
    }

    /// Whoever works on tasks has this tool, which does this.
    #[must_use]
    pub fn tool(mut self, name: impl Into<String>, does: impl Into<String>) -> Self {
        self.tools.insert(name.into(), does.into());
        self
    }

    /// Each task names the tools of these that it needs, and who works on it can call no others. Not the default: weak models
    /// leave out what a task needs.
    #[must_use]
    pub fn tools_by_task(mut self) -> Self {
        self.tools_by_task = true;
        self
    }

    /// A plan has at most so many tasks, up to [`MOST_TASKS`](Self::MOST_TASKS). Default: 10.
    #[must_use]
    pub fn max_tasks(mut self, tasks: usize) -> Self {
        self.max_tasks = tasks.clamp(1, Self::MOST_TASKS);
        self
    }

    /// The model is asked at most so often for one plan, the first time included. Default: 3.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// How the model draws its words. Default: temperature 0.
    #[must_use]
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// Asks for a plan. What it is made into may have a flaw that is worth asking again for.
    async fn ask(
        &self,
        system: String,
        asked: String,
        names: &Names,
        make: impl Fn(Vec<Task>) -> Result<(Plan, Option<String>), PlanError>,
        cx: &RunContext,
    ) -> Result<Plan, AgentError> {
        let schema = draft::schema(names, self);
        let schema =
            Schema::compile(&schema).map_err(|error| AgentError::invalid_input(error.to_string()))?;
        let messages = [Message::system(system), Message::user(asked)].into_iter().collect();
        let mut request = ModelRequest::new(messages);
        request.sampling = self.sampling;
        let options = ExtractOptions::default().with_name("plan").with_attempts(self.attempts);
        // Worth asking again, and no reason to have no plan in the end.
        let flawed = Mutex::new(None);
        let read = |value| {
            let draft: Draft = serde_json::from_value(value).map_err(|error| error.to_string())?;
            let (plan, flaw) = make(draft.tasks(names)).map_err(|error| error.to_string())?;
            let Some(flaw) = flaw else { return Ok(plan) };
            flawed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(plan);
            Err(flaw)
        };
        let error = match extract_with(cx, &self.model, request, &schema, &options, read).await {
            Ok(extracted) => return Ok(extracted.value),
            Err(error) => error,
        };
        let ends = matches!(&error, ExtractError::Step { source, .. } if source.ends(cx));
        let flawed = flawed.into_inner().unwrap_or_else(PoisonError::into_inner);
        flawed.filter(|_| !ends).ok_or_else(|| error.into())
    }
}

#[async_trait]
impl Planner for LlmPlanner {
    async fn plan(&self, goal: &Goal, context: &str, cx: &RunContext) -> Result<Plan, AgentError> {
        if goal.text.trim().is_empty() {
            return Err(AgentError::invalid_input("the goal is empty; say what is to be achieved"));
        }
        let asked = prompt::first(self, goal, context);
        let names = Names::first(self.max_tasks);
        let make = |tasks| {
            let tasks = named::restored(tasks, goal);
            let flaw = named::lost(&tasks, goal);
            Ok((Plan::new(goal.clone(), last::reading(tasks, goal))?, flaw))
        };
        self.ask(prompt::system(self), asked, &names, make, cx).await
    }

    async fn replan(&self, plan: &Plan, context: &str, cx: &RunContext) -> Result<Plan, AgentError> {
        let names = Names::after(plan, self.max_tasks);
        let asked = prompt::again(self, plan, &names, context);
        let make = |tasks| {
            let tasks = last::reading(named::restored(tasks, plan.goal()), plan.goal());
            // What is left to do may need less than the whole goal names.
            Ok((plan.next_version(context, tasks)?, None))
        };
        self.ask(prompt::system_again(self), asked, &names, make, cx).await
    }
}
