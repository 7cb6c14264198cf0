//! Budgets that a whole tree shares.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    Agent as _, Budget, CancelReason, Cancellation, ChatModel, EffectClass::Pure, Goal, Message,
    ModelErrorKind, ModelRequest, NanoUsd, Price, Reason, Resource, RunContext, StepError, Usage,
};
use agentic_runtime::{Ephemeral, RunContextExt as _};
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

/// Upper bound of the prompt's tokens: ten of text, and what a template may add around the message and its part.
const PROMPT: u64 = 10 + 16 + 16;

#[tokio::test(start_paused = true)]
async fn calls_at_the_same_time_cannot_overrun_together() {
    // Each call holds 42 tokens of input and up to 100 of output; each takes 60. Five take 300.
    let usage = Usage { input_tokens: 20, output_tokens: 40, ..Usage::default() };
    let script = (0..5)
        .fold(ScriptedModel::new(), |model, _| model.says("x").using(usage).after(Duration::from_millis(5)));
    let model: Arc<dyn ChatModel> = Arc::new(script.clone());
    let cx = under(Budget::unlimited().with_tokens(200));
    let outcomes = join_all((0..5).map(|_| cx.model(&model, ask(100)))).await;
    let granted: Vec<_> = script.requests().iter().map(|request| request.max_output_tokens).collect();
    // The first holds 142, so the others wait, each until the one before it is settled. After the third, nothing fits.
    assert_eq!(granted, [Some(100), Some(200 - 60 - PROMPT), Some(200 - 120 - PROMPT)]);
    assert_eq!(cx.budget().spent.tokens(), 180);
    assert_eq!(cx.budget().held.tokens(), 0, "nothing stays held");
    let refused: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 2);
    let StepError::Budget(error) = &refused[0] else { panic!("{refused:?}") };
    assert_eq!((error.what, error.limit, error.spent), (Resource::Tokens, 200, 180));
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_what_another_holds() {
    let usage = Usage { input_tokens: 20, output_tokens: 40, ..Usage::default() };
    let (first, second) = (Duration::from_millis(50), Duration::from_millis(10));
    let script = ScriptedModel::new().says("first").using(usage).after(first).says("second").after(second);
    let model: Arc<dyn ChatModel> = Arc::new(script.clone());
    let cx = under(Budget::unlimited().with_tokens(1_000));
    // Neither names a limit, so the first is granted all there is, and the second what is left by then.
    let open = || ModelRequest::new([Message::user("0123456789")].into_iter().collect());
    let (one, other) = futures_util::join!(cx.model(&model, open()), cx.model(&model, open()));
    assert_eq!((one.unwrap().text(), other.unwrap().text()), ("first".into(), "second".into()));
    let granted: Vec<_> = script.requests().iter().map(|request| request.max_output_tokens).collect();
    assert_eq!(granted, [Some(1_000 - PROMPT), Some(1_000 - 60 - PROMPT)]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_budget_can_be_dropped_and_cancelled() {
    let script = (0..4).fold(ScriptedModel::new(), |model, _| model.says("x").after(Duration::from_secs(10)));
    let slow: Arc<dyn ChatModel> = Arc::new(script);
    let limit = Budget::unlimited().with_tokens(PROMPT + 100);
    let cx = under(limit);
    let mut holds = cx.model(&slow, ask(100));
    assert!(futures_util::poll!(&mut holds).is_pending());
    let waits = cx.timeout(Duration::from_secs(1), cx.model(&slow, ask(100)));
    assert!(waits.await.unwrap().is_none(), "it never started");
    assert_eq!(cx.budget().spent.tokens(), 0, "so nothing is booked for it");
    drop(holds);

    let cancellation = Cancellation::new();
    let run = Ephemeral::new().sources(FakeSources::seeded(1)).budget(limit);
    let cx = run.cancellation(cancellation.clone()).context();
    let both = futures_util::future::join(cx.model(&slow, ask(100)), cx.model(&slow, ask(100)));
    let cancels = async {
        cx.sleep(Duration::from_secs(1)).await.unwrap();
        cancellation.cancel(CancelReason::Requested);
    };
    let ((one, other), ()) = futures_util::join!(both, cancels);
    let cancelled = StepError::Cancelled(CancelReason::Requested);
    assert_eq!((one.unwrap_err(), other.unwrap_err()), (cancelled.clone(), cancelled));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_before_it_begins_takes_nothing() {
    let fails =
        ScriptedModel::new().fails(ModelErrorKind::Unavailable, "down").after(Duration::from_millis(5));
    let model: Arc<dyn ChatModel> = Arc::new(fails.clone());
    let report = {
        let agent = agent(move |cx| {
            let model = model.clone();
            async move {
                let both =
                    futures_util::future::try_join(cx.model(&model, ask(100)), cx.model(&model, ask(100)));
                // The first fails, which lets the second begin, which is dropped at once.
                assert!(both.await.is_err());
                Ok(cx.budget().spent.tokens().to_string())
            }
        });
        let run = Ephemeral::new().sources(FakeSources::seeded(1));
        run.budget(Budget::unlimited().with_tokens(PROMPT + 100)).run(&agent, "go").await
    };
    assert_eq!(report.result.unwrap().text(), "0");
    assert_eq!(fails.requests().len(), 1);
}

#[test]
fn a_runtime_may_end_while_outcomes_wait_to_be_delivered() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cx = RunContext::ephemeral();
    runtime.block_on(async {
        let quick = |name| Box::pin(cx.effect(name, Pure, "", |_| async { Ok::<_, String>(()) }));
        let mut steps = ["a", "b", "c", "d"].map(quick);
        for step in &mut steps {
            assert!(futures_util::poll!(step).is_pending());
        }
        // The first is delivered, the others are still queued when the runtime is dropped.
        let [first, ..] = &mut steps;
        first.await.unwrap();
        steps.into_iter().for_each(std::mem::forget);
    });
    drop(runtime);
    assert_eq!(cx.budget().held.tokens(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_cut_off_is_booked_as_all_that_it_held() {
    let limited = || under(Budget::unlimited().with_tokens(200).with_wall_time(Duration::from_secs(1)));
    let slow =
        || -> Arc<dyn ChatModel> { Arc::new(ScriptedModel::new().says("x").after(Duration::from_secs(10))) };
    let cx = limited();
    let late = cx.model(&slow(), ask(100)).await.unwrap_err();
    assert_eq!(late, StepError::Cancelled(CancelReason::TimedOut));
    assert_eq!(cx.budget().spent.tokens(), PROMPT + 100, "the time was up");
    let cx = limited();
    assert!(cx.timeout(Duration::from_millis(5), cx.model(&slow(), ask(100))).await.unwrap().is_none());
    assert_eq!(cx.budget().spent.tokens(), PROMPT + 100, "nobody waited any more");
    assert_eq!(cx.budget().held.tokens(), 0);
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
        Some(1_000 - PROMPT),
        "a dollar a million tokens, 0.1 cents"
    );
    assert_eq!(cx.budget().spent.cost, NanoUsd::from_dollars(0.0005).unwrap());
    cx.model(&priced, ask(5_000)).await.unwrap();
    assert_eq!(model.requests()[1].max_output_tokens, Some(500 - PROMPT));
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
    assert_eq!(cx.budget().spent.turns, 2);
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

#[tokio::test(start_paused = true)]
async fn a_scope_keeps_limits_of_its_own_and_ends_nothing_but_itself() {
    let model: Arc<dyn ChatModel> = Arc::new((0..8).fold(ScriptedModel::new(), |model, _| model.says("x")));
    let cx = under(Budget::unlimited().with_model_calls(5));
    let small = cx.limited("small", Budget::unlimited().with_model_calls(2));
    let below = small.scope("deep").scope("deeper");
    for _ in 0..2 {
        below.model(&model, ask(10)).await.unwrap();
    }
    let refused = below.model(&model, ask(10)).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "budget of 2 model calls for `small` is exhausted: 2 spent, 0 reserved, 1 more asked for; give it more or ask for less"
    );
    assert!(refused.ends(&small) && refused.ends(&below) && !refused.ends(&cx));
    let StepError::Budget(limit) = &refused else { panic!("{refused:?}") };
    assert!(!limit.fits_if_raised(), "a share is not raised");

    let beside = cx.counted("smaller");
    beside.model(&model, ask(10)).await.unwrap();
    assert_eq!(beside.spent().model_calls, 1, "what is taken elsewhere does not count");
    assert_eq!(beside.limits().model_calls, Some(5), "the run's limit holds everywhere");
    assert_eq!((small.spent().model_calls, cx.budget().spent.model_calls), (2, 3));
    for _ in 0..2 {
        beside.model(&model, ask(10)).await.unwrap();
    }
    let refused = beside.model(&model, ask(10)).await.unwrap_err();
    assert!(refused.ends(&cx), "the run's own limit: {refused}");
}

#[tokio::test(start_paused = true)]
async fn a_share_of_a_share_is_smaller_still() {
    let cx = under(Budget::unlimited().with_tokens(10_000).with_tool_calls(3));
    let half = cx.limited("half", cx.limits().share(0.5));
    let quarter = half.limited("half", half.limits().share(0.5));
    let limits = quarter.limits();
    assert_eq!((limits.tokens, limits.tool_calls), (Some(2_500), Some(1)));
    assert_eq!(limits.model_calls, None, "of what has no limit there is no share");
    assert_eq!(cx.limits().share(7.0).tokens, Some(10_000));
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_what_another_holds_of_its_scope() {
    let usage = Usage { input_tokens: 20, output_tokens: 40, ..Usage::default() };
    let late = Duration::from_millis(50);
    let script = ScriptedModel::new().says("first").using(usage).after(late).says("second").using(usage);
    let model: Arc<dyn ChatModel> = Arc::new(script.clone());
    let cx = under(Budget::unlimited().with_tokens(10_000));
    let scope = cx.limited("scope", Budget::unlimited().with_tokens(200));
    let (one, other) = futures_util::join!(scope.model(&model, ask(100)), scope.model(&model, ask(100)));
    assert_eq!((one.unwrap().text(), other.unwrap().text()), ("first".into(), "second".into()));
    let granted: Vec<_> = script.requests().iter().map(|request| request.max_output_tokens).collect();
    assert_eq!(granted, [Some(100), Some(200 - 60 - PROMPT)]);
    assert_eq!((scope.spent().tokens(), cx.budget().held.tokens()), (120, 0));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_scope_lets_others_pass() {
    let late = Duration::from_secs(10);
    let slow: Arc<dyn ChatModel> = Arc::new(ScriptedModel::new().says("first").after(late).says("second"));
    let quick: Arc<dyn ChatModel> = Arc::new(ScriptedModel::new().says("quick").says("of the scope"));
    let cx = under(Budget::unlimited().with_tokens(10_000));
    let scope = cx.limited("scope", Budget::unlimited().with_tokens(PROMPT + 100));
    let (one, other) = (scope.model(&slow, ask(100)), scope.model(&slow, ask(100)));
    let elsewhere = async {
        let answer = cx.model(&quick, ask(100)).await.unwrap().text();
        (answer, cx.budget().held.model_calls)
    };
    let (one, other, elsewhere) = futures_util::join!(one, other, elsewhere);
    assert_eq!(elsewhere, ("quick".into(), 1), "while the first call of the scope is at work");
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
}

#[tokio::test(start_paused = true)]
async fn what_can_never_fit_is_refused_at_once() {
    let late = Duration::from_secs(10);
    let model: Arc<dyn ChatModel> = Arc::new(ScriptedModel::new().says("x").says("slow").after(late));
    let cx = under(Budget::unlimited().with_tokens(PROMPT + 200));
    let scope = cx.limited("scope", Budget::unlimited().with_model_calls(1));
    scope.model(&model, ask(10)).await.unwrap();
    let mut holds = cx.model(&model, ask(150));
    assert!(futures_util::poll!(&mut holds).is_pending());
    // The run's tokens are held by another call, and the scope has no call left, whoever gives back what.
    let mut refused = scope.model(&model, ask(100));
    let told = cx.timeout(Duration::from_secs(1), &mut refused).await.unwrap();
    let Some(Err(StepError::Budget(error))) = told else { panic!("{told:?}") };
    assert_eq!((error.what, error.scope.as_str()), (Resource::ModelCalls, "scope"));
}

#[tokio::test(start_paused = true)]
async fn an_account_is_there_as_long_as_anybody_is_in_its_scope() {
    let model: Arc<dyn ChatModel> = Arc::new((0..3).fold(ScriptedModel::new(), |model, _| model.says("x")));
    let cx = under(Budget::unlimited());
    let below = cx.limited("outer", Budget::unlimited().with_model_calls(1)).counted("inner").scope("deep");
    below.model(&model, ask(10)).await.unwrap();
    let refused = below.model(&model, ask(10)).await.unwrap_err();
    assert!(refused.to_string().contains("for `outer` is exhausted"), "{refused}");
    assert_eq!((below.spent().model_calls, below.limits().model_calls), (1, Some(1)));
}
