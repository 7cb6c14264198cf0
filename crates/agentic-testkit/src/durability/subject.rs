//! An agent that is to be proved durable, and the world that it works in.

use std::sync::Arc;

use agentic_core::{Agent, ApprovalRule, Budget, Decision, Goal, Timestamp};
use agentic_runtime::{Resolution, Run, Runtime, Wait};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::World;

/// What happens to a run from outside, beside the agent: while it works, each time it is begun or gone on with.
pub(super) type Outside = dyn Fn(Runtime, Run) -> BoxFuture<'static, ()> + Send + Sync;

/// An agent, its goal, and the world that it works in. Made anew for each run; what lies outside of the process has to
/// be in the [`World`], or shared by clones of the agent.
pub struct Subject {
    pub(super) agent: Arc<dyn Agent>,
    pub(super) goal: Goal,
    pub(super) budget: Budget,
    pub(super) rules: Vec<ApprovalRule>,
    pub(super) world: World,
    pub(super) operator: Operator,
    pub(super) outside: Option<Arc<Outside>>,
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subject").field("agent", &self.agent).finish_non_exhaustive()
    }
}

impl Subject {
    /// An agent on a goal in a world.
    pub fn new(agent: impl Agent, goal: impl Into<Goal>, world: World) -> Self {
        Self {
            agent: Arc::new(agent),
            goal: goal.into(),
            budget: Budget::default(),
            rules: Vec::new(),
            world,
            operator: Operator::default(),
            outside: None,
        }
    }

    /// The same, with these limits.
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// The same, with this rule for what it asks.
    pub fn with_rule(mut self, rule: ApprovalRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// The same, with these answers.
    pub fn with_operator(mut self, operator: Operator) -> Self {
        self.operator = operator;
        self
    }

    /// The same, with this going on outside.
    pub fn with_outside<F>(mut self, outside: impl Fn(Runtime, Run) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.outside = Some(Arc::new(move |runtime, run| outside(runtime, run).boxed()));
        self
    }
}

type Decide = dyn Fn(&Wait) -> Decision + Send + Sync;

/// The person who answers what a run asks.
///
/// Of effects that are in doubt it says the truth, which it finds in the [`World`].
#[derive(Clone)]
pub struct Operator {
    decide: Arc<Decide>,
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Operator")
    }
}

/// Approves everything.
impl Default for Operator {
    fn default() -> Self {
        Self::new(|_| Decision::Approve)
    }
}

impl Operator {
    /// Answers questions like this.
    pub fn new(decide: impl Fn(&Wait) -> Decision + Send + Sync + 'static) -> Self {
        Self { decide: Arc::new(decide) }
    }

    /// Answers all that a run waits for, the last first. Whether there was anything to answer.
    pub(super) async fn answer(&self, runtime: &Runtime, run: &Run, waits: &[Wait], world: &World) -> bool {
        let mut answered = false;
        for wait in waits.iter().rev() {
            let by = Some("operator".to_owned());
            match wait {
                Wait::Approval { step, digest, .. } => {
                    let decision = (self.decide)(wait);
                    // A crash may have hidden that it was answered.
                    let _ = runtime.decide(run.id(), step, *digest, decision, by).await;
                }
                Wait::UnknownEffect { step, .. } => {
                    let key = format!("{}/{step}", run.id());
                    let resolution = world.result_of(&key).map_or(Resolution::NotDone, |value| {
                        Resolution::Done(agentic_core::Json::of(&value).expect("JSON"))
                    });
                    let _ = runtime.resolve(run.id(), step, resolution, by).await;
                }
                _ => continue,
            }
            answered = true;
        }
        answered
    }
}

/// When a world's time begins: 2026-01-01T00:00:00Z.
pub(super) const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);
