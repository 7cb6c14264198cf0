//! Runs that a process gives back, and reports of runs that are just being taken.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::{Approval, Budget, Decision, EffectClass, Reason, RunStatus};
use agentic_runtime::{
    EntryKind, JournalStore as _, MemoryStore, Resolution, Run, RunError, RunOptions, Runtime, Seq, Wait,
    replay,
};
use agentic_testkit::FakeSources;
use agentic_testkit::durability::{Crash, FaultyStore, Lag, World};
use serde_json::json;

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

/// Does a deed of this class that goes on until it is told to end, and ends so.
fn deed(class: EffectClass, trace: &Trace, end: Result<&'static str, &'static str>) -> Scripted {
    let trace = trace.clone();
    agent(move |cx| {
        let trace = trace.clone();
        async move {
            cx.effect("deed", class, "deed", move |ecx| async move {
                trace.note("begins");
                ecx.cancelled().await;
                trace.note("is told to end");
                end.map(str::to_owned).map_err(str::to_owned)
            })
            .await
        }
    })
}

/// Starts it, waits until it is at work, and interrupts it.
async fn interrupted(runtime: &Runtime, agent: Scripted, trace: &Trace) -> Run {
    let run = runtime.start(agent, "go").await.unwrap();
    while trace.notes().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    runtime.interrupt().await;
    run
}

#[tokio::test(start_paused = true)]
async fn an_interruption_tells_what_must_not_be_cut_to_end_and_keeps_what_came_of_it() {
    let store = Arc::new(MemoryStore::new());
    let runtime = Runtime::builder(store.clone()).sources(FakeSources::seeded(1)).build();
    let trace = Trace::default();
    let does = || deed(EffectClass::Unsafe, &trace, Ok("stopped halfway"));
    let run = interrupted(&runtime, does(), &trace).await;
    assert_eq!(trace.notes(), ["begins", "is told to end"]);
    assert_eq!(runtime.run(run.id()).await.unwrap().status, RunStatus::Pending);
    let stopped = run.report().await.unwrap();
    assert!(matches!(stopped.result, Err(RunError::HandedBack)), "{stopped:?}");
    let later = Runtime::builder(store).sources(FakeSources::seeded(2)).build();
    let report = later.resume_with(run.id(), does()).await.unwrap().report().await.unwrap();
    assert_eq!(report.result.unwrap().text(), "stopped halfway");
    assert_eq!(trace.notes().len(), 2, "it is not done again");
}

#[tokio::test(start_paused = true)]
async fn what_fails_since_it_was_told_to_end_is_unknown() {
    for class in [EffectClass::Unsafe, EffectClass::Checkable] {
        let store = Arc::new(MemoryStore::new());
        let runtime = Runtime::builder(store.clone()).sources(FakeSources::seeded(1)).build();
        let trace = Trace::default();
        let does = || deed(class, &trace, Err("stopped halfway"));
        let run = interrupted(&runtime, does(), &trace).await;
        let later = Runtime::builder(store).sources(FakeSources::seeded(2)).build();
        let report = later.resume_with(run.id(), does()).await.unwrap().report().await.unwrap();
        let Err(RunError::Waits { waits, .. }) = report.result else { panic!("{report:?}") };
        assert!(matches!(&*waits, [Wait::UnknownEffect { name, .. }] if name == "deed"), "{waits:?}");
        assert_eq!(trace.notes(), ["begins", "is told to end"], "it is not done again");
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

/// A tool that can be asked, and an effect that can't, in doubt when the time is over: the run does not end before somebody has
/// said what became of them, and then it is not asked again.
#[tokio::test(start_paused = true)]
async fn doubts_outlive_the_time_of_a_run() {
    for class in [EffectClass::Checkable, EffectClass::Unsafe] {
        let (store, clock, world) = (Arc::new(MemoryStore::new()), FakeSources::seeded(1), World::new());
        let tool = world.tool("deed", class);
        let does = || {
            let tool = tool.clone();
            agent(move |cx| {
                let tool = tool.clone();
                async move { Ok(cx.tool(&tool, json!({})).await?.to_string()) }
            })
        };
        let budget = Budget::unlimited().with_wall_time(Duration::from_secs(60));
        let options = RunOptions::default().with_budget(budget);
        // The intent is durable, and the process gone before the outcome is.
        let faulty = FaultyStore::new(store.clone(), clock.clone(), Crash::Before(5), Lag::None);
        let crashed = Runtime::builder(faulty.clone()).sources(clock.clone()).build();
        let run = crashed.start_with(does(), "go", options).await.unwrap().id();
        faulty.crashed().await;
        drop(crashed);
        let journal = store.load(run, Seq(0)).await.unwrap();
        assert!(matches!(journal.last().unwrap().kind, EntryKind::Intent { .. }), "{journal:?}");
        tokio::time::sleep(Duration::from_secs(61)).await;
        let later = Runtime::builder(store.clone()).sources(clock.clone()).build();
        let report = later.resume_with(run, does()).await.unwrap().report().await.unwrap();
        let Err(RunError::Waits { waits, .. }) = report.result else { panic!("{class:?}: {report:?}") };
        let [Wait::UnknownEffect { step, name, .. }] = &*waits else { panic!("{waits:?}") };
        assert_eq!(name, "deed");
        later.resolve(run, step, Resolution::NotDone, None).await.unwrap();
        let report = later.resume_with(run, does()).await.unwrap().report().await.unwrap();
        assert_eq!(report.reason, Some(Reason::TimedOut), "{class:?}: {report:?}");
        assert_eq!(world.attempts(), 1, "it is not done after the time");
    }
}

/// It is the same as after a crash, also if the agent did not wait for it any more.
#[tokio::test(start_paused = true)]
async fn what_the_agent_gave_up_and_fails_since_it_was_told_to_end_is_unknown() {
    let store = Arc::new(MemoryStore::new());
    let runtime = Runtime::builder(store.clone()).sources(FakeSources::seeded(1)).build();
    let does = || {
        agent(move |cx| async move {
            let deed = cx.effect("deed", EffectClass::Unsafe, "deed", move |ecx| async move {
                ecx.cancelled().await;
                Err::<String, _>("stopped halfway".to_owned())
            });
            let _ = cx.timeout(Duration::from_secs(5), deed).await?;
            cx.approve(Approval::new("go on?")).await?;
            Ok("went on".into())
        })
    };
    let run = runtime.start(does(), "go").await.unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    runtime.interrupt().await;
    let later = Runtime::builder(store).sources(FakeSources::seeded(2)).build();
    let report = later.resume_with(run.id(), does()).await.unwrap().report().await.unwrap();
    let Err(RunError::Waits { waits, .. }) = report.result else { panic!("{report:?}") };
    let doubts = waits.iter().filter(|wait| matches!(wait, Wait::UnknownEffect { .. }));
    assert_eq!(doubts.count(), 1, "{waits:?}");
}
