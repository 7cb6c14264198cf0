//! Budgets that a whole tree shares.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    Agent as _, Budget, CancelReason, ChatModel, Goal, Message, ModelRequest, NanoUsd, Price, Reason,
    Resource, RunContext, StepError, Usage,
};
use agentic_runtime::Ephemeral;
use agentic_testkit::{FakeSources, ScriptedModel};
use futures_util::future::join_all;

use crate::support::agent;

fn ask(max_output_tokens: u64) -> ModelRequest {
    ModelRequest::new([Message::user("0123456789")].into_iter().collect())
        .with_max_output_tokens(max_output_tokens)
}

fn under(budget: Budget) -> RunContext {
    Ephemeral::new().sources(FakeSources::seeded(1)).budget(budget).context()
}

#[tokio::test(start_paused = true)]
async fn calls_at_the_same_time_cannot_overrun_together() {
    // Each call holds 26 tokens of input and up to 100 of output; each takes 60. Five at once would take 300.
    let usage = Usage { input_tokens: 20, output_tokens: 40, ..Usage::default() };
    let script = (0..5)
        .fold(ScriptedModel::new(), |model, _| model.says("x").using(usage).after(Duration::from_millis(5)));
    let model: Arc<dyn ChatModel> = Arc::new(script.clone());
    let cx = under(Budget::unlimited().with_tokens(200));
    let outcomes = join_all((0..5).map(|_| cx.model(&model, ask(100)))).await;
    let went = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(went, 2, "126 tokens are held by the first, 74 are left for the second");
    assert_eq!(script.requests()[1].max_output_tokens, Some(74 - 26), "the second is granted what is left");
    assert!(cx.ledger().spent().tokens() <= 200);
    assert_eq!(cx.ledger().held().tokens(), 0, "nothing stays held");
    let refused = outcomes.into_iter().find_map(Result::err).unwrap();
    let StepError::Budget(error) = &refused else { panic!("{refused}") };
    assert_eq!((error.what, error.limit), (Resource::Tokens, 200));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_cut_off_is_booked_as_all_that_it_held() {
    let limited = || under(Budget::unlimited().with_tokens(200).with_wall_time(Duration::from_secs(1)));
    let slow =
        || -> Arc<dyn ChatModel> { Arc::new(ScriptedModel::new().says("x").after(Duration::from_secs(10))) };
    let cx = limited();
    let late = cx.model(&slow(), ask(100)).await.unwrap_err();
    assert_eq!(late, StepError::Cancelled(CancelReason::TimedOut));
    assert_eq!(cx.ledger().spent().tokens(), 126, "the time was up");
    let cx = limited();
    assert!(cx.timeout(Duration::from_millis(5), cx.model(&slow(), ask(100))).await.unwrap().is_none());
    assert_eq!(cx.ledger().spent().tokens(), 126, "nobody waited any more");
    assert_eq!(cx.ledger().held().tokens(), 0);
}

#[tokio::test(start_paused = true)]
async fn money_needs_a_price_and_is_kept() {
    let cx = under(Budget::unlimited().with_cost(NanoUsd::from_dollars(0.001).unwrap()));
    let free: Arc<dyn ChatModel> = Arc::new(ScriptedModel::new().says("x"));
    let error = cx.model(&free, ask(10)).await.unwrap_err();
    assert!(matches!(error, StepError::Budget(error) if error.what == Resource::NanoUsd), "unknown price");

    let dollar = NanoUsd::from_dollars(1.0).unwrap();
    let usage = Usage { input_tokens: 100, output_tokens: 400, ..Usage::default() };
    let model = ScriptedModel::new()
        .with_info(|info| info.price = Some(Price { input: dollar, cached_input: dollar, output: dollar }))
        .says("x")
        .using(usage)
        .says("y");
    let priced: Arc<dyn ChatModel> = Arc::new(model.clone());
    cx.model(&priced, ask(5_000)).await.unwrap();
    assert_eq!(
        model.requests()[0].max_output_tokens,
        Some(1_000 - 26),
        "a dollar a million tokens, 0.1 cents"
    );
    assert_eq!(cx.ledger().spent().cost, NanoUsd::from_dollars(0.0005).unwrap());
    cx.model(&priced, ask(5_000)).await.unwrap();
    assert_eq!(model.requests()[1].max_output_tokens, Some(500 - 26));
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_a_request_keeps_its_own() {
    let model = ScriptedModel::new().says("x");
    let shared: Arc<dyn ChatModel> = Arc::new(model.clone());
    let cx = under(Budget::unlimited());
    let request = ModelRequest::new([Message::user("hi")].into_iter().collect());
    cx.model(&shared, request).await.unwrap();
    assert_eq!(model.requests()[0].max_output_tokens, None);
}

#[tokio::test(start_paused = true)]
async fn turns_are_shared_and_counted_once_each() {
    let model: Arc<dyn ChatModel> = Arc::new(ScriptedModel::new().says("a").says("b").says("c").says("d"));
    let cx = under(Budget::unlimited().with_turns(2));
    let turn = cx.turn();
    turn.model(&model, ask(10)).await.unwrap();
    turn.model(&model, ask(10)).await.unwrap(); // the same turn asks again
    cx.scope("other").turn().model(&model, ask(10)).await.unwrap();
    let error = cx.turn().model(&model, ask(10)).await.unwrap_err();
    assert!(matches!(error, StepError::Budget(error) if error.what == Resource::Turns));
    assert_eq!(cx.ledger().spent().turns, 2);
}

#[tokio::test(start_paused = true)]
async fn agents_nest_only_so_deep() {
    let cx = under(Budget::unlimited().with_depth(1));
    let inner = agent(|_| async { Ok("in".into()) });
    let outer = {
        let inner = Arc::new(inner);
        agent(move |cx| {
            let inner = inner.clone();
            async move {
                let outcome = cx.call("inner", &*inner, Goal::new("x")).await;
                Ok(outcome.map_or_else(|error| error.to_string(), |outcome| outcome.text()))
            }
        })
    };
    assert_eq!(outer.run(Goal::new("x"), &cx).await.unwrap().text(), "in");
    let nested = cx.call("outer", &outer, Goal::new("x")).await.unwrap().text();
    assert!(nested.starts_with("budget of 1 levels of nested agents is exhausted"), "{nested}");
}

#[tokio::test(start_paused = true)]
async fn an_exhausted_budget_is_the_reason_of_the_run() {
    let model: Arc<dyn ChatModel> = Arc::new(ScriptedModel::new().says("x"));
    let agent = agent(move |cx| {
        let model = model.clone();
        async move { Ok(cx.model(&model, ask(10)).await?.text()) }
    });
    let run = Ephemeral::new().sources(FakeSources::seeded(1)).budget(Budget::unlimited().with_tokens(5));
    let report = run.run(&agent, "go").await;
    assert_eq!(report.reason, Some(Reason::BudgetExhausted));
}
