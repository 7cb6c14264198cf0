//! Cancellation, time limits and approvals.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentic_core::{
    Approval, Budget, CancelReason, Cancellation, ChatModel, Decision, EffectClass::*, EffectContext,
    EventKind, ModelContext, ModelDelta, ModelError, ModelInfo, ModelRequest, ModelStream, Reason, RunStatus,
    StepError, Tool, ToolError, ToolErrorKind, ToolPolicy, ToolSpec, async_trait,
};
use agentic_core::{EffectClass, RunContext};
use agentic_runtime::{ApproveAll, Ephemeral, GRACE, RunContextExt as _};
use agentic_testkit::{EventLog, FakeSources};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Trace, agent, run, slow};

#[tokio::test(start_paused = true)]
async fn cancelling_answers_every_open_step_and_each_later_one() {
    let (run, _) = run();
    let cancellation = Cancellation::new();
    let trace = Trace::default();
    let (seen, cancel) = (trace.clone(), cancellation.clone());
    let agent = agent(move |cx| {
        let (trace, cancel) = (trace.clone(), cancel.clone());
        async move {
            let open = futures_util::future::join(
                slow(&cx, &trace, "pure", Pure, 1_000),
                slow(&cx, &trace, "unsafe", Unsafe, 1_000),
            );
            let canceller = async {
                cx.sleep(Duration::from_millis(10)).await.ok();
                cancel.cancel(CancelReason::Requested);
            };
            let ((pure, unsafe_), ()) = futures_util::join!(open, canceller);
            let cancelled = StepError::Cancelled(CancelReason::Requested);
            assert_eq!((pure.unwrap_err(), unsafe_.unwrap_err()), (cancelled.clone(), cancelled));
            slow(&cx, &trace, "later", Pure, 1).await
        }
    });
    let report = run.cancellation(cancellation).run(&agent, "go").await;
    assert_eq!((report.status, report.reason), (RunStatus::Cancelled, Some(Reason::Cancelled)));
    assert_eq!(seen.notes(), ["pure starts", "unsafe starts", "unsafe ends"], "unsafe work is never cut");
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_time_is_up_is_cancelled_for_that() {
    let (run, _) = run();
    let agent = agent(|cx| async move { slow(&cx, &Trace::default(), "long", Pure, 10_000).await });
    let budget = Budget::unlimited().with_wall_time(Duration::from_secs(1));
    let report = run.budget(budget).run(&agent, "go").await;
    assert_eq!((report.status, report.reason), (RunStatus::Failed, Some(Reason::TimedOut)));
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_time_is_up_leaves_the_callers_flag_alone() {
    let (run, _) = run();
    let agent = agent(|cx| async move { slow(&cx, &Trace::default(), "step", Pure, 10_000).await });
    let shared = Cancellation::new();
    let run = run.cancellation(shared.clone());
    let limited = run.clone().budget(Budget::unlimited().with_wall_time(Duration::from_secs(1)));
    assert_eq!(limited.run(&agent, "go").await.reason, Some(Reason::TimedOut));
    assert!(!shared.is_cancelled());
    assert_eq!(run.run(&agent, "go").await.status, RunStatus::Completed, "another run goes on");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_does_not_return_is_dropped() {
    let never = agent(|_| std::future::pending());
    let again = agent(|cx| async move {
        while slow(&cx, &Trace::default(), "again", Pure, 1).await.is_err() {}
        std::future::pending().await
    });
    for agent in [never, again] {
        let (run, _) = run();
        let budget = Budget::unlimited().with_wall_time(Duration::from_secs(1));
        let report = run.budget(budget).run(&agent, "go").await;
        assert_eq!((report.status, report.reason), (RunStatus::Failed, Some(Reason::TimedOut)));
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_limit_also_holds_where_nobody_drives() {
    let cx = Ephemeral::new()
        .sources(FakeSources::seeded(1))
        .budget(Budget::unlimited().with_wall_time(Duration::from_secs(1)))
        .context();
    let trace = Trace::default();
    let error = slow(&cx, &trace, "long", Pure, 10_000).await.unwrap_err();
    assert_eq!(error, StepError::Cancelled(CancelReason::TimedOut));
    assert!(slow(&cx, &trace, "next", Pure, 1).await.is_err());
    assert_eq!(trace.notes(), ["long starts"]);
}

#[tokio::test(start_paused = true)]
async fn what_must_not_be_cut_outlives_the_time_limit_where_nobody_drives() {
    let log = Arc::new(EventLog::new());
    let cx = Ephemeral::new()
        .sources(FakeSources::seeded(1))
        .events(log.clone())
        .budget(Budget::unlimited().with_wall_time(Duration::from_secs(1)))
        .context();
    let trace = Trace::default();
    let error = slow(&cx, &trace, "deed", Unsafe, 10_000).await.unwrap_err();
    assert_eq!(error, StepError::Cancelled(CancelReason::TimedOut));
    assert_eq!(trace.notes(), ["deed starts"], "the agent hears of it in time");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(trace.notes(), ["deed starts", "deed ends"]);
    assert!(
        log.kinds().iter().any(|kind| matches!(kind, EventKind::StepLate { .. })),
        "and the reader of events"
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_that_may_not_start_is_told_as_refused() {
    let (run, log) = run();
    let cancellation = Cancellation::new();
    let flag = cancellation.clone();
    let agent = agent(move |cx| {
        flag.cancel(CancelReason::Requested);
        async move { slow(&cx, &Trace::default(), "late", Pure, 1).await }
    });
    run.cancellation(cancellation).run(&agent, "go").await;
    let told: Vec<_> = log
        .kinds()
        .into_iter()
        .filter_map(|kind| match kind {
            EventKind::StepRefused { step, error, .. } => Some((step.to_string(), error)),
            EventKind::StepStarted { .. } | EventKind::StepFinished { .. } => panic!("it never began"),
            _ => None,
        })
        .collect();
    assert_eq!(told, [("late".to_owned(), StepError::Cancelled(CancelReason::Requested).to_string())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_ends_many_steps_on_two_threads_each_once() {
    for round in 0..50 {
        let (run, log) = run();
        let cancellation = Cancellation::new();
        let flag = cancellation.clone();
        let agent = agent(move |cx| {
            let flag = flag.clone();
            async move {
                let steps = (0..40).map(|n| {
                    let (cx, flag) = (cx.keyed("side", n), flag.clone());
                    async move {
                        let ends = cx.effect("one", Pure, "", move |_| async move {
                            for _ in 0..n % 7 {
                                tokio::task::yield_now().await;
                            }
                            if n == round % 40 {
                                flag.cancel(CancelReason::Requested);
                            }
                            Ok::<_, String>(())
                        });
                        ends.await
                    }
                });
                let all = join_all(steps).await;
                all.into_iter().collect::<Result<Vec<_>, _>>().map(|_| String::new())
            }
        });
        let report = run.cancellation(cancellation).run(&agent, "go").await;
        log.assert_gap_free();
        let kinds = log.kinds();
        let ends = kinds
            .iter()
            .filter(|kind| matches!(kind, EventKind::StepFinished { .. } | EventKind::StepRefused { .. }));
        assert_eq!(ends.count(), 40, "round {round}: {report:?}");
        assert!(matches!(kinds.last(), Some(EventKind::RunFinished { .. })));
    }
}

/// A model that goes on writing after it was cut off.
#[derive(Debug)]
struct Chatty {
    info: ModelInfo,
    /// Where it would write to.
    context: Arc<Mutex<Option<ModelContext>>>,
}

#[async_trait]
impl ChatModel for Chatty {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn stream(&self, _: ModelRequest, mcx: ModelContext) -> Result<ModelStream, ModelError> {
        mcx.delta(ModelDelta::Text { text: "before".into() });
        *self.context.lock().unwrap() = Some(mcx);
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_was_cut_off_is_not_heard_any_more() {
    let (run, log) = run();
    let context = Arc::<Mutex<Option<ModelContext>>>::default();
    let model: Arc<dyn ChatModel> =
        Arc::new(Chatty { info: ModelInfo::new("chatty"), context: context.clone() });
    let agent = agent(move |cx| {
        let model = model.clone();
        async move { cx.model(&model, ModelRequest::default()).await.map(|response| response.text()) }
    });
    let budget = Budget::unlimited().with_wall_time(Duration::from_secs(1));
    run.budget(budget).run(&agent, "go").await;
    context.lock().unwrap().take().unwrap().delta(ModelDelta::Text { text: "after".into() });
    let said: Vec<_> =
        log.kinds().into_iter().filter(|kind| matches!(kind, EventKind::StepDelta { .. })).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(matches!(log.kinds().last(), Some(EventKind::RunFinished { .. })));
}

/// Sleeps for 100 seconds; an effect of this class.
#[derive(Debug)]
struct Sleepy(Arc<ToolSpec>, EffectClass);

impl Sleepy {
    fn tool(class: EffectClass) -> Arc<dyn Tool> {
        let policy = ToolPolicy::default().with_timeout(Duration::from_secs(2));
        let spec = ToolSpec::new("sleepy", "Sleeps.", json!({"type": "object"})).with_policy(policy);
        Arc::new(Self(Arc::new(spec), class))
    }
}

#[async_trait]
impl Tool for Sleepy {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.0
    }

    fn effect(&self, _: &Value) -> EffectClass {
        self.1
    }

    async fn call(&self, _: Value, ecx: EffectContext) -> Result<Value, ToolError> {
        ecx.sleep(Duration::from_secs(100)).await;
        Ok("slept".into())
    }
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_takes_too_long_is_stopped_and_named() {
    let cx = Ephemeral::new().sources(FakeSources::seeded(1)).context();
    let Err(StepError::Tool(error)) = cx.tool(&Sleepy::tool(Pure), json!({})).await else {
        panic!("it times out")
    };
    assert_eq!(error.kind(), ToolErrorKind::TimedOut);
    assert_eq!(error.message(), "`sleepy` took longer than its 2.0 s and was stopped");
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_must_not_be_cut_is_answered_in_time_and_goes_on() {
    let (run, log) = run();
    let agent = agent(|cx| async move {
        let began = cx.now();
        let outcome = cx.tool(&Sleepy::tool(Unsafe), json!({})).await;
        let Err(StepError::Tool(error)) = outcome else { panic!("it times out") };
        assert_eq!(error.kind(), ToolErrorKind::TimedOut);
        assert!(error.message().ends_with("may still be at work: it must not be cut off"), "{error}");
        assert_eq!(cx.now().since(began), Duration::from_secs(2) + GRACE);
        Ok("gone on".into())
    });
    let report = run.run(&agent, "go").await;
    assert_eq!((report.result.unwrap().text(), report.spend.tool_calls), ("gone on".into(), 1));
    let late = log.kinds().into_iter().find_map(|kind| match kind {
        EventKind::StepLate { result, .. } => Some(result),
        _ => None,
    });
    assert_eq!(late, Some("slept".into()), "what came of it is told");
}

#[tokio::test(start_paused = true)]
async fn approvals_are_denied_unless_somebody_is_there() {
    let approval = || Approval::new("May I?");
    let denied = RunContext::ephemeral().approve(approval()).await.unwrap();
    assert!(matches!(denied, Decision::Deny { reason } if reason == "nobody is there to approve it"));
    let cx = Ephemeral::new().approver(ApproveAll).context();
    assert_eq!(cx.approve(approval()).await.unwrap(), Decision::Approve);
}
