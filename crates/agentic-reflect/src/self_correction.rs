//! Act, reflect, do it better.

use std::sync::Arc;

use agentic_core::{
    Agent, AgentError, EventKind, Goal, GoalVerdict, Outcome, Partial, Reflection, Reflector, RunContext,
    async_trait,
};

use crate::again::{again, with_lessons};
use crate::equal_compute::Wraps;
use crate::lessons::{Lessons, is_of};
use crate::spend::with_spend;

/// Has an agent try, a reflector look at what came of it, and the agent try again with what was learned, a few times.
///
/// Whether a try is good is told from outside where that can be: an outcome that was verified and [met](GoalVerdict::Met) its
/// goal is good, one that has not met it and an error are not. What nobody verified is good if the reflector wants no other
/// try; where the reflector itself fails it is taken as it is, and the evidence says so. A last try that is no good is a failure, [`AgentError::Tries`]: never the best of what did not do. It is
/// reflected on only where somebody reads that: for [`lessons`](Self::lessons), or to know whether it is good.
///
/// Each try reads the answer of the one before, what is wrong with it, and what was learned from all of them: the method of
/// Reflexion (Shinn et al. 2023), within one goal and, with [`lessons`](Self::lessons), from one goal to the next. An answer that
/// was given before is not shown again: small models copy what they read.
#[derive(Clone, Debug)]
pub struct SelfCorrectionAgent {
    agent: Arc<dyn Agent>,
    reflector: Arc<dyn Reflector>,
    lessons: Option<Lessons>,
    tries: u32,
}

/// One try.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Try {
    /// What came of it.
    pub result: Result<Outcome, AgentError>,
    /// What was thought of it: nothing of one that met its goal, of a last one that is known to be no good and from which nothing
    /// is learned for other goals, and of one on which nobody could reflect.
    pub reflection: Option<Reflection>,
}

/// What came of all tries.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Corrected {
    /// The outcome of the last try, or why none was good.
    pub result: Result<Outcome, AgentError>,
    /// All tries, in order.
    pub tries: Vec<Try>,
}

impl SelfCorrectionAgent {
    /// This agent, corrected by what this one says.
    pub fn new(agent: impl Agent, reflector: impl Reflector) -> Self {
        Self { agent: Arc::new(agent), reflector: Arc::new(reflector), lessons: None, tries: 3 }
    }

    /// It tries at most so often, at least once. Default: 3.
    #[must_use]
    pub fn tries(mut self, tries: u32) -> Self {
        self.tries = tries.max(1);
        self
    }

    /// What is learned is remembered here, and read before the first try at a goal like it.
    #[must_use]
    pub fn lessons(mut self, lessons: Lessons) -> Self {
        self.lessons = Some(lessons);
        self
    }

    /// Works on the goal and gives all tries, also where none was good.
    ///
    /// # Cancel safety
    /// Dropping the future drops the try that is under way.
    pub async fn correct(&self, goal: Goal, cx: &RunContext) -> Corrected {
        let cx = &cx.counted("correction");
        let mut tries = Vec::new();
        let result = self.work(&goal, &mut tries, cx).await;
        Corrected { result: with_spend(result, cx), tries }
    }

    async fn work(&self, goal: &Goal, tries: &mut Vec<Try>, cx: &RunContext) -> Result<Outcome, AgentError> {
        let mut learned = match &self.lessons {
            Some(lessons) => lessons.on(goal, &cx.scope("lessons")).await?,
            None => Vec::new(),
        };
        let mut next = goal.clone();
        loop {
            let asked = with_lessons(next, &learned);
            let result = cx.scope("try").call(self.agent.name(), &*self.agent, asked).await;
            match &result {
                Ok(outcome) if outcome.verdict == GoalVerdict::Met => return self.good(result, None, tries),
                Err(error) if error.ends(cx) => return Err(so_far(error.clone(), tries)),
                _ => {}
            }
            let number = tries.len() as u32 + 1;
            let is_open = matches!(&result, Ok(outcome) if outcome.verdict == GoalVerdict::Unverified);
            if !is_open && number >= self.tries && self.lessons.is_none() {
                tries.push(Try { result, reflection: None });
                return Err(exhausted(tries));
            }
            let (reflection, blind) = match self.reflect(goal, &result, number, cx).await {
                Ok(reflection) => (Some(reflection), None),
                Err(error) if error.ends(cx) => {
                    tries.push(Try { result, reflection: None });
                    return Err(so_far(error, tries));
                }
                Err(error) => (None, Some(format!("nobody reflected on try {number}: {error}"))),
            };
            let wants_more = reflection.as_ref().is_some_and(|reflection| reflection.should_retry);
            if is_open && !wants_more {
                let result = result.map(|mut outcome| {
                    outcome.evidence.extend(blind);
                    outcome
                });
                return self.good(result, reflection, tries);
            }
            let lesson = reflection.as_ref().and_then(|reflection| reflection.improvement.clone());
            let lesson = lesson.filter(|lesson| !learned.iter().any(|known| is_of(known, lesson)));
            let learning = match (&self.lessons, &lesson) {
                (Some(lessons), Some(lesson)) => lessons.learn(goal, lesson, &cx.scope("learn")).await,
                _ => Ok(()),
            };
            let gives_up = reflection.as_ref().is_some_and(|reflection| !reflection.should_retry);
            let failed = Try { result, reflection };
            // Who gave the same answer again copies it as long as it is read.
            let shown = failed.answer().filter(|answer| !tries.iter().any(|tried| tried.gave(answer)));
            next = again(goal, shown.as_deref(), &failed.problem());
            tries.push(failed);
            learning.map_err(|error| so_far(error, tries))?;
            if gives_up || number >= self.tries {
                return Err(exhausted(tries));
            }
            learned.extend(lesson);
        }
    }

    async fn reflect(
        &self,
        goal: &Goal,
        result: &Result<Outcome, AgentError>,
        attempt: u32,
        cx: &RunContext,
    ) -> Result<Reflection, AgentError> {
        let (action, result) = match result {
            Ok(outcome) => (outcome.text(), evidence(outcome)),
            Err(error) => {
                let partial = error.partial().map(|partial| partial.text.clone()).unwrap_or_default();
                (partial, format!("it failed: {error}"))
            }
        };
        let reflected = self.reflector.reflect(goal, &action, &result, &cx.scope("reflect")).await;
        cx.emit(|| match &reflected {
            Ok(reflection) => EventKind::Reflected { attempt, reflection: Box::new(reflection.clone()) },
            Err(error) => EventKind::Note { text: format!("nobody reflects on try {attempt}: {error}") },
        });
        reflected
    }

    /// This try is good.
    fn good(
        &self,
        result: Result<Outcome, AgentError>,
        reflection: Option<Reflection>,
        tries: &mut Vec<Try>,
    ) -> Result<Outcome, AgentError> {
        // A piece of evidence is a line.
        let line = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("; ");
        let told = tries
            .iter()
            .zip(1..)
            .map(|(failed, n)| format!("try {n} was not good: {}", line(&failed.problem())));
        let told: Vec<String> = told.collect();
        tries.push(Try { result: result.clone(), reflection });
        let mut outcome = result?;
        outcome.evidence.extend(told);
        Ok(outcome)
    }
}

impl Try {
    /// What it answered, if anything.
    fn answer(&self) -> Option<String> {
        match &self.result {
            Ok(outcome) => Some(outcome.text()),
            Err(error) => error.partial().map(|partial| partial.text.clone()),
        }
    }

    fn gave(&self, answer: &str) -> bool {
        self.answer().is_some_and(|given| given.trim() == answer.trim())
    }

    /// What is wrong with it, in words.
    fn problem(&self) -> String {
        let found = match &self.result {
            Ok(outcome) if outcome.verdict == GoalVerdict::NotMet => Some(evidence(outcome)),
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        };
        let thought = self.reflection.as_ref().map(|reflection| {
            reflection.improvement.clone().unwrap_or_else(|| reflection.assessment.clone())
        });
        match (found, thought) {
            // What is thought says it already.
            (Some(found), Some(thought)) if thought.contains(&found) => thought,
            (Some(found), Some(thought)) => format!("{found}\n{thought}"),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => "nobody knows why".to_owned(),
        }
    }
}

/// What an outcome's verdict rests on.
fn evidence(outcome: &Outcome) -> String {
    match (outcome.verdict, outcome.evidence.is_empty()) {
        (_, false) => outcome.evidence.join("\n"),
        (GoalVerdict::NotMet, true) => "the goal is not met".to_owned(),
        (_, true) => "nobody has checked it".to_owned(),
    }
}

/// What ended the run, with what there is of the tries.
fn so_far(error: AgentError, tries: &[Try]) -> AgentError {
    let own = error.partial().map(|partial| partial.text.clone()).filter(|text| !text.is_empty());
    let text = own.or_else(|| tries.iter().rev().find_map(Try::answer)).unwrap_or_default();
    error.with_partial(Partial { text, ..Partial::default() })
}

/// No try was good.
fn exhausted(tries: &[Try]) -> AgentError {
    let error = match tries.last() {
        Some(Try { result: Err(error), .. }) => error.clone(),
        Some(Try { result: Ok(outcome), reflection }) => {
            let mut outcome = outcome.clone();
            if outcome.verdict == GoalVerdict::Unverified {
                outcome.evidence.extend(reflection.iter().map(|reflection| reflection.assessment.clone()));
            }
            AgentError::not_met(&outcome)
        }
        None => AgentError::invalid_input("nothing was tried"),
    };
    let text = error.partial().map(|partial| partial.text.clone()).unwrap_or_default();
    AgentError::Tries {
        tries: tries.len() as u32,
        error: Box::new(error),
        partial: Box::new(Partial { text, ..Partial::default() }),
    }
}

#[async_trait]
impl Agent for SelfCorrectionAgent {
    fn name(&self) -> &str {
        "self-correction"
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        self.correct(goal, cx).await.result
    }
}

impl Wraps for SelfCorrectionAgent {
    fn inner(&self) -> &Arc<dyn Agent> {
        &self.agent
    }
}
