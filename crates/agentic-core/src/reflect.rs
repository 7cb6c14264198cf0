//! Reflections and critiques: what is said about an action or a result.

use std::fmt::{self, Debug};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::agent::AgentError;
use crate::context::RunContext;
use crate::goal::Goal;

/// What one try taught.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reflection {
    /// What was done.
    pub action: String,
    /// What came of it.
    pub result: String,
    /// What to think of it.
    pub assessment: String,
    /// Whether it brought the goal nearer.
    pub made_progress: bool,
    /// Whether to try again.
    pub should_retry: bool,
    /// What to do better.
    #[serde(default)]
    pub improvement: Option<String>,
}

/// Looks back at an action and its result.
#[async_trait]
pub trait Reflector: Debug + Send + Sync + 'static {
    /// Reflects on what was done for a goal.
    ///
    /// # Errors
    /// An [`AgentError`] if the reflection can't be made.
    async fn reflect(
        &self,
        goal: &Goal,
        action: &str,
        result: &str,
        cx: &RunContext,
    ) -> Result<Reflection, AgentError>;
}

/// Judges results.
#[async_trait]
pub trait Critic: Debug + Send + Sync + 'static {
    /// Judges what came of a goal.
    ///
    /// # Errors
    /// An [`AgentError`] if there is no judgement.
    async fn critique(&self, goal: &Goal, result: &str, cx: &RunContext) -> Result<Critique, AgentError>;
}

/// A judgement of a result by criteria.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Critique {
    /// One score a criterion.
    pub scores: Vec<Score>,
    /// The judgement in words.
    pub assessment: String,
    /// What to change.
    #[serde(default)]
    pub suggestions: Vec<String>,
}

/// How well one criterion is met.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The criterion.
    pub criterion: String,
    /// 1 (bad) to 5 (good).
    pub score: u8,
    /// Why.
    pub explanation: String,
}

/// The mean, and what it is made of: `4.5 of 5 (correctness 5, clarity 4)`.
impl fmt::Display for Critique {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(average) = self.average() else { return f.write_str("no score") };
        write!(f, "{} of 5 (", (average * 100.0).round() / 100.0)?;
        for (place, Score { criterion, score, .. }) in self.scores.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{criterion} {score}")?;
        }
        f.write_str(")")
    }
}

impl Critique {
    /// The mean score; `None` without scores.
    pub fn average(&self) -> Option<f64> {
        let sum: u32 = self.scores.iter().map(|score| u32::from(score.score)).sum();
        (!self.scores.is_empty()).then(|| f64::from(sum) / self.scores.len() as f64)
    }
}
