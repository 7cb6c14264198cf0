//! What as many independent answers give.

use std::sync::Arc;

use agentic_core::{
    Agent, AgentError, ChatModel, Goal, GoalVerdict, Message, ModelRequest, Outcome, RunContext, Spend,
    async_trait,
};
use agentic_reflect::{
    Comparison, CriticAgent, EqualCompute, IterativeRefinementAgent, LlmReflector, SelfConsistencyAgent,
    SelfCorrectionAgent,
};
use agentic_runtime::RunContextExt as _;
use agentic_testkit::ScriptedModel;
use serde_json::{Value, json};

use crate::actors::{Gives, answer, checked, fails};

#[tokio::test]
async fn the_most_frequent_answer_wins_and_the_first_of_equal_ones() {
    let run = async |answers: &[&str]| {
        let agent = SelfConsistencyAgent::new(Gives::new(answers.iter().map(|text| answer(text))))
            .samples(answers.len() as u32)
            .max_parallel(1);
        agent.run("g".into(), &RunContext::ephemeral()).await.unwrap()
    };
    let outcome = run(&["Oslo", "Bergen", "the bergen.", "Oslo!", "Bergen"]).await;
    assert_eq!(outcome.output, "Bergen");
    assert_eq!(
        (outcome.evidence, outcome.spend.model_calls),
        (vec!["3 of 5 tries gave this answer".into()], 5)
    );
    assert_eq!(run(&["b", "c", "c", "b"]).await.output, "b");
    let failing =
        SelfConsistencyAgent::new(Gives::new([fails("no"), answer("a")])).samples(2).max_parallel(1);
    assert_eq!(failing.run("g".into(), &RunContext::ephemeral()).await.unwrap().output, "a");
    let none = SelfConsistencyAgent::new(Gives::new([fails("no")])).samples(1);
    assert!(none.run("g".into(), &RunContext::ephemeral()).await.is_err());
}

#[tokio::test]
async fn answers_that_met_the_goal_are_counted_alone() {
    let wrong = || checked("Rome", GoalVerdict::NotMet, "it is not Rome");
    let gives =
        Gives::new([wrong(), answer("Bergen"), wrong(), checked("Oslo", GoalVerdict::Met, "looked up")]);
    let agent = SelfConsistencyAgent::new(gives).samples(4).max_parallel(1);
    let outcome = agent.run("g".into(), &RunContext::ephemeral()).await.unwrap();
    assert_eq!((outcome.output.as_str(), outcome.verdict), (Some("Oslo"), GoalVerdict::Met));
    let told = [
        "looked up",
        "1 of 4 tries gave this answer",
        "3 that stood worse against the criteria did not count",
    ];
    assert_eq!(outcome.evidence, told);
}

/// Answers with one model call.
#[derive(Clone, Debug)]
struct Asks(ScriptedModel);

#[async_trait]
impl Agent for Asks {
    fn name(&self) -> &str {
        "asks"
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let model: Arc<dyn ChatModel> = Arc::new(self.0.clone());
        let messages = [Message::user(goal.prompt())].into_iter().collect();
        Ok(Outcome::new(cx.model(&model, ModelRequest::new(messages)).await?.text(), Spend::default()))
    }
}

fn score(score: u8) -> String {
    let scores = json!({"clarity": {"explanation": "because", "score": score}});
    json!({"scores": scores, "assessment": "well", "suggestions": []}).to_string()
}

#[tokio::test]
async fn a_loop_is_compared_with_as_many_calls_of_its_agent() {
    // Two versions and two critiques are four calls.
    let answers = ["5", "4", "4", "7", "4", "8"];
    let model = answers.iter().fold(ScriptedModel::new(), |model, text| model.says(*text));
    let critic = CriticAgent::new(ScriptedModel::new().says(score(2)).says(score(5))).criteria(["clarity"]);
    let refining = IterativeRefinementAgent::new(Asks(model.clone()), critic);
    let compared = EqualCompute::new(refining).compare("2+2".into(), &RunContext::ephemeral()).await.unwrap();
    assert_eq!((compared.calls, compared.samples.len(), model.left()), (4, 4, 0));
    assert_eq!(compared.own.as_ref().unwrap().output, "4");
    assert_eq!(compared.majority(), Some(&json!("4")));
    let mut comparison = Comparison::default();
    comparison.add(&compared, |output: &Value| output == "4");
    comparison.add(&compared, |output: &Value| output == "8");
    assert_eq!(
        comparison.to_string(),
        "the loop: 1 of 2, 0.50 (0.09 to 0.91); the majority of as many calls (8): 1 of 2, 0.50 (0.09 to 0.91); any of \
         them: 2 of 2, 1.00 (0.34 to 1.00)"
    );
}

/// Asks, and knows that 5 is wrong.
#[derive(Clone, Debug)]
struct Verified(Asks);

#[async_trait]
impl Agent for Verified {
    fn name(&self) -> &str {
        "verified"
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let mut outcome = self.0.run(goal, cx).await?;
        outcome.verdict = if outcome.output == "5" { GoalVerdict::NotMet } else { GoalVerdict::Met };
        Ok(outcome)
    }
}

#[tokio::test]
async fn a_majority_knows_as_much_as_the_loop() {
    let answers = ["5", "5", "4", "5", "5", "5", "4", "5"];
    let model = answers.iter().fold(ScriptedModel::new(), |model, text| model.says(*text));
    let reflections = ["look again", "look again"].map(|improvement| {
        json!({"assessment": "no", "made_progress": false, "should_retry": true, "improvement": improvement})
    });
    let thinks = reflections.iter().fold(ScriptedModel::new(), |model, said| model.says(said.to_string()));
    let careful = SelfCorrectionAgent::new(Verified(Asks(model)), LlmReflector::new(thinks));
    let compared = EqualCompute::new(careful).compare("2+2".into(), &RunContext::ephemeral()).await;
    let compared = compared.unwrap();
    assert_eq!((compared.calls, compared.own.as_ref().unwrap().text().as_str()), (5, "4"));
    assert_eq!(compared.majority(), Some(&json!("4")), "what is known to be wrong has no vote");
}
