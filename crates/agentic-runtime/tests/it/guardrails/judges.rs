//! Judges: what they ask happens first, is told to nobody, and if it fails nothing passes.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    Approval, ApprovalRule, Budget, CancelReason, ChatModel, Decision, EffectClass, EventKind, Gate, Guarded,
    Guardrail, GuardrailVerdict, Message, ModelErrorKind, ModelRequest, Part, Passage, Reason, RunContext,
    Stand, StepError, StepKind, ToolCall, async_trait,
};
use agentic_runtime::DenyAll;
use agentic_testkit::durability::World;
use agentic_testkit::{RuleModel, Says, ScriptedModel};
use serde_json::json;

use super::{ALL, Rail, SECRET, Works, blocks, hides, passes, told};
use crate::support::{Trace, agent, run, slow};

/// Asks a slow effect, and passes.
#[derive(Debug)]
struct Slow(Trace);

#[async_trait]
impl Guardrail for Slow {
    fn name(&self) -> &str {
        "slow"
    }

    fn stands_at(&self, gate: Gate) -> Stand {
        if gate == Gate::ToolCall { Stand::Judges } else { Stand::Away }
    }

    async fn judge(&self, _: &Passage, cx: &RunContext) -> Result<GuardrailVerdict, StepError> {
        slow(cx, &self.0, "judge", EffectClass::Pure, 500).await?;
        Ok(GuardrailVerdict::Pass)
    }
}

#[tokio::test(start_paused = true)]
async fn no_effect_starts_before_the_verdict() {
    let (run, log) = run();
    let world = World::new();
    let (trace, inside) = (Trace::default(), world.clone());
    let agent = agent(move |cx| {
        let world = inside.clone();
        async move {
            // Both are asked for at once; each waits for its own verdict.
            let tool = world.tool("t", EffectClass::Unsafe);
            let (one, two) = (cx.keyed("side", 1), cx.keyed("side", 2));
            let (first, second) = (one.tool(&tool, json!({"n": 1})), two.tool(&tool, json!({"n": 2})));
            assert_eq!(first.id().as_str(), "side:1/tool:t", "its name is what it was");
            let both = futures_util::future::join(first, second);
            let limit = cx.scope("limit");
            let early = limit.timeout(Duration::from_millis(499), both).await?;
            assert!(early.is_none() && world.attempts() == 0, "dropped while it was judged");
            let third = cx.keyed("side", 3).tool(&tool, json!({"n": 3})).await?;
            Ok(third.to_string())
        }
    });
    let guarded = Guarded::new(agent).guardrail(Slow(trace.clone()));
    let report = run.run(&guarded, "go").await;
    report.result.unwrap();
    assert_eq!(world.attempts(), 1);
    let started: Vec<_> = log
        .kinds()
        .into_iter()
        .filter_map(|kind| match kind {
            EventKind::StepStarted { step, .. } => Some(step.to_string()),
            _ => None,
        })
        .collect();
    let third = ["side:3/guard:tool:t/call:slow/judge", "side:3/tool:t"];
    assert_eq!(started[started.len() - 2..], third, "the judge, then the call");
    log.assert_gap_free();
}

#[tokio::test(start_paused = true)]
async fn nothing_that_is_judged_is_told_before_or_without_a_verdict() {
    for gate in [Gate::ToolCall, Gate::ToolResult, Gate::Output] {
        let (run, log) = run();
        let model = match gate {
            // The secret is the model's.
            Gate::Output => RuleModel::new(|_| Says::text(SECRET)),
            _ => RuleModel::new(|_| Says::text("go on")),
        };
        let world = World::new();
        let (model, inside): (Arc<dyn ChatModel>, _) = (Arc::new(model), world.clone());
        let agent = agent(move |cx| {
            let (model, world) = (model.clone(), inside.clone());
            async move {
                let request = ModelRequest::new([Message::user("go")].into_iter().collect());
                cx.model(&model, request).await?;
                let tool = world.tool("echo", EffectClass::Unsafe);
                // A call whose arguments are told, if they may pass.
                Ok(match cx.tool(&tool, json!({"say": SECRET})).await {
                    Err(StepError::Tool(error)) => error.to_string(),
                    other => panic!("{other:?}"),
                })
            }
        });
        let guarded = Guarded::new(agent).guardrail(Rail::new(Stand::Judges, &[gate], blocks));
        let report = run.run(&guarded, "go").await;
        let results = log.kinds().into_iter().filter_map(|kind| match kind {
            EventKind::StepFinished { step, result, .. } => Some(format!("{step} gave {result}")),
            EventKind::StepDelta { delta, .. } => Some(format!("{delta:?}")),
            EventKind::RunFinished { output, error, .. } => Some(format!("{output} {error:?}")),
            _ => None,
        });
        let results: Vec<_> = results.collect();
        assert!(!results.concat().contains(SECRET), "{gate:?}: {results:#?}");
        if gate != Gate::ToolResult {
            assert!(!told(&log).contains(SECRET), "{gate:?}: {}", told(&log));
        }
        assert_eq!(report.result.is_err(), gate == Gate::Output, "{gate:?}");
    }
}

/// Asks a model and a tool about what it judges, and tells what it does.
#[derive(Debug)]
struct Asks {
    model: Arc<dyn ChatModel>,
    world: World,
}

#[async_trait]
impl Guardrail for Asks {
    fn name(&self) -> &str {
        "asks"
    }

    fn stands_at(&self, _: Gate) -> Stand {
        Stand::Judges
    }

    async fn judge(&self, passage: &Passage, cx: &RunContext) -> Result<GuardrailVerdict, StepError> {
        let said = passage.text();
        cx.emit(|| EventKind::Note { text: said.clone() });
        let request = ModelRequest::new([Message::user(said.as_str())].into_iter().collect());
        let answer = cx.model(&self.model, request).await?.text();
        cx.tool(&self.world.tool("looks", EffectClass::Pure), json!({"at": said})).await?;
        Ok(if answer.contains(SECRET) { GuardrailVerdict::block("no") } else { GuardrailVerdict::Pass })
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_judge_asks_is_recorded_and_told_to_nobody() {
    let (run, log) = run();
    let parrot = RuleModel::new(|request| Says::text(request.messages.last().unwrap().text()));
    let world = World::new();
    let agent = Guarded::new(Works::echoes(parrot.clone(), &World::new()))
        .guardrail(Asks { model: Arc::new(parrot), world: world.clone() });
    // The goal is told when the run starts: whoever starts it knows it.
    let report = run.run(&agent, SECRET).await;
    assert_eq!(report.reason, Some(Reason::Guardrail));
    assert_eq!((report.spend.model_calls, report.spend.tool_calls), (1, 1), "of the run's budget");
    assert_eq!(told(&log).matches(SECRET).count(), 1, "{}", told(&log));
    assert_eq!(world.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_judged_once_also_if_it_is_the_outcome() {
    let (run, log) = run();
    let agent = Guarded::new(agent(|cx| async move {
        let model: Arc<dyn ChatModel> = Arc::new(RuleModel::new(|_| Says::text("hello")));
        let request = ModelRequest::new([Message::user("go")].into_iter().collect());
        Ok(cx.model(&model, request).await?.text())
    }))
    .guardrail(Rail::new(Stand::Judges, &[Gate::Output], passes));
    run.run(&agent, "go").await.result.unwrap();
    let judged = |kind: &EventKind| matches!(kind, EventKind::StepFinished { kind: StepKind::Effect, step, .. } if step.as_str().contains("rail"));
    assert_eq!(log.kinds().iter().filter(|kind| judged(kind)).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn reasoning_is_judged_as_the_text_is() {
    let reasons = || {
        let reasoning = Part::Reasoning { text: format!("it is {SECRET}"), signature: Some("signed".into()) };
        let call = Part::ToolCall(ToolCall::new("c1", "echo", &json!({"say": "go on"})));
        ScriptedModel::new().answers(vec![reasoning, call])
    };
    let asks = |model: ScriptedModel| {
        let model: Arc<dyn ChatModel> = Arc::new(model);
        agent(move |cx| {
            let model = model.clone();
            async move {
                let request = ModelRequest::new([Message::user("go")].into_iter().collect());
                Ok(format!("{:?}", cx.model(&model, request).await?.message.parts[0]))
            }
        })
    };
    for (verdict, gives) in [
        (passes as fn(&_) -> _, Ok(r#"Reasoning { text: "it is hunter2", signature: Some("signed") }"#)),
        (hides, Ok(r#"Reasoning { text: "it is ***", signature: None }"#)),
        (blocks, Err("guardrail `rail` blocked the output: a password")),
    ] {
        let (run, log) = run();
        let guarded = Guarded::new(asks(reasons())).guardrail(JudgesModels(verdict));
        let report = run.run(&guarded, "go").await;
        let given = report.result.map(|outcome| outcome.text()).map_err(|error| error.to_string());
        assert_eq!(given.as_deref().map_err(String::as_str), gives);
        let of_the_model = log
            .kinds()
            .into_iter()
            .filter(|kind| matches!(kind, EventKind::StepFinished { .. } | EventKind::StepDelta { .. }));
        assert!(!format!("{:?}", of_the_model.collect::<Vec<_>>()).contains(SECRET), "{}", told(&log));
    }
}

/// Judges what models say, and lets outcomes pass.
#[derive(Debug)]
struct JudgesModels(fn(&Passage) -> GuardrailVerdict);

#[async_trait]
impl Guardrail for JudgesModels {
    fn name(&self) -> &str {
        "rail"
    }

    fn stands_at(&self, gate: Gate) -> Stand {
        if gate == Gate::Output { Stand::Judges } else { Stand::Away }
    }

    async fn judge(&self, passage: &Passage, cx: &RunContext) -> Result<GuardrailVerdict, StepError> {
        let of_a_model = cx.path().contains("guard:model");
        Ok(if of_a_model { (self.0)(passage) } else { GuardrailVerdict::Pass })
    }
}

#[tokio::test(start_paused = true)]
async fn calls_are_screened_where_somebody_judges_them_too() {
    let calls = ScriptedModel::new().calls("echo", json!({"say": SECRET}));
    let calls: Arc<dyn ChatModel> = Arc::new(calls);
    let agent = agent(move |cx| {
        let calls = calls.clone();
        async move {
            let response = cx.model(&calls, ModelRequest::default()).await?;
            Ok(response.tool_calls().next().unwrap().arguments.clone())
        }
    });
    let judges = Rail { name: "judge", ..Rail::new(Stand::Judges, &[Gate::ToolCall], passes) };
    let screens = Rail::new(Stand::Screens, &[Gate::ToolCall], hides);
    let guarded = Guarded::new(agent).guardrail(judges).guardrail(screens);
    assert_eq!(run().0.run(&guarded, "go").await.result.unwrap().text(), r#"{"say":"***"}"#);
}

/// Asks a person about the calls of a tool.
#[derive(Debug)]
struct AsksAPerson;

#[async_trait]
impl Guardrail for AsksAPerson {
    fn name(&self) -> &str {
        "asks-a-person"
    }

    fn stands_at(&self, gate: Gate) -> Stand {
        if gate == Gate::ToolCall { Stand::Judges } else { Stand::Away }
    }

    async fn judge(&self, passage: &Passage, cx: &RunContext) -> Result<GuardrailVerdict, StepError> {
        let tool = passage.tool.as_deref().unwrap_or_default();
        Ok(match cx.approve(Approval::of_tool(tool, passage.content.clone())).await? {
            Decision::Approve => GuardrailVerdict::Pass,
            _ => GuardrailVerdict::block("a person said no"),
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_for_a_tool_does_not_answer_what_a_judge_asks_about_it() {
    let (run, log) = run();
    let world = World::new();
    let agent = Guarded::new(Works::echoes(RuleModel::new(|_| Says::text("go on")), &world));
    let run = run.rule(ApprovalRule::allow("echo")).approver(DenyAll);
    let report = run.run(&agent.guardrail(AsksAPerson), "go").await;
    let refused = "refused: not called: guardrail `asks-a-person` blocked it: a person said no";
    assert_eq!(report.result.unwrap().text(), refused);
    assert_eq!(world.attempts(), 0);
    let asked = log.kinds().into_iter().find_map(|kind| match kind {
        EventKind::ApprovalRequested { approval, .. } => Some(approval),
        _ => None,
    });
    assert_eq!(asked.unwrap().question, r#"Call `echo` with {"say":"go on"}?"#, "it says what it is about");
}

/// How a judge fails.
#[derive(Clone, Debug)]
enum Fails {
    Step,
    Panics,
    Model,
    Unsaid,
}

#[derive(Debug)]
struct Failing(Fails, Gate);

#[async_trait]
impl Guardrail for Failing {
    fn name(&self) -> &str {
        "failing"
    }

    fn stands_at(&self, gate: Gate) -> Stand {
        if gate == self.1 { Stand::Judges } else { Stand::Away }
    }

    async fn judge(&self, passage: &Passage, cx: &RunContext) -> Result<GuardrailVerdict, StepError> {
        match self.0 {
            Fails::Step => {
                let said = passage.text();
                cx.effect("fails", EffectClass::Pure, &0, |_| async { Err::<u8, _>(said) }).await?;
            }
            Fails::Panics => panic!("{}", passage.text()),
            Fails::Model => {
                let model: Arc<dyn ChatModel> =
                    Arc::new(ScriptedModel::new().fails(ModelErrorKind::Unavailable, &passage.text()));
                cx.model(&model, ModelRequest::default()).await?;
            }
            Fails::Unsaid => return Unsaid.judge(passage, cx).await,
        }
        Ok(GuardrailVerdict::Pass)
    }
}

/// Says that it stands there, and has nothing to say.
#[derive(Debug)]
struct Unsaid;

impl Guardrail for Unsaid {
    fn name(&self) -> &str {
        "unsaid"
    }

    fn stands_at(&self, _: Gate) -> Stand {
        Stand::Both
    }
}

#[tokio::test(start_paused = true)]
async fn a_judge_that_fails_has_blocked() {
    let parrot = || RuleModel::new(|request| Says::text(request.messages.last().unwrap().text()));
    for (fails, why) in [
        (Fails::Step, "it could not judge: a step of it failed"),
        (Fails::Panics, "it panicked"),
        (Fails::Model, "it could not judge: model `scripted:test`: unavailable"),
        (Fails::Unsaid, "it is to judge, and has no way to"),
    ] {
        for gate in ALL {
            let (run, log) = run();
            let world = World::new();
            let agent = Guarded::new(Works::echoes(parrot(), &world)).guardrail(Failing(fails.clone(), gate));
            let report = run.run(&agent, SECRET).await;
            let said = match report.result {
                Ok(outcome) => outcome.text(),
                Err(error) => error.to_string(),
            };
            assert!(said.ends_with(why), "{fails:?} at {gate:?}: {said}");
            let quoted = |kind: &EventKind| match kind {
                EventKind::StepFinished { error: Some(error), .. } => error.contains(SECRET),
                _ => false,
            };
            assert!(!log.kinds().iter().any(quoted), "{fails:?} at {gate:?}: {}", told(&log));
            assert_eq!(world.attempts(), u64::from(gate == Gate::ToolResult), "{fails:?} at {gate:?}");
            log.assert_gap_free();
        }
    }
    let blocked = Guarded::new(Works::echoes(parrot(), &World::new())).guardrail(Unsaid);
    let error = run().0.run(&blocked, "go").await.result.unwrap_err().to_string();
    assert_eq!(error, "guardrail `unsaid` blocked the input: it is to screen, and has no way to");
}

#[tokio::test(start_paused = true)]
async fn an_exhausted_budget_and_a_cancelled_run_end_what_is_judged_as_such() {
    let parrot = RuleModel::new(|request| Says::text(request.messages.last().unwrap().text()));
    let judge = || Asks { model: Arc::new(parrot.clone()), world: World::new() };
    let works = || Guarded::new(Works::echoes(parrot.clone(), &World::new())).guardrail(judge());
    let (budget, _) = run();
    let report = budget.budget(Budget::unlimited().with_model_calls(2)).run(&works(), "go").await;
    assert_eq!(report.reason, Some(Reason::BudgetExhausted));

    let cancellation = agentic_core::Cancellation::new();
    let (cancelled, _) = run();
    let raise = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        cancellation.cancel(CancelReason::Requested);
    };
    let works = works();
    let (report, ()) =
        futures_util::join!(cancelled.cancellation(cancellation.clone()).run(&works, "go"), raise);
    assert_eq!(report.reason, Some(Reason::Cancelled));
}
