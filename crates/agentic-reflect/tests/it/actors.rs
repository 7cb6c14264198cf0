//! Agents, reflectors and critics that do what they are told.

use std::sync::{Arc, Mutex};

use agentic_core::{
    Agent, AgentError, ChatModel, Critic, Critique, Goal, GoalVerdict, Message, ModelRequest, Outcome,
    Partial, Reflection, Reflector, RunContext, Score, Spend, async_trait,
};
use agentic_testkit::ScriptedModel;

type Results = Vec<Result<Outcome, AgentError>>;

/// Gives these results one after the other, and notes what it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Gives {
    results: Arc<Mutex<Results>>,
    asked: Arc<Mutex<Vec<Goal>>>,
}

impl Gives {
    pub(crate) fn new(results: impl IntoIterator<Item = Result<Outcome, AgentError>>) -> Self {
        let mut results: Results = results.into_iter().collect();
        results.reverse();
        Self { results: Arc::new(Mutex::new(results)), asked: Arc::default() }
    }

    pub(crate) fn asked(&self) -> Vec<Goal> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn left(&self) -> usize {
        self.results.lock().unwrap().len()
    }
}

#[async_trait]
impl Agent for Gives {
    fn name(&self) -> &str {
        "gives"
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        self.asked.lock().unwrap().push(goal);
        let result = self.results.lock().unwrap().pop().expect("asked more often than told");
        if !matches!(result, Err(AgentError::Cancelled { .. })) {
            call(cx).await;
        }
        result
    }
}

/// Asks a model, as a real one would.
async fn call(cx: &RunContext) {
    let model: Arc<dyn ChatModel> = Arc::new(ScriptedModel::new().says("so"));
    cx.model(&model, ModelRequest::new([Message::user("how?")].into_iter().collect())).await.unwrap();
}

/// An answer that nobody checked.
pub(crate) fn answer(text: &str) -> Result<Outcome, AgentError> {
    Ok(Outcome::new(text, Spend::default()))
}

/// An answer that was checked.
pub(crate) fn checked(text: &str, verdict: GoalVerdict, evidence: &str) -> Result<Outcome, AgentError> {
    let mut outcome = Outcome::new(text, Spend::default());
    (outcome.verdict, outcome.evidence) = (verdict, vec![evidence.to_owned()]);
    Ok(outcome)
}

pub(crate) fn fails(message: &str) -> Result<Outcome, AgentError> {
    let partial = Box::new(Partial { text: "half of it".into(), ..Partial::default() });
    Err(AgentError::InvalidOutput { message: message.into(), partial })
}

/// Whether to try again, and what to do better; nothing where there are no words for it.
type Said = Option<(bool, String)>;

/// Says these one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Says(Arc<Mutex<Vec<Said>>>);

impl Says {
    pub(crate) fn new(said: &[(bool, &str)]) -> Self {
        let said = said.iter().rev().map(|(retry, improvement)| Some((*retry, (*improvement).to_owned())));
        Self(Arc::new(Mutex::new(said.collect())))
    }

    pub(crate) fn nothing(times: usize) -> Self {
        Self(Arc::new(Mutex::new(vec![None; times])))
    }
}

#[async_trait]
impl Reflector for Says {
    async fn reflect(
        &self,
        _: &Goal,
        action: &str,
        result: &str,
        cx: &RunContext,
    ) -> Result<Reflection, AgentError> {
        call(cx).await;
        let said = self.0.lock().unwrap().pop().expect("asked more often than told");
        let (should_retry, improvement) = said.ok_or_else(|| AgentError::invalid_input("no words"))?;
        Ok(Reflection {
            action: action.into(),
            result: result.into(),
            assessment: "so so".into(),
            made_progress: false,
            should_retry,
            improvement: Some(improvement).filter(|improvement| !improvement.is_empty()),
        })
    }
}

/// Gives these mean scores one after the other; nothing where it is to fail.
#[derive(Clone, Debug)]
pub(crate) struct Judges(Arc<Mutex<Vec<Option<u8>>>>);

impl Judges {
    pub(crate) fn new(scores: impl IntoIterator<Item = Option<u8>>) -> Self {
        let mut scores: Vec<_> = scores.into_iter().collect();
        scores.reverse();
        Self(Arc::new(Mutex::new(scores)))
    }
}

#[async_trait]
impl Critic for Judges {
    async fn critique(&self, _: &Goal, result: &str, cx: &RunContext) -> Result<Critique, AgentError> {
        call(cx).await;
        let score = self.0.lock().unwrap().pop().expect("asked more often than told");
        let Some(score) = score else { return Err(AgentError::invalid_input("no judgement")) };
        Ok(Critique {
            scores: vec![Score {
                criterion: "clarity".into(),
                score,
                explanation: format!("{result} is unclear"),
            }],
            assessment: format!("{score} it is"),
            suggestions: vec!["be short".into()],
        })
    }
}
