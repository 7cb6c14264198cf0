//! Order of delivery, step ids, effects that outlive their step, misuse.

use std::time::Duration;

use agentic_core::{EffectClass::*, EventKind, RunContext, RunStatus, StepError};
use agentic_runtime::RunContextExt as _;
use futures_util::future::{Either, join_all};
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use crate::support::{Trace, agent, run, slow};

#[tokio::test(start_paused = true)]
async fn outcomes_come_in_the_order_in_which_effects_end() {
    let (run, log) = run();
    let agent = agent(|cx| async move {
        let trace = Trace::default();
        let mut steps: FuturesUnordered<_> = [("c", 30), ("a", 10), ("b", 20)]
            .into_iter()
            .map(|(name, ms)| slow(&cx, &trace, name, Pure, ms))
            .collect();
        let mut order = String::new();
        while let Some(name) = steps.next().await {
            order.push_str(&name?);
        }
        Ok(order)
    });
    let report = run.run(&agent, "go").await;
    assert_eq!(report.result.unwrap().text(), "abc");
    log.assert_gap_free();
}

#[tokio::test(start_paused = true)]
async fn what_one_outcome_leads_to_happens_before_the_next_outcome() {
    // Both effects end at the same instant. The agent hears of one, goes on through a channel to another part of
    // itself, and only then hears of the other.
    let (run, _) = run();
    let agent = agent(|cx| async move {
        let trace = Trace::default();
        let (tell, mut hear) = tokio::sync::mpsc::unbounded_channel();
        let ends = |name| {
            let (step, tell, trace) = (slow(&cx, &trace, name, Pure, 10), tell.clone(), trace.clone());
            async move {
                let name = step.await?;
                trace.note(format!("heard {name}"));
                tell.send(name).map_err(|_| StepError::Cancelled(agentic_core::CancelReason::Requested))
            }
        };
        let listener = async {
            for _ in 0..2 {
                let name = hear.recv().await.unwrap_or_default();
                trace.note(format!("passed on {name}"));
            }
            Ok(())
        };
        let (a, b, c) = futures_util::join!(ends("a"), ends("b"), listener);
        a.and(b).and(c)?;
        let heard =
            trace.notes().into_iter().filter(|note| !note.contains("ends") && !note.contains("starts"));
        Ok(heard.collect::<Vec<_>>().join(", "))
    });
    let report = run.run(&agent, "go").await;
    assert_eq!(report.result.unwrap().text(), "heard a, passed on a, heard b, passed on b");
}

#[tokio::test(start_paused = true)]
async fn ids_are_derived_from_scopes_and_use() {
    let cx = RunContext::ephemeral();
    let trace = Trace::default();
    let id = |cx: &RunContext| slow(cx, &trace, "x", Pure, 1).id().to_string();
    let first = cx.scope("plan");
    let second = cx.scope("plan");
    assert_eq!(id(&first), "plan/x");
    assert_eq!(id(&first), "plan/x@1");
    assert_eq!(id(&second), "plan@1/x");
    assert_eq!(id(&second.keyed("task", "t2").turn()), "plan@1/task:t2/turn/x");
    assert_eq!(id(&cx.keyed("task", "a/b@1")), "task:a%2Fb%401/x", "a key can't pretend to be a path");
    assert_eq!(id(&cx.keyed("task", "a_b_1")), "task:a_b_1/x", "nor to be another key");
}

#[tokio::test(start_paused = true)]
async fn effects_go_on_while_their_step_is_not_polled() {
    let cx = RunContext::ephemeral();
    let trace = Trace::default();
    let mut first = slow(&cx, &trace, "first", Pure, 10);
    assert!(futures_util::poll!(&mut first).is_pending());
    slow(&cx, &trace, "second", Pure, 20).await.unwrap();
    assert_eq!(trace.notes(), ["first starts", "second starts", "first ends", "second ends"]);
    assert_eq!(first.await.unwrap(), "first");
}

#[tokio::test(start_paused = true)]
async fn a_race_cuts_the_loser_off_unless_it_must_not_be_cut() {
    for (class, ends) in
        [(Pure, false), (Idempotent, false), (Keyed, false), (Checkable, true), (Unsafe, true)]
    {
        let (run, log) = run();
        let trace = Trace::default();
        let seen = trace.clone();
        let agent = agent(move |cx| {
            let trace = trace.clone();
            async move {
                let (fast, slow) =
                    (slow(&cx, &trace, "fast", Pure, 10), slow(&cx, &trace, "slow", class, 50));
                match cx.race(fast, slow).await {
                    Either::Left(name) | Either::Right(name) => name,
                }
            }
        });
        let report = run.run(&agent, "go").await;
        assert_eq!(report.result.unwrap().text(), "fast");
        assert_eq!(seen.notes().contains(&"slow ends".into()), ends, "{class:?}");
        assert!(log.kinds().iter().any(|kind| matches!(kind, EventKind::StepDropped { .. })));
        let late = log.kinds().iter().any(|kind| matches!(kind, EventKind::StepLate { .. }));
        assert_eq!(late, ends, "{class:?}: what ends late is told");
        assert!(matches!(log.kinds().last(), Some(EventKind::RunFinished { .. })), "the run ends after them");
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_gives_none_and_what_is_in_time_gives_some() {
    let cx = RunContext::ephemeral();
    let trace = Trace::default();
    let limit = Duration::from_millis(20);
    assert!(cx.timeout(limit, slow(&cx, &trace, "late", Pure, 30)).await.unwrap().is_none());
    assert!(cx.timeout(limit, slow(&cx, &trace, "early", Pure, 10)).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn all_keeps_order_and_bounds_what_runs_at_once() {
    let cx = RunContext::ephemeral();
    let trace = Trace::default();
    let outputs = cx
        .all("side", 2, [30_u64, 10, 20], |cx, ms| {
            let trace = trace.clone();
            async move {
                slow(&cx, &trace, "work", Pure, ms).await.unwrap();
                format!("{}={ms}", cx.path())
            }
        })
        .await;
    assert_eq!(outputs, ["side:30=30", "side:10=10", "side:20=20"]);
    let (mut running, mut most) = (0, 0);
    for note in trace.notes() {
        running += if note.ends_with("starts") { 1 } else { -1 };
        most = most.max(running);
    }
    assert_eq!(most, 2);
}

#[tokio::test(start_paused = true)]
async fn all_lets_a_slow_item_delay_none_behind_it() {
    let cx = RunContext::ephemeral();
    let trace = Trace::default();
    cx.all("side", 2, ["slow", "fast", "faster"], |cx, name| {
        let trace = trace.clone();
        async move { slow(&cx, &trace, name, Pure, if name == "slow" { 50 } else { 10 }).await }
    })
    .await;
    let ends = trace.notes().into_iter().filter(|note| note.ends_with("ends"));
    assert_eq!(ends.collect::<Vec<_>>(), ["fast ends", "faster ends", "slow ends"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_json_form_is_an_error_of_its_step() {
    let cx = RunContext::ephemeral();
    let unwritable = std::collections::BTreeMap::from([((1, 2), 3)]);
    let step = cx.effect("odd", Pure, &unwritable, |_| async { Ok::<_, String>(()) });
    let error = step.await.unwrap_err().to_string();
    assert!(error.starts_with("step `odd` failed: its request can't be written as JSON"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_is_delivered_is_booked_before_anybody_hears_of_it() {
    let cx = RunContext::ephemeral();
    let model: std::sync::Arc<dyn agentic_core::ChatModel> =
        std::sync::Arc::new(agentic_testkit::ScriptedModel::new().says("x"));
    cx.model(&model, agentic_core::ModelRequest::default()).await.unwrap();
    assert_eq!(cx.budget().spent.model_calls, 1);
}

#[tokio::test(start_paused = true)]
async fn who_delivers_may_be_dropped() {
    // The step whose task delivers is dropped by the one that it delivers to.
    let cx = RunContext::ephemeral();
    let trace = Trace::default();
    for _ in 0..20 {
        let (fast, other) = (slow(&cx, &trace, "fast", Pure, 10), slow(&cx, &trace, "other", Pure, 10));
        cx.race(fast, other).await;
        let later = cx.timeout(Duration::from_secs(1), slow(&cx, &trace, "later", Pure, 1));
        assert!(later.await.unwrap().is_some(), "outcomes are still delivered");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_panics_does_not_stop_the_run() {
    #[derive(Debug)]
    struct Bad;
    impl agentic_core::EventSink for Bad {
        fn on_event(&self, _: &agentic_core::Event) {
            panic!("a bad sink");
        }
    }
    let cx = agentic_runtime::Ephemeral::new().events(std::sync::Arc::new(Bad)).context();
    let trace = Trace::default();
    assert_eq!(slow(&cx, &trace, "one", Pure, 10).await.unwrap(), "one");
    assert_eq!(slow(&cx, &trace, "two", Pure, 10).await.unwrap(), "two");
}

#[tokio::test(start_paused = true)]
async fn no_step_starts_inside_an_effect() {
    let cx = RunContext::ephemeral();
    let inner = cx.clone();
    let outer = cx.effect("outer", Pure, "", move |_| async move {
        let step = inner.effect("inner", Pure, "", |_| async { Ok::<_, String>(1) });
        step.await.map_err(|error| error.to_string())
    });
    let error = outer.await.map(|n: i32| n).unwrap_err().to_string();
    assert!(error.contains("`inner` was started inside an effect"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_an_effect_is_an_error_of_its_step() {
    let cx = RunContext::ephemeral();
    let step = cx.effect("bad", Pure, "", |_| async {
        if true {
            panic!("oh no");
        }
        Ok::<_, String>(())
    });
    let error = step.await.unwrap_err().to_string();
    assert!(error.contains("`bad` panicked: oh no"), "{error}");
}

#[test]
fn without_a_runtime_a_step_says_so() {
    let cx = RunContext::ephemeral();
    let step = cx.effect("x", Pure, "", |_| async { Ok::<_, String>(()) });
    let error = futures_util::FutureExt::now_or_never(step).unwrap().unwrap_err().to_string();
    assert!(error.contains("no tokio runtime"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_steps_on_two_threads_all_come_home() {
    let (run, log) = run();
    let agent = agent(|cx| async move {
        let sides = (0..100).map(|n| {
            let cx = cx.keyed("side", n);
            async move {
                for _ in 0..100 {
                    cx.effect("one", Pure, "", |_| async {
                        tokio::task::yield_now().await;
                        Ok::<_, String>(1_u32)
                    })
                    .await?;
                }
                Ok::<_, StepError>(100_u32)
            }
        });
        let sums = join_all(sides).await.into_iter().sum::<Result<u32, _>>()?;
        Ok(sums.to_string())
    });
    let report = run.run(&agent, "go").await;
    assert_eq!(report.status, RunStatus::Completed);
    assert_eq!(report.result.unwrap().text(), "10000");
    log.assert_gap_free();
}
