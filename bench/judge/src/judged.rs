//! What a judge's word is worth, and what it costs.

use std::fmt;
use std::time::{Duration, Instant};

use agentic_core::{
    Agent, AgentError, ChatModel, Criterion, Goal, GoalVerdict, Outcome, RunContext, Spend, async_trait,
};
use agentic_plan::{Verifier, VerifyingAgent};
use agentic_reflect::Share;
use agentic_runtime::Ephemeral;

use crate::Failed;
use crate::cases::Case;

/// So long a judgement may take: a busy machine is no reason to know less.
const LONGEST: Duration = Duration::from_secs(900);

/// The judgements so far.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Of those that are said to hold, those that do.
    pub(crate) precision: Share,
    /// Of those that hold, those that are said to.
    pub(crate) recall: Share,
    /// Of those that do not hold, those that are said not to.
    pub(crate) found_out: Share,
    /// Those of which nothing was said.
    pub(crate) unknown: Share,
    spend: Spend,
    time: Duration,
}

/// Gives what it was given.
#[derive(Debug)]
struct Given(String);

#[async_trait]
impl Agent for Given {
    fn name(&self) -> &str {
        "given"
    }

    async fn run(&self, _: Goal, _: &RunContext) -> Result<Outcome, AgentError> {
        Ok(Outcome::new(&*self.0, Spend::default()))
    }
}

impl Judged {
    /// Has one more judged, and says in a line what came of it.
    ///
    /// # Errors
    /// If the run does not come to its end; a judge that fails leaves the criterion unknown.
    pub(crate) async fn add(&mut self, case: &Case, model: impl ChatModel) -> Result<String, Failed> {
        let goal = Goal::new(&*case.goal).with_criterion(Criterion::Judged { rubric: case.rubric.clone() });
        let verifier = Verifier::new().judge(model).timeout(LONGEST);
        let agent = VerifyingAgent::new(Given(case.result.clone()), verifier);
        #[expect(clippy::disallowed_methods, reason = "a measuring program reads the clock")]
        let began = Instant::now();
        let report = Ephemeral::new().run(&agent, goal).await;
        self.time += began.elapsed();
        self.spend += report.spend;
        let outcome = report.result?;
        let said = outcome.verdict;
        if said == GoalVerdict::Met {
            self.precision.add(case.holds);
        }
        if case.holds {
            self.recall.add(said == GoalVerdict::Met);
        } else {
            self.found_out.add(said == GoalVerdict::NotMet);
        }
        self.unknown.add(said == GoalVerdict::Unverified);
        let is_right = said == if case.holds { GoalVerdict::Met } else { GoalVerdict::NotMet };
        let word = if is_right { "right" } else { "WRONG" };
        Ok(format!("{word}: {}: {}", case.kind, outcome.evidence.join("; ").replace('\n', " ")))
    }

    fn each(&self, of: f64) -> f64 {
        of / f64::from(self.unknown.of.max(1))
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { precision, recall, found_out, unknown, spend, time } = self;
        let usage = spend.usage;
        write!(
            f,
            "precision {precision}; recall {recall}; of the others {found_out} are found out; unknown {}; a judgement takes {:.0} \
             tokens read ({:.0} of them cached), {:.0} written, {:.1} s",
            unknown.hits,
            self.each(usage.input_tokens as f64),
            self.each(usage.cached_input_tokens as f64),
            self.each(usage.output_tokens as f64),
            self.each(time.as_secs_f64()),
        )
    }
}

#[cfg(test)]
mod tests {
    use agentic_testkit::ScriptedModel;

    use super::*;
    use crate::cases::{COUNT, cases};

    async fn judged(says: impl Fn(usize, bool) -> String) -> Judged {
        let mut judged = Judged::default();
        for (n, case) in cases(1).iter().enumerate() {
            let model = ScriptedModel::new().says(says(n, case.holds));
            judged.add(case, model).await.unwrap();
        }
        judged
    }

    fn holds(holds: bool) -> String {
        format!("{{\"reason\": \"so it is\", \"holds\": {holds}}}")
    }

    #[tokio::test]
    async fn judges_that_are_always_and_never_right_are_measured_so() {
        let half = COUNT as u32 / 2;
        let all = Share { hits: half, of: half };
        let right = judged(|_, truth| holds(truth)).await;
        assert_eq!((right.precision, right.recall, right.found_out), (all, all, all));
        assert_eq!((right.unknown, right.spend.model_calls), (Share { hits: 0, of: 2 * half }, 50));
        assert!(
            right.to_string().starts_with("precision 25 of 25, 1.00 (0.87 to 1.00); recall 25 of 25"),
            "{right}"
        );
        let none = Share { hits: 0, of: half };
        let wrong = judged(|_, truth| holds(!truth)).await;
        assert_eq!((wrong.precision, wrong.recall, wrong.found_out), (none, none, none));
    }

    #[tokio::test]
    async fn judges_that_agree_with_all_and_that_say_nothing_are_no_good() {
        let yes = judged(|_, _| holds(true)).await;
        assert_eq!((yes.precision, yes.recall), (Share { hits: 25, of: 50 }, Share { hits: 25, of: 25 }));
        assert_eq!(yes.found_out, Share { hits: 0, of: 25 });
        let none = judged(|_, _| "hm".to_owned()).await;
        assert_eq!((none.unknown.hits, none.precision.of, none.recall.hits), (50, 0, 0));
        // Right in those that hold, silent of the others.
        let half = judged(|_, truth| if truth { holds(true) } else { "hm".to_owned() }).await;
        assert_eq!(
            (half.precision.of, half.recall.hits, half.found_out.hits, half.unknown.hits),
            (25, 25, 0, 25)
        );
    }
}
