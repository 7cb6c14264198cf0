//! How goals are planned, as it is kept with a run.

use std::path::Path;
use std::sync::Arc;

use agentic::core::{Plan, Planner, Task, Tool};
use agentic::plan::{OnFailure, read_plan};
use agentic::{Agent, ChatModel, HierarchicalPlanner, LlmPlanner, PlanExecutor, StaticPlanner};
use serde::{Deserialize, Serialize};

use crate::args;
use crate::care::{self, CareRecipe, Has};
use crate::exit::Failure;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct PlanRecipe {
    /// A plan that is there already; without one the model plans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
    /// Whether tasks are split further.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    hierarchical: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_tasks: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_parallel: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_failure: Option<args::OnFailure>,
}

impl PlanRecipe {
    /// As the arguments say; `plan` is the one that they name, if they do.
    pub(crate) fn new(plan: Option<Plan>, args: &args::Plan) -> Self {
        let size = |number: Option<u64>| number.map(|number| usize::try_from(number).unwrap_or(usize::MAX));
        let (max_tasks, max_parallel) = (size(args.max_tasks), size(args.max_parallel));
        let args::Plan { hierarchical, on_failure, .. } = *args;
        Self { plan, hierarchical, max_tasks, max_parallel, on_failure }
    }

    /// Refuses what the tasks of a written plan ask for and the run does not have.
    pub(crate) fn check(&self, has: Has<'_>) -> Result<(), Failure> {
        self.plan.as_ref().map_or(Ok(()), |plan| check_tasks(plan.tasks(), "", Some(has)))
    }

    /// Has the model plan for a worker with these tools.
    pub(crate) fn planner(&self, model: &Arc<dyn ChatModel>, tools: &[Arc<dyn Tool>]) -> Arc<dyn Planner> {
        let told = tools.iter().map(|tool| tool.spec());
        let planner = told.fold(LlmPlanner::new(model.clone()), |planner, spec| {
            planner.tool(&*spec.name, spec.description.lines().next().unwrap_or_default())
        });
        match (self.hierarchical, self.max_tasks) {
            (false, None) => Arc::new(planner),
            (false, Some(tasks)) => Arc::new(planner.max_tasks(tasks)),
            (true, None) => Arc::new(HierarchicalPlanner::of(planner)),
            (true, Some(tasks)) => Arc::new(HierarchicalPlanner::of(planner).max_tasks(tasks)),
        }
    }

    /// What executes the plan.
    pub(crate) fn executor(
        &self,
        model: &Arc<dyn ChatModel>,
        tools: &[Arc<dyn Tool>],
        worker: impl Agent,
    ) -> PlanExecutor {
        let executor = match &self.plan {
            Some(plan) => PlanExecutor::new(
                Written(StaticPlanner::of(plan.clone()), self.planner(model, tools)),
                worker,
            ),
            None => PlanExecutor::new(self.planner(model, tools), worker),
        };
        let mut executor = executor.verifier(CareRecipe::verifier(model, tools));
        if let Some(tasks) = self.max_parallel {
            executor = executor.max_parallel(tasks);
        }
        if let Some(on_failure) = self.on_failure {
            executor = executor.on_failure(on_failure.into());
        }
        executor
    }
}

/// Refuses what a written plan asks for and there is not.
pub(crate) fn check(plan: &Plan) -> Result<(), Failure> {
    care::check("", &plan.goal().criteria, None)?;
    check_tasks(plan.tasks(), "", None)
}

fn check_tasks(tasks: &[Task], above: &str, has: Option<Has<'_>>) -> Result<(), Failure> {
    tasks.iter().try_for_each(|task| {
        let path = format!("{above}{}", task.id);
        care::check_task(&format!("task `{path}`: "), task, has)?;
        check_tasks(&task.subtasks, &format!("{path}/"), has)
    })
}

impl From<args::OnFailure> for OnFailure {
    fn from(given: args::OnFailure) -> Self {
        match given {
            args::OnFailure::Replan => Self::Replan,
            args::OnFailure::Skip => Self::Skip,
            args::OnFailure::Ask => Self::Ask,
            args::OnFailure::Abort => Self::Abort,
        }
    }
}

/// A plan that a person has written; the model plans the rest again where it fails.
#[derive(Clone, Debug)]
struct Written(StaticPlanner, Arc<dyn Planner>);

#[agentic::core::async_trait]
impl Planner for Written {
    async fn plan(
        &self,
        goal: &agentic::Goal,
        context: &str,
        cx: &agentic::RunContext,
    ) -> Result<Plan, agentic::AgentError> {
        self.0.plan(goal, context, cx).await
    }

    async fn replan(
        &self,
        plan: &Plan,
        context: &str,
        cx: &agentic::RunContext,
    ) -> Result<Plan, agentic::AgentError> {
        self.1.replan(plan, context, cx).await
    }
}

/// What a file says; `-` is standard input.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    let read = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    read.map_err(|error| Failure::usage(format!("can't read {}: {error}", path.display())))
}

/// The plan in a file.
pub(crate) fn read(path: &Path) -> Result<Plan, Failure> {
    let text = text(path)?;
    read_plan(&text).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}
