//! Loops survive crashes.

use std::sync::Arc;

use agentic_core::{
    Agent, AgentError, ChatModel, Goal, GoalVerdict, Message, ModelRequest, Outcome, RunContext, Spend,
    async_trait,
};
use agentic_reflect::{
    CriticAgent, IterativeRefinementAgent, LlmReflector, SelfConsistencyAgent, SelfCorrectionAgent,
};
use agentic_testkit::durability::{Check, Subject, World};
use agentic_testkit::{RuleModel, Says};
use serde_json::json;

/// Asks a model; what it calls bad does not meet its goal.
#[derive(Clone, Debug)]
struct Asks(RuleModel);

#[async_trait]
impl Agent for Asks {
    fn name(&self) -> &str {
        "asks"
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let model: Arc<dyn ChatModel> = Arc::new(self.0.clone());
        let messages = [Message::user(goal.prompt())].into_iter().collect();
        let said = cx.model(&model, ModelRequest::new(messages)).await?.text();
        let mut outcome = Outcome::new(said.clone(), Spend::default());
        if let Some(why) = said.strip_prefix("bad: ") {
            (outcome.verdict, outcome.evidence) = (GoalVerdict::NotMet, vec![why.to_owned()]);
        }
        Ok(outcome)
    }
}

/// Becomes one better with each time that it reads of an answer before.
fn writer() -> Asks {
    Asks(RuleModel::new(|request| {
        let asked = request.messages.last().map(Message::text).unwrap_or_default();
        Says::text(match (asked.contains("version 2"), asked.contains("version 1")) {
            (true, _) => "version 3".to_owned(),
            (false, true) => "bad: version 2".to_owned(),
            (false, false) => "bad: version 1".to_owned(),
        })
    }))
}

#[test]
fn self_correction_comes_to_the_same_wherever_it_crashes() {
    let subject = || {
        let reflector = RuleModel::new(|_| {
            let reflection = json!({
                "assessment": "weak", "made_progress": true, "should_retry": true, "improvement": "do more"
            });
            Says::text(reflection.to_string())
        });
        let tried = SelfConsistencyAgent::new(writer()).samples(3);
        let agent = SelfCorrectionAgent::new(tried, LlmReflector::new(reflector)).tries(2);
        let agent = SelfCorrectionAgent::new(
            agent,
            LlmReflector::new(RuleModel::new(|_| Says::text("prose"))).attempts(1),
        );
        Subject::new(agent, "write", World::new())
    };
    let proof = Check::new(subject).run();
    assert!(proof.crashes > 100, "{proof:?}");
}

#[test]
fn refinement_comes_to_the_same_wherever_it_crashes() {
    let subject = || {
        let critic = RuleModel::new(|request| {
            let asked = request.messages.last().map(Message::text).unwrap_or_default();
            let score = if asked.contains("version 3") { 5 } else { 2 };
            let score = json!({"explanation": "because", "score": score});
            let scores =
                json!({"correctness": score, "completeness": score, "clarity": score, "efficiency": score});
            Says::text(json!({"scores": scores, "assessment": "so so", "suggestions": []}).to_string())
        });
        let agent = IterativeRefinementAgent::new(writer(), CriticAgent::new(critic)).patience(2);
        Subject::new(agent, "write", World::new())
    };
    let proof = Check::new(subject).run();
    assert!(proof.crashes > 50, "{proof:?}");
}
