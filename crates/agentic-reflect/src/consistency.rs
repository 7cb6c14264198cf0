//! Ask several times, take what is said most.

use std::sync::Arc;

use agentic_core::{Agent, AgentError, Goal, Outcome, Partial, RunContext, async_trait, normalised_answer};
use serde_json::Value;

use crate::again::best;
use crate::spend::with_spend;

/// Has an agent answer several times and takes the answer that is given most: self-consistency (Wang et al. 2023).
///
/// The agent has to draw its words (a temperature above 0), else all answers are one. Answers are the same if they are so
/// [normalised](normalised_answer), or as JSON; of equally frequent ones the first is taken. It is for answers that can be the
/// same: a number, a name, a choice. Where answers were verified, those that met the goal are counted alone, and those that did
/// not only if there are no others.
#[derive(Clone, Debug)]
pub struct SelfConsistencyAgent {
    agent: Arc<dyn Agent>,
    samples: u32,
    max_parallel: usize,
}

impl SelfConsistencyAgent {
    /// This agent, asked five times, four at a time.
    pub fn new(agent: impl Agent) -> Self {
        Self { agent: Arc::new(agent), samples: 5, max_parallel: 4 }
    }

    /// It is asked so often, at least once. Default: 5.
    #[must_use]
    pub fn samples(mut self, samples: u32) -> Self {
        self.samples = samples.max(1);
        self
    }

    /// So many are asked at a time, at least one. Default: 4.
    #[must_use]
    pub fn max_parallel(mut self, samples: usize) -> Self {
        self.max_parallel = samples.max(1);
        self
    }
}

#[async_trait]
impl Agent for SelfConsistencyAgent {
    fn name(&self) -> &str {
        "self-consistency"
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let cx = &cx.counted("samples");
        with_spend(self.most_frequent(&goal, cx).await, cx)
    }
}

impl SelfConsistencyAgent {
    async fn most_frequent(&self, goal: &Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let sampled = cx
            .all("sample", self.max_parallel, 1..=self.samples, |cx, _| {
                let (agent, goal) = (self.agent.clone(), goal.clone());
                async move { cx.call(agent.name(), &*agent, goal).await }
            })
            .await;
        let (mut answers, mut failure, mut ended) = (Vec::<Outcome>::new(), None, None);
        for sample in sampled {
            match sample {
                Ok(outcome) => answers.push(outcome),
                Err(error) => {
                    if error.ends(cx) { &mut ended } else { &mut failure }.get_or_insert(error);
                }
            }
        }
        if let Some(error) = ended {
            let text = answers.first().map(Outcome::text).unwrap_or_default();
            return Err(error.with_partial(Partial { text, ..Partial::default() }));
        }
        let all = answers.len();
        best(&mut answers, |outcome| outcome.verdict);
        let left_out = all - answers.len();
        let outputs: Vec<&Value> = answers.iter().map(|outcome| &outcome.output).collect();
        match (majority(&outputs), failure) {
            (Some((place, votes)), _) => {
                let mut outcome = answers.swap_remove(place);
                outcome.evidence.push(format!("{votes} of {} tries gave this answer", self.samples));
                if left_out > 0 {
                    outcome
                        .evidence
                        .push(format!("{left_out} that stood worse against the criteria did not count"));
                }
                Ok(outcome)
            }
            (None, Some(error)) => Err(error),
            (None, None) => Err(AgentError::invalid_input("nothing was asked")),
        }
    }
}

/// The place of the first of the most frequent answers, and how often it is given.
pub(crate) fn majority(outputs: &[&Value]) -> Option<(usize, usize)> {
    let forms: Vec<String> = outputs.iter().map(|output| form(output)).collect();
    let votes = forms.iter().map(|form| forms.iter().filter(|other| *other == form).count());
    // The last of equal ones is given, so from the end.
    votes.enumerate().collect::<Vec<_>>().into_iter().rev().max_by_key(|(_, votes)| *votes)
}

fn form(output: &Value) -> String {
    match output {
        Value::String(text) => normalised_answer(text),
        Value::Number(number) => normalised_answer(&number.to_string()),
        other => other.to_string(),
    }
}
