//! Plans that are searched for.

mod error;
mod llm_thoughts;
mod run;
mod thought;

use std::collections::BTreeSet;
use std::sync::Arc;

use agentic_core::{
    AgentError, ChatModel, Goal, Plan, Planner, RunContext, Task, TaskStatus, async_trait, value_text,
};
use serde_json::Value;

pub use self::error::{Ended, SearchError};
pub use self::llm_thoughts::LlmThoughts;
use self::run::Search;
pub use self::thought::{Evaluator, Proposer, SearchState, Thought, Worth};

/// Searches for the steps to a goal: Tree of Thoughts, breadth first (Yao et al. 2023, *Tree of Thoughts: Deliberate Problem
/// Solving with Large Language Models*, [arXiv 2305.10601](https://arxiv.org/abs/2305.10601)).
///
/// A *state* is the goal with the thoughts that lead there, and a *thought* is one step. Level by level, next steps are
/// *proposed* for each state, and each state that is new is *valued*: the best ones, the beam, are expanded on the next
/// level. The search ends with the first state that solves the goal. Its steps, one after the other, are the plan.
///
/// A model proposes and values, or a program does either: [`Proposer`] and [`Evaluator`]. All of a level is asked in parallel,
/// each in a scope of its own, `level@N/propose:M` and `level@N/value:M`, so a search survives crashes and keeps to the budget
/// of its run. What it finds does not depend on the order of answers: states of equal worth keep the order in which they were
/// proposed. Where one proposal or value of a level fails, that state is left out and a note says so; where all fail, so does
/// the search.
///
/// ```
/// use agentic_core::{AgentError, Goal, RunContext, async_trait};
/// use agentic_plan::{Evaluator, Proposer, SearchPlanner, SearchState, Thought, Worth};
///
/// /// From 1 to a number, by doubling and adding one.
/// #[derive(Debug)]
/// struct Reach(u64);
///
/// fn number(state: &SearchState<'_>) -> u64 {
///     state.last().and_then(|thought| thought.state.as_u64()).unwrap_or(1)
/// }
///
/// #[async_trait]
/// impl Proposer for Reach {
///     async fn propose(
///         &self,
///         state: &SearchState<'_>,
///         _: usize,
///         _: &RunContext,
///     ) -> Result<Vec<Thought>, AgentError> {
///         let at = number(state);
///         Ok(vec![Thought::new("double it", at * 2), Thought::new("add one", at + 1)])
///     }
/// }
///
/// #[async_trait]
/// impl Evaluator for Reach {
///     async fn value(&self, state: &SearchState<'_>, _: &RunContext) -> Result<Worth, AgentError> {
///         Ok(match number(state) {
///             at if at == self.0 => Worth::Solved,
///             at if at > self.0 => Worth::Impossible,
///             at => Worth::Promising(at as f64 / self.0 as f64),
///         })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), agentic_plan::SearchError> {
/// # use agentic_runtime::RunContextExt as _;
/// # let cx = &RunContext::ephemeral();
/// let found = SearchPlanner::of(Reach(11), Reach(11)).search(&Goal::new("Reach 11"), "", cx).await?;
/// assert_eq!(found.thoughts.len(), 5); // to 2, 4, 5, 10 and 11
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SearchPlanner {
    proposer: Arc<dyn Proposer>,
    evaluator: Arc<dyn Evaluator>,
    proposals: usize,
    beam_width: usize,
    depth: usize,
    max_expanded: usize,
    max_parallel: usize,
}

/// What a search has found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Found {
    /// The steps that solve the goal, in order.
    pub thoughts: Vec<Thought>,
    /// For so many states next steps were proposed.
    pub expanded: usize,
}

impl SearchPlanner {
    /// This model proposes steps and values states.
    pub fn new(model: impl ChatModel) -> Self {
        let thoughts = LlmThoughts::new(model);
        Self::of(thoughts.clone(), thoughts)
    }

    /// Steps are proposed by the one and states valued by the other.
    pub fn of(proposer: impl Proposer, evaluator: impl Evaluator) -> Self {
        Self {
            proposer: Arc::new(proposer),
            evaluator: Arc::new(evaluator),
            proposals: 5,
            beam_width: 5,
            depth: 10,
            max_expanded: 100,
            max_parallel: 4,
        }
    }

    /// States are valued by this instead: what a program can decide need not be asked of a model.
    #[must_use]
    pub fn evaluator(mut self, evaluator: impl Evaluator) -> Self {
        self.evaluator = Arc::new(evaluator);
        self
    }

    /// So many steps are proposed for a state, at most. Default: 5. More are passed over.
    #[must_use]
    pub fn proposals(mut self, steps: usize) -> Self {
        self.proposals = steps.max(1);
        self
    }

    /// So many states of a level are expanded on the next one, at most. Default: 5, as in the paper.
    #[must_use]
    pub fn beam_width(mut self, states: usize) -> Self {
        self.beam_width = states.max(1);
        self
    }

    /// A plan has so many steps, at most; one that is planned again so many beside those that are done. Default: 10.
    #[must_use]
    pub fn depth(mut self, steps: usize) -> Self {
        self.depth = steps.max(1);
        self
    }

    /// So many states are expanded, at most. Default: 100.
    #[must_use]
    pub fn max_expanded(mut self, states: usize) -> Self {
        self.max_expanded = states.max(1);
        self
    }

    /// So many proposals, and then values, are asked for at a time. Default: 4.
    #[must_use]
    pub fn max_parallel(mut self, at_once: usize) -> Self {
        self.max_parallel = at_once.max(1);
        self
    }

    /// Searches for the steps to a goal; `context` is what is known besides.
    ///
    /// # Errors
    /// [`SearchError`]: nothing was found, or steps could not be proposed or states not be valued.
    ///
    /// # Cancel safety
    /// Dropping the future drops what is being asked.
    pub async fn search(&self, goal: &Goal, context: &str, cx: &RunContext) -> Result<Found, SearchError> {
        self.search_from(goal, context, Vec::new(), cx).await
    }

    async fn search_from(
        &self,
        goal: &Goal,
        context: &str,
        begun: Vec<Thought>,
        cx: &RunContext,
    ) -> Result<Found, SearchError> {
        if goal.text.trim().is_empty() {
            let error = AgentError::invalid_input("the goal is empty; say what is to be achieved");
            return Err(SearchError::Agent(error));
        }
        let done = begun.len();
        let mut found = Search::new(self, goal, context, cx).run(begun).await?;
        found.thoughts.drain(..done);
        Ok(found)
    }
}

#[async_trait]
impl Planner for SearchPlanner {
    async fn plan(&self, goal: &Goal, context: &str, cx: &RunContext) -> Result<Plan, AgentError> {
        let found = self.search(goal, context, cx).await?;
        let tasks = chain(&found.thoughts, BTreeSet::new(), Vec::new());
        Plan::new(goal.clone(), tasks).map_err(|error| AgentError::invalid_input(error.to_string()))
    }

    /// Searches on from the state that the done tasks have led to, and the done parts of others.
    async fn replan(&self, plan: &Plan, context: &str, cx: &RunContext) -> Result<Plan, AgentError> {
        let (mut begun, mut done) = (Vec::new(), Vec::new());
        for task in plan.tasks() {
            let steps = steps_done(task);
            if !steps.is_empty() {
                done.push(task);
            }
            begun.extend(steps);
        }
        let found = self.search_from(plan.goal(), context, begun, cx).await?;
        let needed: BTreeSet<&str> =
            done.iter().flat_map(|task| &task.dependencies).map(String::as_str).collect();
        let last = done.iter().filter(|task| !needed.contains(&*task.id)).map(|task| task.id.clone());
        let taken = plan.tasks().iter().map(|task| &*task.id).collect();
        plan.next_version(context, chain(&found.thoughts, taken, last.collect()))
            .map_err(|error| AgentError::invalid_input(error.to_string()))
    }
}

/// What is done of a task: itself, or its parts.
fn steps_done(task: &Task) -> Vec<Thought> {
    match task.status {
        TaskStatus::Completed => {
            vec![Thought::new(&*task.description, task.result.clone().unwrap_or_default())]
        }
        _ => task.subtasks.iter().flat_map(steps_done).collect(),
    }
}

/// A task a step, each after the one before, the first after these. Ids are such as are not taken.
fn chain(thoughts: &[Thought], taken: BTreeSet<&str>, mut after: Vec<String>) -> Vec<Task> {
    let mut ids = (1..).map(|n: usize| format!("step-{n}")).filter(|id| !taken.contains(&**id));
    let task = |thought: &Thought| {
        let id = ids.next().unwrap_or_default();
        let state = thought.state_text();
        let description = match state.is_empty() {
            true => thought.step.clone(),
            false => format!("{}\nThe state after it: {state}", thought.step),
        };
        let task = Task::new(&*id, description, std::mem::take(&mut after));
        after.push(id);
        task
    };
    thoughts.iter().map(task).collect()
}

/// Text as it is, nothing for null, else JSON.
fn text(value: &Value) -> String {
    if value.is_null() { String::new() } else { value_text(value).trim().to_owned() }
}
