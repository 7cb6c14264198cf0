//! Runs that a process gives back, and reports of runs that are just being taken.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::{Approval, Budget, Decision, EffectClass, Reason, RunStatus};
use agentic_runtime::{MemoryStore, RunError, RunOptions, Runtime, Wait, replay};
use agentic_testkit::FakeSources;

use crate::support::{Scripted, Trace, agent, slow};

fn asker() -> Scripted {
    agent(|cx| async move {
        Ok(match cx.approve(Approval::new("go on?")).await? {
            Decision::Approve => "yes".into(),
            _ => "no".into(),
        })
    })
}

#[tokio::test(start_paused = true)]
async fn who_resumes_gets_the_new_report() {
    let runtime = Runtime::builder(MemoryStore::new()).sources(FakeSources::seeded(1)).build();
    let run = runtime.start(asker(), "go").await.unwrap();
    assert_eq!(run.report().await.unwrap().status, RunStatus::Waiting);
    let Some(Wait::Approval { step, digest, .. }) = runtime.questions(run.id()).await.unwrap().pop() else {
        panic!("it asks");
    };
    runtime.decide(run.id(), &step, digest, Decision::Approve, None).await.unwrap();
    // Its record still says that it waits.
    let report = runtime.resume(run.id()).await.unwrap().report().await.unwrap();
    assert_eq!(report.result.unwrap().text(), "yes");
}

#[tokio::test(start_paused = true)]
async fn an_interruption_tells_what_must_not_be_cut_to_end_and_keeps_what_came_of_it() {
    let store = Arc::new(MemoryStore::new());
    let runtime = Runtime::builder(store.clone()).sources(FakeSources::seeded(1)).build();
    let trace = Trace::default();
    let does = |trace: &Trace| {
        let trace = trace.clone();
        agent(move |cx| {
            let trace = trace.clone();
            async move {
                cx.effect("deed", EffectClass::Unsafe, "deed", move |ecx| async move {
                    trace.note("begins");
                    ecx.cancelled().await;
                    trace.note("is told to end");
                    Ok::<_, String>("stopped halfway".to_owned())
                })
                .await
            }
        })
    };
    let run = runtime.start(does(&trace), "go").await.unwrap();
    while trace.notes().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    runtime.interrupt().await;
    assert_eq!(trace.notes(), ["begins", "is told to end"]);
    assert_eq!(runtime.run(run.id()).await.unwrap().status, RunStatus::Pending);
    let stopped = run.report().await.unwrap();
    assert!(matches!(stopped.result, Err(RunError::HandedBack)), "{stopped:?}");
    let later = Runtime::builder(store).sources(FakeSources::seeded(2)).build();
    let report = later.resume_with(run.id(), does(&trace)).await.unwrap().report().await.unwrap();
    assert_eq!(report.result.unwrap().text(), "stopped halfway");
    assert_eq!(trace.notes().len(), 2, "it is not done again");
}

#[tokio::test(start_paused = true)]
async fn what_fails_since_it_was_told_to_end_is_unknown() {
    for class in [EffectClass::Unsafe, EffectClass::Checkable] {
        let store = Arc::new(MemoryStore::new());
        let runtime = Runtime::builder(store.clone()).sources(FakeSources::seeded(1)).build();
        let trace = Trace::default();
        let does = |trace: &Trace| {
            let trace = trace.clone();
            agent(move |cx| {
                let trace = trace.clone();
                async move {
                    cx.effect("deed", class, "deed", move |ecx| async move {
                        trace.note("begins");
                        ecx.cancelled().await;
                        Err::<String, _>("stopped halfway".to_owned())
                    })
                    .await
                }
            })
        };
        let run = runtime.start(does(&trace), "go").await.unwrap();
        while trace.notes().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        runtime.interrupt().await;
        let later = Runtime::builder(store).sources(FakeSources::seeded(2)).build();
        let report = later.resume_with(run.id(), does(&trace)).await.unwrap().report().await.unwrap();
        let Err(RunError::Waits { waits, .. }) = report.result else { panic!("{report:?}") };
        assert!(matches!(&*waits, [Wait::UnknownEffect { name, .. }] if name == "deed"), "{waits:?}");
        assert_eq!(trace.notes(), ["begins"], "it is not done again");
    }
}

/// The time of a run goes on while it waits.
#[tokio::test(start_paused = true)]
async fn nothing_begins_after_the_end_of_the_time() {
    let store = Arc::new(MemoryStore::new());
    let trace = Trace::default();
    let clock = FakeSources::seeded(1);
    let process = || Runtime::builder(store.clone()).sources(clock.clone()).build();
    let does = || {
        let trace = trace.clone();
        agent(move |cx| {
            let trace = trace.clone();
            async move {
                cx.approve(Approval::new("go on?")).await?;
                slow(&cx, &trace, "deed", EffectClass::Unsafe, 0).await
            }
        })
    };
    for answered_in_time in [true, false] {
        let runtime = process();
        let budget = Budget::unlimited().with_wall_time(Duration::from_secs(60));
        let options = RunOptions::default().with_budget(budget);
        let run = runtime.start_with(does(), "go", options).await.unwrap();
        run.report().await.unwrap();
        let Some(Wait::Approval { step, digest, .. }) = runtime.questions(run.id()).await.unwrap().pop()
        else {
            panic!("it asks");
        };
        let wait = tokio::time::sleep(Duration::from_secs(61));
        let answer = runtime.decide(run.id(), &step, digest, Decision::Approve, None);
        if answered_in_time {
            answer.await.unwrap();
            wait.await;
        } else {
            wait.await;
            answer.await.unwrap();
        }
        let report = process().resume_with(run.id(), does()).await.unwrap().report().await.unwrap();
        assert_eq!((report.status, report.reason), (RunStatus::Failed, Some(Reason::TimedOut)));
        assert_eq!(trace.notes(), [""; 0]);
        let journal = runtime.journal(run.id()).await.unwrap();
        let again = replay(&does(), run.id(), &journal).await.unwrap();
        assert_eq!(again.reason, Some(Reason::TimedOut));
    }
}
