//! What happens when a budget is exhausted: it stops, a person is asked, a cheaper model is asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentic_core::EffectClass::Pure;
use agentic_core::{
    Approval, Budget, BudgetError, Budgeted, ChatModel, Decision, EventKind, Gate, Goal, Guarded, Guardrail,
    GuardrailVerdict, Message, ModelRequest, ModelResponse, NanoUsd, Passage, Price, Reason, Resource,
    RunContext, Stand, StepError, StepId, Usage, WhenExhausted, async_trait,
};
use agentic_runtime::{Answer, Approver, RunReport};
use agentic_testkit::durability::World;
use agentic_testkit::{EventLog, ScriptedModel};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use serde_json::json;

use crate::support::{agent, run};

/// Answers all questions in the same way, and keeps them.
#[derive(Clone, Debug)]
struct Person {
    says: Option<Decision>,
    asked: Arc<Mutex<Vec<(String, Approval)>>>,
}

impl Person {
    fn who(says: Decision) -> Self {
        Self { says: Some(says), asked: Arc::default() }
    }

    fn silent() -> Self {
        Self { says: None, asked: Arc::default() }
    }

    /// In which steps what was asked.
    fn asked(&self) -> Vec<(String, String)> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(step, approval)| (step.clone(), approval.question.clone())).collect()
    }
}

#[async_trait]
impl Approver for Person {
    async fn decide(&self, step: &StepId, approval: &Approval) -> Answer {
        self.asked.lock().unwrap().push((step.to_string(), approval.clone()));
        match &self.says {
            Some(decision) => decision.clone().into(),
            None => std::future::pending().await,
        }
    }
}

fn no() -> Decision {
    Decision::Deny { reason: "no".into() }
}

fn edited(raise: serde_json::Value) -> Decision {
    Decision::Edit { arguments: json!({"raise": raise}) }
}

/// Runs this under a budget; a person answers.
async fn runs<F>(
    when: WhenExhausted,
    budget: Budget,
    person: &Person,
    body: impl Fn(RunContext) -> F + Send + Sync + 'static,
) -> (RunReport, Arc<EventLog>)
where
    F: Future<Output = Result<String, StepError>> + Send + 'static,
{
    let (run, log) = run();
    let report =
        run.budget(budget).approver(person.clone()).run(&Budgeted::new(agent(body), when), "go").await;
    (report, log)
}

/// Three tools at the same time.
async fn three(cx: RunContext) -> Result<String, StepError> {
    let world = World::new();
    let calls = (0..3).map(|n| cx.keyed("side", n).tool(&world.tool("tool", Pure), json!({})));
    let done = join_all(calls).await;
    Ok(format!("{} of 3, limit {:?}", done.iter().flatten().count(), cx.budget().limits.tool_calls.unwrap()))
}

fn one_call() -> Budget {
    Budget::unlimited().with_tool_calls(1)
}

/// What steps began, and which were refused.
fn steps(log: &EventLog) -> Vec<String> {
    let told = log.events().into_iter().filter_map(|event| match event.kind {
        EventKind::StepStarted { step, .. } => Some(step.to_string()),
        EventKind::ApprovalRequested { step, .. } => Some(format!("{step}?")),
        EventKind::StepRefused { step, .. } => Some(format!("{step} refused")),
        _ => None,
    });
    told.collect()
}

#[tokio::test(start_paused = true)]
async fn steps_that_are_refused_together_ask_once_and_go_on() {
    let person = Person::who(Decision::Approve);
    let (report, log) = runs(WhenExhausted::ask(), one_call(), &person, three).await;
    assert_eq!(report.result.unwrap().text(), "3 of 3, limit 3");
    let question = |spent, held| {
        format!(
            "The budget of {} tool calls is exhausted: {spent} spent{held}, 1 more asked for. Raise it by 1?",
            spent + u64::from(!str::is_empty(held))
        )
    };
    let held = ", 1 held by calls in flight";
    let asked = person.asked();
    assert_eq!(asked.len(), 2, "once for each raise: {asked:?}");
    assert_eq!(asked[0], ("side:1/tool:tool/approve".into(), question(0, held)));
    assert_eq!(asked[1].0, "side:2/tool:tool/approve");
    let steps = steps(&log);
    assert!(steps.contains(&"side:1/tool:tool/again".into()), "{steps:?}");
    assert_eq!(report.spend.tool_calls, 3);
}

/// Nobody awaits the step that has asked, while another waits for the answer.
#[tokio::test(start_paused = true)]
async fn whoever_is_awaited_gets_the_answer() {
    let person = Person::who(edited(json!(9)));
    let (report, _) = runs(WhenExhausted::ask(), one_call(), &person, |cx| async move {
        let tool = World::new().tool("tool", Pure);
        let mut sides: FuturesUnordered<_> =
            (0..3).map(|n| cx.keyed("side", n).tool(&tool, json!({}))).collect();
        let mut done = 0;
        while let Some(side) = sides.next().await {
            side?;
            cx.scope("then").tool(&tool, json!({})).await?;
            done += 2;
        }
        Ok(format!("{done} done"))
    })
    .await;
    assert_eq!(report.result.unwrap().text(), "6 done");
    assert_eq!(person.asked().len(), 1, "{:?}", person.asked());
}

#[tokio::test(start_paused = true)]
async fn a_person_may_raise_it_by_another_amount() {
    let person = Person::who(edited(json!(2)));
    let (report, _) = runs(WhenExhausted::ask(), one_call(), &person, three).await;
    assert_eq!(report.result.unwrap().text(), "3 of 3, limit 3");
    assert_eq!(person.asked().len(), 1, "one question for both: {:?}", person.asked());
}

#[tokio::test(start_paused = true)]
async fn who_is_denied_fails_as_if_nobody_had_been_asked() {
    for says in [no(), edited(json!("a lot")), edited(json!(0)), Decision::Edit { arguments: json!("yes") }] {
        let person = Person::who(says.clone());
        let (report, _) = runs(WhenExhausted::ask(), one_call(), &person, three).await;
        assert_eq!(report.result.unwrap().text(), "1 of 3, limit 1", "{says:?}");
        assert_eq!(person.asked().len(), 1, "a no holds for all: {says:?}");
    }
    let person = Person::who(no());
    let (report, _) = runs(WhenExhausted::ask(), one_call(), &person, |cx| async move {
        let tool = World::new().tool("tool", Pure);
        cx.tool(&tool, json!({})).await?;
        cx.tool(&tool, json!({})).await?;
        Ok("never".into())
    })
    .await;
    assert_eq!(report.reason, Some(Reason::BudgetExhausted));
}

#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_answers_in_time_is_denied() {
    let person = Person::silent();
    let when = WhenExhausted::ask().expiring_after(Duration::from_secs(60));
    let (report, _) = runs(when, one_call(), &person, three).await;
    assert_eq!(report.result.unwrap().text(), "1 of 3, limit 1");
    assert_eq!(person.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_is_dropped_while_it_asks_leaves_the_question_to_those_who_wait() {
    let person = Person::silent();
    let when = WhenExhausted::ask();
    let (report, _) = runs(when, one_call(), &person, |cx| async move {
        let tool = World::new().tool("tool", Pure);
        cx.tool(&tool, json!({})).await?;
        let mut waits = [cx.keyed("side", 0), cx.keyed("side", 1)].map(|cx| {
            let tool = tool.clone();
            Box::pin(async move { cx.timeout(Duration::from_secs(9), cx.tool(&tool, json!({}))).await })
        });
        assert!(futures_util::poll!(&mut waits[0]).is_pending());
        cx.sleep(Duration::from_secs(5)).await?;
        let late = join_all(waits).await.into_iter().map(|waited| waited.map(|it| it.is_none()));
        Ok(format!("{:?}", late.collect::<Result<Vec<_>, _>>()?))
    })
    .await;
    assert_eq!(report.result.unwrap().text(), "[true, true]");
    let asked: Vec<_> = person.asked().into_iter().map(|(step, _)| step).collect();
    assert_eq!(asked, ["side:0/tool:tool/approve"]);
}

#[tokio::test(start_paused = true)]
async fn what_no_raise_can_mend_is_not_asked() {
    let person = Person::who(Decision::Approve);
    let cost = Budget::unlimited().with_cost(NanoUsd(1_000));
    let (report, _) = runs(WhenExhausted::ask(), cost, &person, |cx| async move {
        let unpriced: Arc<dyn ChatModel> = Arc::new(ScriptedModel::new().says("x"));
        Ok(cx.model(&unpriced, ask()).await?.text())
    })
    .await;
    assert_eq!(report.reason, Some(Reason::BudgetExhausted), "no limit is enough for an unknown price");
    let time = Budget::unlimited().with_wall_time(Duration::from_secs(1));
    let (report, _) = runs(WhenExhausted::ask(), time, &person, |cx| async move {
        cx.sleep(Duration::from_secs(2)).await.map(|()| "x".into())
    })
    .await;
    assert_eq!(report.reason, Some(Reason::TimedOut));
    assert_eq!(person.asked(), []);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_was_refused_is_one_turn_when_it_is_taken_again() {
    let person = Person::who(Decision::Approve);
    let (report, log) =
        runs(WhenExhausted::ask(), Budget::unlimited().with_turns(1), &person, |cx| async move {
            let model: Arc<dyn ChatModel> = Arc::new(ScriptedModel::new().says("a").says("b").says("c"));
            cx.turn().model(&model, ask()).await?;
            let turn = cx.turn();
            let (one, other) = (turn.model(&model, ask()), turn.model(&model, ask()));
            assert_eq!((one.id().as_str(), other.id().as_str()), ("turn@1/model", "turn@1/model@1"));
            let (one, other) = futures_util::join!(one, other);
            Ok(format!("{}{}", one?.text(), other?.text()))
        })
        .await;
    report.result.unwrap();
    assert_eq!((report.spend.turns, report.spend.model_calls), (2, 3));
    assert!(steps(&log).contains(&"turn@1/model/again".into()), "{:?}", steps(&log));
}

#[tokio::test(start_paused = true)]
async fn agents_below_ask_too_and_share_what_was_raised() {
    let person = Person::who(Decision::Approve);
    let uses = |cx: RunContext| async move {
        let tool = World::new().tool("tool", Pure);
        cx.tool(&tool, json!({})).await?;
        cx.tool(&tool, json!({})).await?;
        Ok(format!("limit {:?}", cx.budget().limits.tool_calls.unwrap()))
    };
    let (report, _) = runs(WhenExhausted::ask(), one_call(), &person, move |cx| async move {
        let below = agent(uses);
        let said = cx.call("below", &below, Goal::new("go")).await.unwrap().text();
        Ok(format!("{said}, above {:?}", cx.budget().limits.tool_calls.unwrap()))
    })
    .await;
    assert_eq!(report.result.unwrap().text(), "limit 2, above 2");
    assert_eq!(person.asked()[0].0, "below/tool:tool@1/approve");

    let (report, _) = runs(WhenExhausted::ask(), one_call(), &person, move |cx| async move {
        let below = Budgeted::new(agent(uses), WhenExhausted::stop());
        let failed = cx.call("below", &below, Goal::new("go")).await.unwrap_err();
        Ok(format!("{}", failed.reason()))
    })
    .await;
    assert_eq!(report.result.unwrap().text(), "budget_exhausted", "who says stop stops");
    assert_eq!(person.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_hangs_on_no_question() {
    let person = Person::silent();
    let budget = one_call().with_wall_time(Duration::from_secs(60));
    let (report, _) = runs(WhenExhausted::ask(), budget, &person, three).await;
    assert_eq!(report.result.unwrap().text(), "1 of 3, limit 1");
    assert_eq!(person.asked().len(), 1, "who waited for the answer asks no more");
}

// ------------------------------------------------------------------------------------------- other models

fn ask() -> ModelRequest {
    ModelRequest::new([Message::user("0123456789")].into_iter().collect()).with_max_output_tokens(100)
}

/// A model with a price of so many dollars for a million tokens of any kind. Each answer takes 100 tokens.
fn priced(name: &str, dollars: f64, answers: usize) -> ScriptedModel {
    let usage = Usage { input_tokens: 20, output_tokens: 80, ..Usage::default() };
    let each = NanoUsd::from_dollars(dollars).unwrap();
    let model = ScriptedModel::new().with_info(|info| {
        info.id = name.into();
        info.price = Some(Price { input: each, cached_input: each, output: each });
    });
    (0..answers).fold(model, |model, _| model.says("x").using(usage).after(Duration::from_millis(5)))
}

fn shared(model: &ScriptedModel) -> Arc<dyn ChatModel> {
    Arc::new(model.clone())
}

/// Who was asked, and what it cost.
fn bill(response: &ModelResponse) -> (String, u64) {
    (response.asked.to_string(), response.cost.unwrap_or_default().0)
}

fn notes(log: &EventLog) -> Vec<String> {
    let told = log.events().into_iter().filter_map(|event| match event.kind {
        EventKind::Note { text } => Some(text),
        _ => None,
    });
    told.collect()
}

#[tokio::test(start_paused = true)]
async fn calls_that_do_not_fit_any_more_go_to_the_cheaper_model() {
    // A large answer costs 1,000,000 nano-dollars, a small one 100,000. The bounds: 142 tokens a call.
    let (large, small) = (priced("test:large", 10.0, 9), priced("test:small", 1.0, 9));
    let when = WhenExhausted::degrade_to(small.clone());
    let budget = Budget::unlimited().with_cost(NanoUsd(2_200_000));
    let model = shared(&large);
    let (report, log) = runs(when, budget, &Person::silent(), move |cx| {
        let model = model.clone();
        async move {
            let mut bills = Vec::new();
            for _ in 0..4 {
                bills.push(bill(&cx.model(&model, ask()).await?));
            }
            Ok(format!("{bills:?}"))
        }
    })
    .await;
    let (one, other) = (r#"("test:large", 1000000)"#, r#"("test:small", 100000)"#);
    assert_eq!(report.result.unwrap().text(), format!("[{one}, {one}, {other}, {other}]"));
    assert_eq!(report.spend.cost, NanoUsd(2_200_000), "all of the budget, and no more");
    assert_eq!(
        notes(&log),
        ["no budget for a call of test:large: test:small was asked, and is from here on"]
    );
    let steps = steps(&log);
    assert_eq!(steps, ["model", "model@1", "model@2 refused", "model@2/again", "model@3"], "refused once");
}

#[tokio::test(start_paused = true)]
async fn calls_at_the_same_time_degrade_together_and_other_models_stay() {
    let (large, small, other) =
        (priced("test:large", 10.0, 9), priced("test:small", 1.0, 9), priced("test:other", 0.5, 9));
    let when = WhenExhausted::degrade_to(small.clone());
    let budget = Budget::unlimited().with_cost(NanoUsd(1_400_000));
    let (model, beside) = (shared(&large), shared(&other));
    let (report, log) = runs(when, budget, &Person::silent(), move |cx| {
        let (model, beside) = (model.clone(), beside.clone());
        async move {
            cx.model(&model, ask()).await?;
            let three = join_all((0..3).map(|n| cx.keyed("side", n).model(&model, ask()))).await;
            for response in three {
                assert_eq!(bill(&response?), ("test:small".into(), 100_000));
            }
            Ok(bill(&cx.model(&beside, ask()).await?).0)
        }
    })
    .await;
    assert_eq!(report.result.unwrap().text(), "test:other", "it was never refused");
    assert_eq!(notes(&log).len(), 1, "{:?}", notes(&log));
    assert_eq!(report.spend.cost, NanoUsd(1_000_000 + 3 * 100_000 + 50_000));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_a_scope_can_not_afford_is_given_up_there_alone() {
    let (large, small) = (priced("test:large", 10.0, 9), priced("test:small", 1.0, 9));
    let budget = Budget::unlimited().with_cost(NanoUsd(10_000_000));
    let model = shared(&large);
    let (report, log) = runs(WhenExhausted::degrade_to(small), budget, &Person::silent(), move |cx| {
        let model = model.clone();
        async move {
            let part = cx.limited("part", Budget::unlimited().with_cost(NanoUsd(500_000)));
            let mut asked = Vec::new();
            for cx in [&part, &part.scope("deep"), &cx] {
                asked.push(bill(&cx.model(&model, ask()).await?).0);
            }
            Ok(asked.join(" "))
        }
    })
    .await;
    assert_eq!(report.result.unwrap().text(), "test:small test:small test:large");
    assert_eq!(
        notes(&log),
        ["no budget for a call of test:large in `part`: test:small was asked, and is from here on"]
    );
    assert_eq!(
        steps(&log).iter().filter(|step| step.ends_with("refused")).count(),
        1,
        "it is not tried again there"
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_about_the_limit_of_a_scope() {
    let person = Person::who(Decision::Approve);
    // The run has no call left either, and raising its limit would help nobody.
    let (report, _) = runs(WhenExhausted::ask(), one_call(), &person, |cx| async move {
        let (tool, part) = (World::new().tool("tool", Pure), cx.limited("part", one_call()));
        part.tool(&tool, json!({})).await?;
        let refused = part.tool(&tool, json!({})).await.unwrap_err();
        assert!(
            refused.to_string().starts_with("budget of 1 tool calls for `part` is exhausted"),
            "{refused}"
        );
        cx.tool(&tool, json!({})).await?;
        Ok("raised".into())
    })
    .await;
    assert_eq!((report.result.unwrap().text(), person.asked().len()), ("raised".into(), 1));
}

#[tokio::test(start_paused = true)]
async fn where_no_model_fits_the_budget_error_stays() {
    let (large, small) = (priced("test:large", 10.0, 9), priced("test:small", 5.0, 9));
    let budget = Budget::unlimited().with_cost(NanoUsd(200_000));
    let model = shared(&large);
    let (report, _) = runs(WhenExhausted::degrade_to(small), budget, &Person::silent(), move |cx| {
        let model = model.clone();
        async move {
            let error = cx.model(&model, ask()).await.unwrap_err();
            let StepError::Budget(BudgetError { what: Resource::NanoUsd, asked, .. }) = error else {
                panic!("{error}")
            };
            Ok(asked.to_string())
        }
    })
    .await;
    // 42 tokens of prompt and 16 of an answer, the least that is worth a call.
    assert_eq!(report.result.unwrap().text(), (58 * 5_000).to_string());
}

/// The first model has counted the conversation, the other one has not: its bound is as high as the bytes are many.
#[tokio::test(start_paused = true)]
async fn where_no_model_fits_a_person_is_asked_for_the_call_that_takes_least() {
    let (large, small) = (priced("test:large", 1.0, 9), priced("test:small", 1.0, 9));
    let person = Person::who(Decision::Approve);
    let model = shared(&large);
    let budget = Budget::unlimited().with_tokens(350);
    let when = WhenExhausted::degrade_to(small).then_ask();
    let (report, log) = runs(when, budget, &person, move |cx| {
        let model = model.clone();
        async move {
            let mut request = ModelRequest::new([Message::user("x".repeat(290))].into_iter().collect());
            let mut asked = Vec::new();
            for _ in 0..4 {
                let said = cx.model(&model, request.clone()).await?;
                request.messages.push_response(said.message, &said.asked, &request.tools, &said.usage);
                asked.push(said.asked);
            }
            Ok(asked.join(" "))
        }
    })
    .await;
    assert_eq!(report.result.unwrap().text(), "test:large test:large test:large test:large");
    assert_eq!(notes(&log), [""; 0], "nothing was given up");
    let asks = "model@3/approve";
    assert_eq!(person.asked()[0].0, asks);
    let asks = format!("{asks}?");
    let expected =
        ["model", "model@1", "model@2", "model@3 refused", "model@3/again refused", &asks, "model@3/again@1"];
    assert_eq!(steps(&log), expected);
}

#[tokio::test(start_paused = true)]
async fn a_model_without_a_price_is_given_up_for_one_with_a_price() {
    let unpriced: Arc<dyn ChatModel> = Arc::new(ScriptedModel::new().says("free?"));
    let budget = Budget::unlimited().with_cost(NanoUsd(1_000_000));
    let when = WhenExhausted::degrade_to(priced("test:small", 1.0, 1));
    let (report, _) = runs(when, budget, &Person::silent(), move |cx| {
        let model = unpriced.clone();
        async move { Ok(bill(&cx.model(&model, ask()).await?).0) }
    })
    .await;
    assert_eq!(report.result.unwrap().text(), "test:small");
}

#[tokio::test(start_paused = true)]
async fn first_cheaper_models_then_a_person() {
    let (large, small, tiny) =
        (priced("test:large", 10.0, 9), priced("test:small", 1.0, 9), priced("test:tiny", 0.1, 9));
    let when = WhenExhausted::degrade_to(small).then_degrade_to(tiny).then_ask();
    let budget = Budget::unlimited().with_cost(NanoUsd(1_110_000));
    let person = Person::who(Decision::Approve);
    let model = shared(&large);
    let (report, log) = runs(when, budget, &person, move |cx| {
        let model = model.clone();
        async move {
            let mut asked = Vec::new();
            for _ in 0..5 {
                asked.push(bill(&cx.model(&model, ask()).await?).0);
            }
            Ok(asked.join(" "))
        }
    })
    .await;
    let models = "test:large test:small test:tiny test:tiny test:tiny";
    assert_eq!(report.result.unwrap().text(), models, "degraded to the end");
    assert_eq!(person.asked().len(), 1);
    let question = "The budget of $0.00111 is exhausted: $0.00111 spent, $0.0000058 more asked for. Raise it by $0.00111?";
    assert_eq!(person.asked()[0].1, question);
    assert_eq!(notes(&log).len(), 2);
    assert_eq!(report.spend.cost, NanoUsd(1_000_000 + 100_000 + 3 * 10_000));
}

/// Lets pass what its model says yes to.
#[derive(Debug)]
struct Judge(Arc<dyn ChatModel>);

#[async_trait]
impl Guardrail for Judge {
    fn name(&self) -> &str {
        "judge"
    }

    fn stands_at(&self, gate: Gate) -> Stand {
        if gate == Gate::Output { Stand::Judges } else { Stand::Away }
    }

    async fn judge(&self, _: &Passage, cx: &RunContext) -> Result<GuardrailVerdict, StepError> {
        let said = cx.model(&self.0, ask()).await?;
        Ok(if said.text() == "x" { GuardrailVerdict::Pass } else { GuardrailVerdict::block("no") })
    }
}

#[tokio::test(start_paused = true)]
async fn a_judge_is_never_another_model_than_it_was_meant_to_be() {
    let dear = priced("test:judge", 10.0, 1);
    for (when, expected) in [
        (WhenExhausted::degrade_to(priced("test:small", 1.0, 1)), Err(Reason::BudgetExhausted)),
        (WhenExhausted::degrade_to(priced("test:small", 1.0, 1)).then_ask(), Ok("said".to_owned())),
    ] {
        let person = Person::who(Decision::Approve);
        let (run, log) = run();
        let budget = Budget::unlimited().with_cost(NanoUsd(500_000));
        let guarded = Guarded::new(agent(|_| async { Ok("said".into()) })).guardrail(Judge(shared(&dear)));
        let report =
            run.budget(budget).approver(person.clone()).run(&Budgeted::new(guarded, when), "go").await;
        let reason = report.reason;
        assert_eq!(report.result.map(|outcome| outcome.text()).map_err(|_| reason.unwrap()), expected);
        assert_eq!(notes(&log), Vec::<String>::new(), "nobody is given up");
    }
}
