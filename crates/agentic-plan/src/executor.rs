//! The agent that executes plans.

mod accounts;
mod failure;
mod only;
mod run;
mod task;
mod writing;

use std::collections::BTreeMap;
use std::sync::Arc;

use agentic_core::{
    Agent, AgentError, Goal, Outcome, Plan, Planner, Reflector, RunContext, Spend, Task, async_trait,
};

use self::accounts::Accounts;
use self::run::Execution;
use self::writing::Writing;
use crate::verify::Verifier;

/// What becomes of a plan when a task has failed and is not tried again. In any case what does not depend on it goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnFailure {
    /// When nothing can run any more, the planner plans the rest anew; what is done stays. With a planner that can't, or when
    /// it was done [often enough](PlanExecutor::max_replans), or when it brought nothing, the run fails with the task.
    #[default]
    Replan,
    /// The task is left out, and what depends on it. The outcome has what there is, and its goal is not met.
    Skip,
    /// A person is asked whether it is tried again; if not, it is left out.
    Ask,
    /// The run fails at once; what is being worked on is dropped.
    Abort,
}

impl OnFailure {
    /// Whether anybody reads what is thought of a task's last try.
    fn reads_reflections(self) -> bool {
        match self {
            Self::Replan | Self::Ask => true,
            Self::Skip | Self::Abort => false,
        }
    }
}

/// Plans a goal and executes the plan.
///
/// A task starts the moment what it needs is done, while the planner may still [write](Planner::extend) others, in a scope of its
/// own, `task:PATH`, within that of its [share](Task::budget_share) if it has one, `share:PATH`; so a plan takes as long as its
/// longest chain of tasks, where [`max_parallel`](Self::max_parallel) is at least its width. What comes of it does not depend on
/// the order in which tasks end.
///
/// An agent that works on a task gets the task's description as its goal, and after it [what it is a part of](Task::reads_goal) if
/// that is read, with the inputs of the whole goal and of the task, what was looked up for the goal, and the results of the tasks
/// that it depends on. The outcome is the result of the task that no other one needs; of several, an
/// object with the result of each under its id.
#[derive(Clone, Debug)]
pub struct PlanExecutor {
    planner: Arc<dyn Planner>,
    agent: Arc<dyn Agent>,
    agents: BTreeMap<String, Arc<dyn Agent>>,
    reflector: Option<Arc<dyn Reflector>>,
    verifier: Verifier,
    max_parallel: usize,
    retries: u32,
    on_failure: OnFailure,
    max_replans: u32,
    known: String,
}

/// A plan that was executed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Executed {
    /// The plan as it is in the end, with the results of its tasks.
    pub plan: Plan,
    /// What all of it took: tasks with all their tries, planning, reflecting and judging.
    pub spend: Spend,
    /// Why the planner has not written it to its end, where it has not.
    pub unwritten: Option<AgentError>,
    /// What is said of criteria of tasks of which nobody could say whether they hold, by the tasks' paths.
    pub open: BTreeMap<String, Vec<String>>,
}

impl PlanExecutor {
    /// Plans with this planner; this agent works on the tasks.
    pub fn new(planner: impl Planner, agent: impl Agent) -> Self {
        Self {
            planner: Arc::new(planner),
            agent: Arc::new(agent),
            agents: BTreeMap::new(),
            reflector: None,
            verifier: Verifier::new(),
            max_parallel: 4,
            retries: 1,
            on_failure: OnFailure::default(),
            max_replans: 3,
            known: String::new(),
        }
    }

    /// This agent works on tasks that name it.
    #[must_use]
    pub fn agent(mut self, name: impl Into<String>, agent: impl Agent) -> Self {
        self.agents.insert(name.into(), Arc::new(agent));
        self
    }

    /// So many tasks are worked on at a time, at least one. Default: 4.
    #[must_use]
    pub fn max_parallel(mut self, tasks: usize) -> Self {
        self.max_parallel = tasks.max(1);
        self
    }

    /// So often a task that fails is tried again at most, unless it says so itself. Default: 1. The agent reads why it failed. A
    /// [reflector](Self::reflector) that finds no other try worth it ends the tries.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// What becomes of the plan when a task has failed. Default: [`OnFailure::Replan`].
    #[must_use]
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// So often the rest is planned anew at most. Default: 3.
    #[must_use]
    pub fn max_replans(mut self, times: u32) -> Self {
        self.max_replans = times;
        self
    }

    /// What the planner is told besides the goal when it [plans](Planner::plan) from the start. What it is to know when it plans
    /// again too belongs into the goal's inputs.
    #[must_use]
    pub fn known(mut self, context: impl Into<String>) -> Self {
        self.known = context.into();
        self
    }

    /// Reflects on failures: what it says is read by who tries again, and by the planner. Where neither would read it, it is not
    /// asked. A task of which it says that it [should not be retried](agentic_core::Reflection::should_retry) is not tried again.
    #[must_use]
    pub fn reflector(mut self, reflector: impl Reflector) -> Self {
        self.reflector = Some(Arc::new(reflector));
        self
    }

    /// Verifies the criteria of tasks and of the goal. A task whose criteria do not hold has failed. By default those that
    /// need neither a model nor a tool are verified.
    #[must_use]
    pub fn verifier(mut self, verifier: Verifier) -> Self {
        self.verifier = verifier;
        self
    }

    /// Executes a plan that is there already, from where it is: what is done in it is not done again.
    ///
    /// # Errors
    /// [`AgentError::Task`] with the task that the plan failed with, [`AgentError::InvalidInput`] if a task names an agent that
    /// there is not, [`AgentError::InvalidOutput`] if a planner's next version has lost what was done or can't be worked on, and what
    /// [ends](AgentError::ends) all here: the budget, a cancellation.
    ///
    /// # Cancel safety
    /// Dropping the future drops the tasks that are worked on.
    pub async fn execute(&self, plan: Plan, cx: &RunContext) -> Result<Executed, AgentError> {
        Execution::new(self, plan, None, Accounts::new(cx), cx)?.run().await
    }

    /// Who works on a task.
    fn worker(&self, task: &Task) -> Option<&Arc<dyn Agent>> {
        task.agent.as_ref().map_or(Some(&self.agent), |name| self.agents.get(name))
    }
}

#[async_trait]
impl Agent for PlanExecutor {
    fn name(&self) -> &str {
        "plan-executor"
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let mut accounts = Accounts::new(cx);
        let begun = Writing::begun(self, &goal, accounts.scope("plan")).await;
        let (plan, writing) = begun.map_err(|error| error.with_spend(accounts.spent()))?;
        let executed = Execution::new(self, plan, writing, accounts, cx)?.run().await?;
        let outcome = Outcome::new(executed.plan.result(), executed.spend);
        let mut outcome = self.verifier.verify(&goal, outcome, &cx.scope("verify")).await?;
        failure::tell(&executed, &mut outcome);
        Ok(outcome)
    }
}
