//! Generate, critique, refine.

use std::sync::Arc;

use agentic_core::{
    Agent, AgentError, Critic, Critique, EventKind, Goal, GoalVerdict, Outcome, Partial, RunContext, Spend,
    async_trait,
};

use crate::again::{again, rank};
use crate::equal_compute::Wraps;

/// Has an agent answer, a critic judge the answer, and the agent improve it, until it is good enough.
///
/// The outcome is the *best* version, not the last: one that was verified and met the goal before one that nobody verified, that
/// before one that has not met it, and among those the one with the best mean score. It stops when that score reaches the
/// [threshold](Self::threshold) and nothing says that the goal is not met, when the versions
/// [get no better](Self::patience), or after [so many](Self::iterations): the method of Self-Refine (Madaan et al. 2023). Where
/// nobody else has checked the goal and the threshold is not reached, the goal is not met.
#[derive(Clone, Debug)]
pub struct IterativeRefinementAgent {
    agent: Arc<dyn Agent>,
    critic: Arc<dyn Critic>,
    threshold: f64,
    iterations: u32,
    patience: u32,
}

/// One version and what is thought of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Iteration {
    /// The version.
    pub outcome: Outcome,
    /// The judgement.
    pub critique: Critique,
}

impl Iteration {
    fn score(&self) -> f64 {
        self.critique.average().unwrap_or_default()
    }

    fn is_better(&self, than: &Self) -> bool {
        let key = |version: &Self| (rank(version.outcome.verdict), version.score());
        key(self) > key(than)
    }

    fn is_good(&self, threshold: f64) -> bool {
        self.score() >= threshold && self.outcome.verdict != GoalVerdict::NotMet
    }

    /// What it says to whoever does it again.
    fn told(&self) -> String {
        let mut lines = match self.outcome.verdict {
            GoalVerdict::NotMet => self.outcome.evidence.clone(),
            GoalVerdict::Met | GoalVerdict::Unverified => Vec::new(),
        };
        lines.push(told(&self.critique));
        lines.join("\n")
    }
}

/// Why there is no further version.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Stopped {
    /// The best one is good enough.
    Threshold,
    /// The versions got no better.
    NoBetter,
    /// There were as many as there may be.
    Iterations,
    /// A further version, or its judgement, failed.
    Failed(AgentError),
}

/// All versions.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Refined {
    /// In order; at least one.
    pub iterations: Vec<Iteration>,
    /// The place of the best one, from 0; of equally good ones the first.
    pub best: usize,
    /// Why there is no further one.
    pub stopped: Stopped,
    /// What all of it took: versions and critiques.
    pub spend: Spend,
}

impl IterativeRefinementAgent {
    /// This agent's answers, judged by this critic.
    pub fn new(agent: impl Agent, critic: impl Critic) -> Self {
        let (agent, critic) = (Arc::new(agent), Arc::new(critic));
        Self { agent, critic, threshold: 4.0, iterations: 3, patience: 1 }
    }

    /// A version with this mean score is good enough, 1 to 5. Default: 4.
    #[must_use]
    pub fn threshold(mut self, score: f64) -> Self {
        self.threshold = score;
        self
    }

    /// At most so many versions, at least one. Default: 3.
    #[must_use]
    pub fn iterations(mut self, iterations: u32) -> Self {
        self.iterations = iterations.max(1);
        self
    }

    /// It stops after so many versions in a row that are no better than the best, at least one. Default: 1.
    #[must_use]
    pub fn patience(mut self, versions: u32) -> Self {
        self.patience = versions.max(1);
        self
    }

    /// Works on the goal and gives all versions.
    ///
    /// # Errors
    /// [`AgentError::InvalidInput`] for a threshold that no score can have, the agent's error if there is no first version, the
    /// critic's, with the version in it, if that could not be judged, and what [ends](AgentError::ends) all here: the
    /// budget, a cancellation.
    ///
    /// # Cancel safety
    /// Dropping the future drops the version that is under way.
    pub async fn refine(&self, goal: Goal, cx: &RunContext) -> Result<Refined, AgentError> {
        if !(1.0..=5.0).contains(&self.threshold) {
            let message = format!("a threshold is a score from 1 to 5, not {}", self.threshold);
            return Err(AgentError::invalid_input(message));
        }
        let cx = &cx.counted("refinement");
        let refined = self.versions(&goal, cx).await;
        let spend = cx.spent();
        match refined {
            Ok(refined) => Ok(Refined { spend, ..refined }),
            Err(error) => Err(error.with_spend(spend)),
        }
    }

    async fn versions(&self, goal: &Goal, cx: &RunContext) -> Result<Refined, AgentError> {
        let first = self.version(goal.clone(), goal, 1, cx).await??;
        let (stopped, spend) = (Stopped::Iterations, Spend::default());
        let mut refined = Refined { iterations: vec![first], best: 0, stopped, spend };
        let mut waited = 0;
        loop {
            let best = &refined.iterations[refined.best];
            refined.stopped = if best.is_good(self.threshold) {
                Stopped::Threshold
            } else if waited >= self.patience {
                Stopped::NoBetter
            } else if refined.iterations.len() as u32 >= self.iterations {
                Stopped::Iterations
            } else {
                let next = again(goal, Some(&best.outcome.text()), &best.told());
                let number = refined.iterations.len() as u32 + 1;
                let version = self.version(next, goal, number, cx).await;
                match version.map_err(|error| refined.so_far(error))? {
                    Ok(version) => {
                        let rises = version.is_better(best);
                        waited = if rises { 0 } else { waited + 1 };
                        refined.iterations.push(version);
                        if rises {
                            refined.best = refined.iterations.len() - 1;
                        }
                        continue;
                    }
                    Err(error) => Stopped::Failed(error),
                }
            };
            return Ok(refined);
        }
    }

    /// One version, judged; the outer error ends the run.
    async fn version(
        &self,
        asked: Goal,
        goal: &Goal,
        number: u32,
        cx: &RunContext,
    ) -> Result<Result<Iteration, AgentError>, AgentError> {
        let cx = cx.scope("version");
        let outcome = match cx.call(self.agent.name(), &*self.agent, asked).await {
            Ok(outcome) => outcome,
            Err(error) if error.ends(&cx) => return Err(error),
            Err(error) => return Ok(Err(error)),
        };
        match self.critic.critique(goal, &outcome.text(), &cx.scope("critique")).await {
            Ok(critique) => {
                cx.emit(|| EventKind::Critiqued { iteration: number, critique: Box::new(critique.clone()) });
                Ok(Ok(Iteration { outcome, critique }))
            }
            Err(error) if error.ends(&cx) => {
                Err(error.with_partial(Partial { text: outcome.text(), ..Partial::default() }))
            }
            Err(error) => Ok(Err(unjudged(&error, &outcome))),
        }
    }
}

/// There is a version, and nobody knows how good it is.
fn unjudged(error: &AgentError, outcome: &Outcome) -> AgentError {
    AgentError::InvalidOutput {
        message: format!("the answer could not be judged: {error}"),
        partial: Box::new(Partial { text: outcome.text(), ..Partial::default() }),
    }
}

/// What a critique says to whoever does it again.
fn told(critique: &Critique) -> String {
    let weak = critique.scores.iter().filter(|score| score.score < 5);
    let mut lines = vec![critique.assessment.clone()];
    lines.extend(
        weak.map(|score| format!("- {} ({} of 5): {}", score.criterion, score.score, score.explanation)),
    );
    lines.extend(critique.suggestions.iter().map(|suggestion| format!("- {suggestion}")));
    lines.join("\n")
}

impl Refined {
    /// The best version.
    pub fn best(&self) -> &Iteration {
        &self.iterations[self.best]
    }

    /// What ended the run, with the best version.
    fn so_far(&self, error: AgentError) -> AgentError {
        error.with_partial(Partial { text: self.best().outcome.text(), ..Partial::default() })
    }

    /// The best version as an outcome, with how it was found.
    fn outcome(self, threshold: f64) -> Outcome {
        let best = self.best();
        let mut outcome = best.outcome.clone();
        outcome.spend = self.spend;
        if outcome.verdict == GoalVerdict::Unverified && best.score() < threshold {
            outcome.verdict = GoalVerdict::NotMet;
        }
        let all = self.iterations.len();
        outcome.evidence.push(format!("version {} of {all} is the best: {}", self.best + 1, best.critique));
        let lacks = match best.score() >= threshold {
            true => "and its criteria do not hold".to_owned(),
            false => format!("that is below the threshold of {threshold}"),
        };
        outcome.evidence.push(match &self.stopped {
            Stopped::Threshold => format!("that reaches the threshold of {threshold}"),
            Stopped::NoBetter => format!("{lacks}, and the versions got no better"),
            Stopped::Iterations if all == 1 => format!("{lacks} after one version"),
            Stopped::Iterations => format!("{lacks} after {all} versions"),
            Stopped::Failed(error) => format!("{lacks}, and version {} failed: {error}", all + 1),
        });
        outcome
    }
}

#[async_trait]
impl Agent for IterativeRefinementAgent {
    fn name(&self) -> &str {
        "iterative-refinement"
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        Ok(self.refine(goal, cx).await?.outcome(self.threshold))
    }
}

impl Wraps for IterativeRefinementAgent {
    fn inner(&self) -> &Arc<dyn Agent> {
        &self.agent
    }
}
