//! Each gate: what passes, what is replaced, what is blocked.

use agentic_core::{Agent, async_trait};
use agentic_core::{
    AgentError, Approval, Decision, EffectClass, EventKind, Gate, Goal, GoalVerdict, Guarded, Outcome,
    Partial, Reason, RunContext, RunStatus, Spend, Stand, StepError, ToolErrorKind,
};
use agentic_runtime::{ApproveAll, Ephemeral, RunContextExt as _};
use agentic_testkit::durability::World;
use agentic_testkit::{RuleModel, Says};
use serde_json::json;

use super::{ALL, Rail, SECRET, Works, blocks, hides, passes, told};
use crate::support::{agent, run};

/// A model that says what it is told.
fn parrot() -> RuleModel {
    RuleModel::new(|request| Says::text(request.messages.last().unwrap().text()))
}

const HOW: [Stand; 3] = [Stand::Screens, Stand::Judges, Stand::Both];

#[tokio::test(start_paused = true)]
async fn what_passes_is_as_it_was() {
    for stand in HOW {
        let (run, log) = run();
        let world = World::new();
        let agent = Guarded::new(Works::echoes(parrot(), &world)).guardrail(Rail::new(stand, &ALL, passes));
        assert_eq!(agent.name(), "works");
        assert_eq!(run.run(&agent, "hello").await.result.unwrap().text(), "hello");
        assert_eq!(world.deeds()[0].arguments, json!({"say": "hello"}));
        log.assert_gap_free();
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_replaced_at_one_gate_goes_on_replaced() {
    let goal = format!("say {SECRET}");
    for stand in HOW {
        for gate in ALL {
            let (run, _) = run();
            let world = World::new();
            let model = parrot();
            let agent =
                Guarded::new(Works::echoes(model, &world)).guardrail(Rail::new(stand, &[gate], hides));
            let report = run.run(&agent, goal.as_str()).await;
            assert_eq!(report.result.unwrap().text(), "say ***", "{stand:?} at {gate:?}");
            let called = if gate == Gate::ToolResult { goal.as_str() } else { "say ***" };
            assert_eq!(world.deeds()[0].arguments, json!({"say": called}), "{stand:?} at {gate:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_blocked_goes_nowhere() {
    for stand in HOW {
        for (gate, calls, ends) in [
            (Gate::Input, 0, Err("guardrail `rail` blocked the input: a password")),
            (Gate::Output, 0, Err("guardrail `rail` blocked the output: a password")),
            (Gate::ToolCall, 0, Ok("refused: not called: guardrail `rail` blocked it: a password")),
            (
                Gate::ToolResult,
                1,
                Ok("refused: the call was made, but guardrail `rail` blocked what came of it: a password"),
            ),
        ] {
            let (run, log) = run();
            let (world, model) = (World::new(), parrot());
            let agent = Guarded::new(Works::echoes(model.clone(), &world)).guardrail(Rail::new(
                stand,
                &[gate],
                blocks,
            ));
            let report = run.run(&agent, format!("say {SECRET}")).await;
            let what = format!("{stand:?} at {gate:?}");
            assert_eq!(world.attempts(), calls, "{what}");
            assert_eq!(model.calls(), u64::from(gate != Gate::Input), "{what}");
            match report.result {
                Ok(outcome) => assert_eq!(Ok(outcome.text().as_str()), ends, "{what}"),
                Err(error) => {
                    assert_eq!(Err(error.to_string().as_str()), ends, "{what}");
                    let error = error.agent().unwrap();
                    assert_eq!((error.reason(), error.status()), (Reason::Guardrail, RunStatus::Failed));
                    assert_eq!(error.partial().unwrap().text, "", "nothing of what is blocked");
                    assert_eq!((report.status, report.reason), (RunStatus::Failed, Some(Reason::Guardrail)));
                }
            }
            log.assert_gap_free();
        }
    }
}

/// Gives an outcome of its own, or fails with partial work.
#[derive(Debug)]
struct Gives(Result<Outcome, AgentError>);

#[async_trait]
impl Agent for Gives {
    fn name(&self) -> &str {
        "gives"
    }

    async fn run(&self, _: Goal, _: &RunContext) -> Result<Outcome, AgentError> {
        self.0.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn an_outcome_passes_whoever_made_it() {
    let mut outcome = Outcome::new(json!({"password": SECRET}), Spend::default());
    (outcome.verdict, outcome.evidence) = (GoalVerdict::Met, vec![format!("it is {SECRET}")]);
    for stand in [Stand::Screens, Stand::Judges] {
        let gives = || Guarded::new(Gives(Ok(outcome.clone())));
        let hidden = gives().guardrail(Rail::new(stand, &[Gate::Output], hides));
        let hidden = run().0.run(&hidden, "go").await.result.unwrap();
        assert_eq!(hidden.output, json!({"password": "***"}));
        assert_eq!(
            (hidden.verdict, hidden.evidence.len()),
            (GoalVerdict::Unverified, 0),
            "checked by nobody"
        );
        let blocked = gives().guardrail(Rail::new(stand, &[Gate::Output], blocks));
        let error = run().0.run(&blocked, "go").await.result.unwrap_err();
        assert_eq!(error.agent().unwrap().partial().unwrap(), &Partial::default());
    }
}

#[tokio::test(start_paused = true)]
async fn partial_work_passes_or_is_left_out() {
    let partial = Partial { text: format!("so far: {SECRET}"), spend: Spend::default() };
    let fails = || Gives(Err(AgentError::TurnLimit { turns: 3, partial: Box::new(partial.clone()) }));
    for (verdict, left) in
        [(passes as fn(&_) -> _, partial.text.as_str()), (hides, "so far: ***"), (blocks, "")]
    {
        for stand in HOW {
            let agent = Guarded::new(fails()).guardrail(Rail::new(stand, &[Gate::Output], verdict));
            let report = run().0.run(&agent, "go").await;
            assert_eq!(report.reason, Some(Reason::TurnLimit), "it failed as it did");
            assert_eq!(report.result.unwrap_err().agent().unwrap().partial().unwrap().text, left);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_replaced_goal_has_its_inputs_in_its_text() {
    let agent = Guarded::new(Works::echoes(parrot(), &World::new())).guardrail(Rail::new(
        Stand::Screens,
        &[Gate::Input],
        hides,
    ));
    let goal = Goal::new("log in").with_input("password", SECRET);
    assert_eq!(run().0.run(&agent, goal).await.result.unwrap().text(), "password: \"***\"\n\nlog in");
}

#[tokio::test(start_paused = true)]
async fn guardrails_see_what_the_one_before_made_and_nested_ones_add_up() {
    fn a(passage: &agentic_core::Passage) -> agentic_core::GuardrailVerdict {
        agentic_core::GuardrailVerdict::Replace(passage.text().replace('a', "b").into())
    }
    fn b(passage: &agentic_core::Passage) -> agentic_core::GuardrailVerdict {
        agentic_core::GuardrailVerdict::Replace(passage.text().replace('b', "c").into())
    }
    let gives = || Gives(Ok(Outcome::new("a", Spend::default())));
    let at = |verdict| Rail::new(Stand::Screens, &[Gate::Output], verdict);
    let flat = Guarded::new(gives()).guardrail(at(a)).guardrail(at(b));
    assert_eq!(run().0.run(&flat, "go").await.result.unwrap().text(), "c");
    let nested = Guarded::new(Guarded::new(gives()).guardrail(at(b))).guardrail(at(a));
    assert_eq!(run().0.run(&nested, "go").await.result.unwrap().text(), "b", "the inner one first");
}

#[tokio::test(start_paused = true)]
async fn they_hold_for_agents_below() {
    #[derive(Debug)]
    struct Calls(Works);
    #[async_trait]
    impl Agent for Calls {
        fn name(&self) -> &str {
            "calls"
        }
        async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
            cx.scope("a").call("below", &self.0, goal).await
        }
    }
    let world = World::new();
    let calls = Calls(Works::echoes(parrot(), &world));
    let agent = Guarded::new(calls).guardrail(Rail::new(Stand::Judges, &[Gate::ToolCall], blocks));
    let report = run().0.run(&agent, SECRET).await;
    assert!(report.result.unwrap().text().starts_with("refused: "));
    assert_eq!(world.attempts(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_run_and_a_context_can_have_them_too() {
    let rail = || Rail::new(Stand::Both, &ALL, hides);
    let world = World::new();
    let (run, log) = run();
    let report = run.guardrail(rail()).run(&Works::echoes(parrot(), &world), format!("say {SECRET}")).await;
    assert_eq!(report.result.unwrap().text(), "say ***");
    let begins = |kind: &EventKind| matches!(kind, EventKind::RunStarted { .. });
    assert_eq!(log.kinds().iter().filter(|kind| begins(kind)).count(), 1);

    let cx = Ephemeral::new().guardrail(Rail::new(Stand::Screens, &ALL, blocks)).context();
    let refused = cx.tool(&world.tool("t", EffectClass::Unsafe), json!({"say": SECRET})).await;
    let Err(StepError::Tool(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(error.kind(), ToolErrorKind::Denied);
    assert_eq!(world.attempts(), 1, "that of the run before");
}

#[tokio::test(start_paused = true)]
async fn a_person_is_asked_for_what_passes_and_for_nothing_else() {
    for stand in HOW {
        for (verdict, answer, asked_for) in [
            (passes as fn(&_) -> _, "Approve", Some(SECRET)),
            (hides, r#"Edit { arguments: Object {"say": String("***")} }"#, Some("***")),
            (blocks, r#"Deny { reason: "not called: guardrail `rail` blocked it: a password" }"#, None),
        ] {
            let (run, log) = run();
            let asks = agent(|cx| async move {
                let asked = Approval::of_tool("t", json!({"say": SECRET}));
                let decision = cx.approve(asked).await?;
                let other = cx.approve(Approval::new(SECRET)).await?;
                assert_eq!(other, Decision::Approve, "no tool's");
                Ok(format!("{decision:?}"))
            });
            let guarded = Guarded::new(asks).guardrail(Rail::new(stand, &[Gate::ToolCall], verdict));
            let report = run.approver(ApproveAll).run(&guarded, "go").await;
            assert_eq!(report.result.unwrap().text(), answer);
            let asked = log.kinds().into_iter().filter_map(|kind| match kind {
                EventKind::ApprovalRequested { approval, .. } if approval.tool.is_some() => {
                    Some(approval.question)
                }
                _ => None,
            });
            let asked: Vec<_> = asked.collect();
            let expected = asked_for.map(|say| format!("Call `t` with {}?", json!({"say": say})));
            assert_eq!(asked, Vec::from_iter(expected));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_panics_says_nothing_unseen() {
    let (run, log) = run();
    #[derive(Debug)]
    struct Panics(std::sync::Arc<agentic_core::ToolSpec>);
    #[async_trait]
    impl agentic_core::Tool for Panics {
        fn spec(&self) -> &std::sync::Arc<agentic_core::ToolSpec> {
            &self.0
        }
        fn effect(&self, _: &serde_json::Value) -> EffectClass {
            EffectClass::Pure
        }
        async fn call(
            &self,
            _: serde_json::Value,
            _: agentic_core::EffectContext,
        ) -> Result<serde_json::Value, agentic_core::ToolError> {
            panic!("{SECRET}")
        }
    }
    let spec = agentic_core::ToolSpec::new("panics", "", json!({}));
    let tool = std::sync::Arc::new(Panics(std::sync::Arc::new(spec)));
    let agent = Guarded::new(Works::new(parrot(), tool)).guardrail(Rail::new(
        Stand::Screens,
        &[Gate::ToolResult],
        blocks,
    ));
    assert_eq!(run.run(&agent, "go").await.result.unwrap().text(), "refused: `panics` panicked");
    assert!(!told(&log).contains(SECRET));
}

#[tokio::test(start_paused = true)]
async fn what_was_admitted_for_one_tool_is_no_call_of_another() {
    let world = World::new();
    for guarded in [true, false] {
        let world = world.clone();
        let other = agent(move |cx| {
            let (asked, other) = (world.oracle("read"), world.tool("write", EffectClass::Unsafe));
            async move {
                let admitted = cx.admit(asked.spec().name.as_str(), json!({})).await?;
                Ok(admitted.make(&other).await.unwrap_err().to_string())
            }
        });
        let rails = guarded.then(|| Rail::new(Stand::Screens, &ALL, passes));
        let agent = rails.into_iter().fold(Guarded::new(other), Guarded::guardrail);
        let said = run().0.run(&agent, "go").await.result.unwrap().text();
        assert!(said.ends_with("not called: it was admitted as a call of `read`, not of `write`"), "{said}");
    }
    assert_eq!(world.attempts(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_guardrails_a_step_is_the_plain_step() {
    let cx = RunContext::ephemeral();
    let world = World::new();
    let step = cx.tool(&world.tool("t", EffectClass::Pure), json!({}));
    assert!(format!("{step:?}").contains("\"new\""), "it is one request: {step:?}");
}
