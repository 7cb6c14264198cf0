//! What happens when a run's budget is exhausted: it stops, asks a person, or goes on with a cheaper model.

mod policy;
mod question;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::agent::{Agent, AgentError};
use crate::context::RunContext;
use crate::goal::{Goal, Outcome};
use crate::model::ChatModel;

pub(crate) use self::policy::Policy;

/// What happens when a step does not fit into the run's budget any more.
///
/// - [`stop`](Self::stop): it fails. This is what holds where nothing else is said.
/// - [`ask`](Self::ask): a person is asked to raise the limit, and the step is taken again. One question for all steps
///   that a limit refuses meanwhile.
/// - [`degrade_to`](Self::degrade_to): a model call that tokens or money do not suffice for goes to another model, and so
///   do all later calls of the first, where it was the limit of a scope those in the scope. A guardrail's judge is never another one than it was meant to be.
///
/// What was given up or denied stays so while the [agent](Budgeted) that this is said of is at work; called again, it
/// begins anew. A limit that was raised is raised for the rest of the run.
///
/// The last two go together: `WhenExhausted::degrade_to(small).then_ask()`.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct WhenExhausted {
    models: Vec<Arc<dyn ChatModel>>,
    asks: Option<Asks>,
}

/// How a person is asked.
#[derive(Clone, Copy, Debug, Default)]
struct Asks {
    expires_after: Option<Duration>,
}

impl WhenExhausted {
    /// The step fails with its [`BudgetError`](crate::BudgetError).
    pub fn stop() -> Self {
        Self::default()
    }

    /// A person is asked, by an [`Approval`](crate::Approval): what is exhausted, and whether to raise it by as much as
    /// it was at first, or by what is missing if that is more. Its arguments are `what`, `limit`, `spent`, `asked` and
    /// `raise`, in the resource's unit (money in billionths of a dollar).
    ///
    /// Approving raises the limit, an edited `raise` by that much. Anything else is a no: the steps that wait for the answer
    /// fail, and so do later ones that this limit refuses, without another question.
    ///
    /// Time, depth and the limits of [scopes](RunContext::limited) can't be raised, and a price that nobody knows fits under no limit: such steps fail at once.
    pub fn ask() -> Self {
        Self::stop().then_ask()
    }

    /// Model calls go to this model once they do not fit any more.
    ///
    /// A model of the tree is given up when a call of it was refused and one of this model has fitted. Calls of other models
    /// go on as they are. If no model's call fits, nothing is given up.
    pub fn degrade_to(model: impl ChatModel) -> Self {
        Self::stop().then_degrade_to(model)
    }

    /// The same, and to this model once calls of those before do not fit either. A model is in the list once.
    pub fn then_degrade_to(mut self, model: impl ChatModel) -> Self {
        if self.models.iter().all(|known| known.info().id != model.info().id) {
            self.models.push(Arc::new(model));
        }
        self
    }

    /// The same, and a person is asked where no model helps.
    pub fn then_ask(mut self) -> Self {
        self.asks.get_or_insert_default();
        self
    }

    /// The same, with questions that count as denied if nobody answers them in this time.
    pub fn expiring_after(mut self, time: Duration) -> Self {
        self.asks = self.asks.map(|_| Asks { expires_after: Some(time) });
        self
    }

    fn is_stop(&self) -> bool {
        self.models.is_empty() && self.asks.is_none()
    }
}

/// An agent around an agent: says what happens when the run's budget is exhausted, for all of the tree below.
///
/// It has the name of the agent within, and no steps of its own as long as nothing is refused.
///
/// ```
/// # use agentic_core::{Agent, Budgeted, ChatModel, WhenExhausted};
/// # fn example(agent: impl Agent, small: impl ChatModel) -> impl Agent {
/// Budgeted::new(agent, WhenExhausted::degrade_to(small).then_ask())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Budgeted<A> {
    agent: A,
    when: WhenExhausted,
}

impl<A: Agent> Budgeted<A> {
    /// This agent, with this for when the budget is exhausted. It replaces what an agent above says.
    pub fn new(agent: A, when: WhenExhausted) -> Self {
        Self { agent, when }
    }
}

#[async_trait]
impl<A: Agent> Agent for Budgeted<A> {
    fn name(&self) -> &str {
        self.agent.name()
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let policy = (!self.when.is_stop()).then(|| Arc::new(Policy::new(&self.when)));
        self.agent.run(goal, &cx.when_exhausted(policy)).await
    }
}
