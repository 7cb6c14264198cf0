//! Goals are verified.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    Agent as _, Approval, ChatModel as _, Criterion, Decision, EffectClass, EffectContext, Goal, GoalVerdict,
    ModelErrorKind, Outcome, OutputFormat, RunContext, Spend, StepId, Tool, ToolError, ToolSpec, async_trait,
};
use agentic_plan::{Verifier, VerifyingAgent};
use agentic_runtime::{Answer, ApproveAll, Approver, DenyAll, Ephemeral, RunContextExt as _};
use agentic_testkit::ScriptedModel;
use serde_json::{Value, json};

use crate::worker::Worker;

#[derive(Debug)]
pub(crate) struct Probe(Arc<ToolSpec>);

impl Probe {
    pub(crate) fn named(name: &str) -> Self {
        let parameters = json!({"type": "object", "properties": {"what": {"type": "string"}}});
        Self(Arc::new(ToolSpec::new(name, "probes", parameters)))
    }

    fn tool() -> Arc<dyn Tool> {
        Arc::new(Self::named("probe"))
    }

    fn asking() -> Arc<dyn Tool> {
        let mut spec = (*Self::named("probe").0).clone();
        spec.policy = spec.policy.ask_first();
        Arc::new(Self(Arc::new(spec)))
    }
}

#[async_trait]
impl Tool for Probe {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.0
    }

    fn effect(&self, arguments: &Value) -> EffectClass {
        if arguments["what"] == "changes 42" { EffectClass::Unsafe } else { EffectClass::Pure }
    }

    async fn call(&self, arguments: Value, _: EffectContext) -> Result<Value, ToolError> {
        match arguments["what"].as_str() {
            Some("good") => Ok(json!({"exit_code": 0, "out": "fine"})),
            Some("fails") => Ok(json!({"exit_code": 2})),
            Some("is it 42?") => Ok(json!("it is")),
            Some("hangs") => std::future::pending().await,
            _ => Err(ToolError::failed("broken")),
        }
    }
}

async fn verdict(criteria: Vec<Criterion>, verifier: &Verifier) -> (GoalVerdict, String) {
    let mut goal = Goal::new("g");
    goal.criteria = criteria;
    let outcome = Outcome::new("42", Spend::default());
    let verified = verifier.verify(&goal, outcome, &RunContext::ephemeral()).await.unwrap();
    (verified.verdict, verified.evidence.join("\n"))
}

fn probes(what: &str, gives: Value) -> Criterion {
    Criterion::Tool { tool: "probe".into(), arguments: json!({ "what": what }), gives }
}

#[tokio::test(start_paused = true)]
async fn tools_find_out_what_holds() {
    let verifier = Verifier::new().tools([Probe::tool()]).timeout(Duration::from_secs(5));
    let ok = json!({"exit_code": 0});
    for (criterion, expected, evidence) in [
        (probes("good", ok.clone()), GoalVerdict::Met, "criterion 1 holds: `probe` gives"),
        (probes("good", Value::Null), GoalVerdict::Met, "holds"),
        (probes("good", json!({"exit_code": 1})), GoalVerdict::NotMet, "\"fine\"}, not what is wanted"),
        (probes("fails", Value::Null), GoalVerdict::NotMet, "not what is wanted"),
        (probes("bad", ok.clone()), GoalVerdict::NotMet, "`probe` failed"),
        (probes("hangs", ok.clone()), GoalVerdict::Unverified, "no answer in 5s"),
    ] {
        let (found, why) = verdict(vec![criterion], &verifier).await;
        assert_eq!(found, expected, "{why}");
        assert!(why.contains(evidence), "{why}");
    }
    let (found, why) = verdict(vec![probes("is it {{output}}?", json!("it is"))], &verifier).await;
    assert_eq!(found, GoalVerdict::Met, "{why}");
    let (found, why) = verdict(vec![probes("changes {{output}}", Value::Null)], &verifier).await;
    assert_eq!((found, why.contains("it may change something")), (GoalVerdict::Unverified, true), "{why}");
    let numbers = Criterion::Tool { tool: "probe".into(), arguments: json!({"what": 5}), gives: Value::Null };
    let (found, why) = verdict(vec![numbers], &verifier).await;
    let told = "these are no arguments of `probe`: at /what";
    assert_eq!((found, why.contains(told)), (GoalVerdict::Unverified, true), "{why}");
    let (found, why) = verdict(vec![probes("good", ok)], &Verifier::new()).await;
    assert_eq!((found, why.contains("has no tool `probe`")), (GoalVerdict::Unverified, true), "{why}");
}

#[tokio::test]
async fn what_wants_approval_is_asked_for() {
    let agent = || VerifyingAgent::new(Worker::default(), Verifier::new().tools([Probe::asking()]));
    let goal = || Goal::new("look").with_criterion(probes("good", Value::Null));
    let run = Ephemeral::new().approver(ApproveAll);
    assert_eq!(run.run(&agent(), goal()).await.result.unwrap().verdict, GoalVerdict::Met);
    let outcome = Ephemeral::new().approver(DenyAll).run(&agent(), goal()).await.result.unwrap();
    assert_eq!(outcome.verdict, GoalVerdict::Unverified);
    assert!(outcome.evidence[0].contains("`probe` is not allowed: "), "{:?}", outcome.evidence);
    // Nobody is asked about what can't be called anyway.
    let wrong = Criterion::Tool { tool: "probe".into(), arguments: json!({"what": 5}), gives: Value::Null };
    let outcome =
        Ephemeral::new().approver(DenyAll).run(&agent(), Goal::new("look").with_criterion(wrong)).await;
    let evidence = outcome.result.unwrap().evidence;
    assert!(evidence[0].contains("these are no arguments of `probe`"), "{evidence:?}");
}

/// Takes longer to answer than a criterion may take.
#[derive(Debug)]
struct Slow(Decision);

#[async_trait]
impl Approver for Slow {
    async fn decide(&self, _: &StepId, _: &Approval) -> Answer {
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        self.0.clone().into()
    }
}

#[tokio::test(start_paused = true)]
async fn there_is_time_to_answer_and_other_arguments_are_told() {
    let agent = VerifyingAgent::new(Worker::default(), Verifier::new().tools([Probe::asking()]));
    let goal = || Goal::new("look").with_criterion(probes("fails", Value::Null));
    let outcome =
        Ephemeral::new().approver(Slow(Decision::Approve)).run(&agent, goal()).await.result.unwrap();
    assert!(
        outcome.evidence[0].starts_with("criterion 1 does not hold: `probe` gives"),
        "{:?}",
        outcome.evidence
    );
    let edited = Slow(Decision::Edit { arguments: json!({"what": "good"}) });
    let outcome = Ephemeral::new().approver(edited).run(&agent, goal()).await.result.unwrap();
    let told = "criterion 1 holds: `probe`, with other arguments {\"what\":\"good\"}, gives";
    assert!(outcome.evidence[0].starts_with(told), "{:?}", outcome.evidence);
}

#[tokio::test]
async fn one_that_fails_counts_more_than_one_that_is_unknown() {
    let near = |value: f64| Criterion::Near { value, tolerance: 0.0 };
    let unknown = || Criterion::Judged { rubric: "it is kind".into() };
    let verifier = Verifier::new();
    for (criteria, expected) in [
        (vec![near(42.0)], GoalVerdict::Met),
        (vec![near(42.0), unknown()], GoalVerdict::Unverified),
        (vec![unknown(), near(41.0)], GoalVerdict::NotMet),
        (vec![near(41.0), unknown()], GoalVerdict::NotMet),
        (vec![], GoalVerdict::Unverified),
    ] {
        let (found, why) = verdict(criteria.clone(), &verifier).await;
        assert_eq!((found, why.lines().count()), (expected, criteria.len()), "{why}");
    }
}

#[tokio::test]
async fn a_model_judges_what_is_told_in_words() {
    let judged = || vec![Criterion::Judged { rubric: "it is a number".into() }];
    let says = |text: &str| Verifier::new().judge(ScriptedModel::new().says(text).says("?").says("?"));
    for (said, expected) in [
        (r#"{"reason": "42 is one", "holds": true}"#, GoalVerdict::Met),
        (r#"{"reason": "it is text", "holds": false}"#, GoalVerdict::NotMet),
        ("hm", GoalVerdict::Unverified),
    ] {
        assert_eq!(verdict(judged(), &says(said)).await.0, expected, "{said}");
    }
    let endless = format!(r#"{{"reason": "{}", "holds": false}}"#, "on and ".repeat(200));
    let model = ScriptedModel::new().with_info(|info| info.capabilities.json_schema = true);
    let model = model.says(endless).says(r#"{"reason": "a number", "holds": true}"#);
    let (found, why) = verdict(judged(), &Verifier::new().judge(model.clone())).await;
    assert_eq!((found, why.contains("a number")), (GoalVerdict::Met, true), "asked again: {why}");
    for request in model.requests() {
        let OutputFormat::JsonSchema { schema, .. } = request.output else { panic!("no schema") };
        assert_eq!(schema.get("description"), None, "why the form is as it is is no matter for the model");
    }
    let model = ScriptedModel::new().fails(ModelErrorKind::InvalidRequest, "no");
    assert_eq!(model.info().id.to_string(), "scripted:test");
    let (found, why) = verdict(judged(), &Verifier::new().judge(model)).await;
    assert_eq!(found, GoalVerdict::Unverified, "{why}");
}

#[tokio::test(start_paused = true)]
async fn any_agent_can_be_verified() {
    let agent = VerifyingAgent::new(Worker::default(), Verifier::new());
    let goal = Goal::new("look").with_criterion(Criterion::Matches { pattern: "\"did\":\"look\"".into() });
    let outcome = agent.run(goal, &RunContext::ephemeral()).await.unwrap();
    assert_eq!((agent.name(), outcome.verdict), ("worker", GoalVerdict::Met));
}
