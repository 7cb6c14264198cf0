//! Ask several times, take what is said most.

use std::sync::Arc;

use agentic_core::{
    Agent, AgentError, Goal, Outcome, Partial, RunContext, as_json, async_trait, equals, normalised_answer,
    value_text,
};
use serde_json::Value;

use crate::again::best;
use crate::spend::with_spend;

/// Has an agent answer several times and takes the answer that is given most: self-consistency (Wang et al. 2023).
///
/// The agent has to draw its words (a temperature above 0), else all answers are one. Answers are the same if they are so
/// [normalised](normalised_answer); lists and objects if they are as JSON with their texts so, also those that are written as text; of equally frequent ones the first is taken. It is for answers that can be the
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
    let forms: Vec<Form> = outputs.iter().map(|output| Form::of(output)).collect();
    let votes = forms.iter().map(|form| forms.iter().filter(|other| other.is_same(form)).count());
    // The last of equal ones is given, so from the end.
    votes.enumerate().collect::<Vec<_>>().into_iter().rev().max_by_key(|(_, votes)| *votes)
}

/// An answer, as answers are compared.
enum Form {
    /// A list or an object, also one that is written as text.
    Json(Value),
    Words(String),
}

impl Form {
    fn of(output: &Value) -> Self {
        let is_structure = |value: &Value| value.is_array() || value.is_object();
        let written = output.as_str().and_then(as_json).filter(is_structure);
        match written.or_else(|| Some(output).filter(|output| is_structure(output)).cloned()) {
            Some(value) => Self::Json(plain(value)),
            None => Self::Words(normalised_answer(&value_text(output))),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Json(one), Self::Json(other)) => equals(one, other),
            (Self::Words(one), Self::Words(other)) => one == other,
            _ => false,
        }
    }
}

/// The same value, its texts as they are compared.
fn plain(value: Value) -> Value {
    match value {
        Value::String(text) => normalised_answer(&text).into(),
        Value::Array(values) => values.into_iter().map(plain).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, plain(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_vote_together_if_they_are_the_same() {
        let votes = |outputs: &[Value]| majority(&outputs.iter().collect::<Vec<_>>());
        assert_eq!(votes(&[]), None);
        let (one, turned) = (json!({"a": 1, "b": 2.0}), json!({"b": 2, "a": 1}));
        assert_eq!(votes(&[json!("c"), one.clone(), turned.clone()]), Some((1, 2)), "in whatever order");
        assert_eq!(votes(&[json!("c"), one, json!(format!("```json\n{turned}\n```"))]), Some((1, 2)));
        assert_eq!(votes(&[json!("[1,2]"), json!("[12]")]), Some((0, 1)), "no list is read as words");
        let cities =
            ["Lyon", "Lyon", "Paris", "paris", "Paris."].map(|city| json!({"city": city}).to_string());
        assert_eq!(votes(&cities.map(Value::from)), Some((2, 3)), "texts in it as texts alone");
        let with = |answer: &str| json!(format!("Given\n```json\n{{\"x\": 1}}\n```\nit is {answer}."));
        assert_eq!(votes(&[with("5"), with("7")]), Some((0, 1)), "words around it count");
        assert_eq!(votes(&[json!("x"), json!(30), json!("30.0")]), Some((1, 2)));
        assert_eq!(votes(&[json!("b"), json!("a")]), Some((0, 1)), "of equally frequent ones the first");
    }
}
