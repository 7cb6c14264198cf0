//! Cancellation, time limits and approvals.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    Approval, Budget, CancelReason, Cancellation, Decision, EffectClass::*, EffectContext, EventKind, Reason,
    RunStatus, StepError, Tool, ToolError, ToolErrorKind, ToolPolicy, ToolSpec, async_trait,
};
use agentic_core::{EffectClass, RunContext};
use agentic_runtime::{ApproveAll, Ephemeral, GRACE, RunContextExt as _};
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
        .sources(agentic_testkit::FakeSources::seeded(1))
        .budget(Budget::unlimited().with_wall_time(Duration::from_secs(1)))
        .context();
    let trace = Trace::default();
    let error = slow(&cx, &trace, "long", Pure, 10_000).await.unwrap_err();
    assert_eq!(error, StepError::Cancelled(CancelReason::TimedOut));
    assert!(slow(&cx, &trace, "next", Pure, 1).await.is_err());
    assert_eq!(trace.notes(), ["long starts"]);
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
    let cx = Ephemeral::new().sources(agentic_testkit::FakeSources::seeded(1)).context();
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
    let approval = || Approval { question: "May I?".into(), tool: None, arguments: Value::Null };
    let denied = RunContext::ephemeral().approve(approval()).await.unwrap();
    assert!(matches!(denied, Decision::Deny { reason } if reason == "nobody is there to approve it"));
    let cx = Ephemeral::new().approver(ApproveAll).context();
    assert_eq!(cx.approve(approval()).await.unwrap(), Decision::Approve);
}
