//! Agents that await what is no step of their run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use agentic_core::{CancelReason, Cancellation, EffectClass::*, EventKind, RunContext, RunStatus, StepError};
use agentic_runtime::{EntryKind, MemoryStore, Runtime, replay};
use agentic_testkit::FakeSources;
use agentic_testkit::durability::{Check, Lag, Subject, World};
use tokio::sync::{mpsc, oneshot};

use crate::support::{Scripted, Trace, agent, run, slow};

fn notes(kinds: impl IntoIterator<Item = EventKind>) -> Vec<String> {
    let notes = kinds.into_iter().filter_map(|kind| match kind {
        EventKind::Note { text } => Some(text),
        _ => None,
    });
    notes.collect()
}

/// Sleeps beside its run context.
fn sleeps() -> Scripted {
    agent(|cx| async move {
        tokio::time::sleep(Duration::from_millis(10)).await;
        slow(&cx, &Trace::default(), "one", Pure, 10).await
    })
}

/// Listens to a channel that is fed from outside of its run.
fn listens() -> Scripted {
    agent(|cx| async move {
        let (tell, hear) = oneshot::channel();
        let fed = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            tell.send("news")
        });
        let (heard, one) = (hear.await, slow(&cx, &Trace::default(), "one", Pure, 10).await?);
        drop(fed);
        Ok(format!("{heard:?} {one}"))
    })
}

/// Waits for a task of its own making.
fn spawns() -> Scripted {
    agent(|cx| async move {
        let step = slow(&cx, &Trace::default(), "one", Pure, 10);
        let side = tokio::spawn(tokio::time::sleep(Duration::from_millis(30)));
        let one = step.await?;
        drop(side.await);
        Ok(one)
    })
}

#[test]
fn the_testkit_finds_who_awaits_what_is_no_step() {
    for make in [sleeps, listens, spawns] {
        let check = Check::new(move || Subject::new(make(), "go", World::new())).seeds(1).lags([Lag::None]);
        let found = catch_unwind(AssertUnwindSafe(|| check.run())).unwrap_err();
        let said = found.downcast_ref::<String>().unwrap();
        assert!(said.contains("by something that is no step of its run"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_says_so_in_a_note() {
    let runtime = Runtime::builder(MemoryStore::new()).sources(FakeSources::seeded(1)).build();
    let run = runtime.start(sleeps(), "go").await.unwrap();
    let report = run.report().await.unwrap();
    assert_eq!(report.status, RunStatus::Completed);
    let journal = runtime.journal(run.id()).await.unwrap();
    let expected = "the agent was woken once by something that is no step of its run; it must reach timers, channels and \
                    tasks through its run context, or the run may not repeat as it went";
    let kinds = journal.iter().map(|entry| entry.event(run.id()).kind);
    assert_eq!(notes(kinds), [expected]);
    let again = replay(&sleeps(), run.id(), &journal).await.unwrap();
    assert_eq!(again.status, RunStatus::Completed);
    let (plain, log) = crate::support::run();
    plain.run(&sleeps(), "go").await;
    assert_eq!(notes(log.kinds()), [expected], "one that is not recorded tells it too");
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_is_not_foreign() {
    let (run, log) = run();
    let cancellation = Cancellation::new();
    let cancels = cancellation.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(10)).await;
        cancels.cancel(CancelReason::Requested);
    });
    let waits = agent(|cx| async move {
        let (one, other) = (cx.sleep(Duration::from_secs(1)), cx.sleep(Duration::from_secs(2)));
        let (one, other) = futures_util::join!(one, other);
        one.and(other).map(|()| String::new())
    });
    let report = run.cancellation(cancellation).run(&waits, "go").await;
    assert_eq!(report.status, RunStatus::Cancelled);
    assert_eq!(notes(log.kinds()), [""; 0]);
}

/// A part of an agent hands so much over to another that tokio would have it rest for a while.
#[tokio::test(start_paused = true)]
async fn much_work_between_two_outcomes_is_done_before_the_second() {
    const MUCH: usize = 1_000;
    let busy = || {
        agent(|cx: RunContext| async move {
            let trace = Trace::default();
            let (tell, mut hear) = mpsc::unbounded_channel();
            let ends = |name| {
                let (step, tell, trace) = (slow(&cx, &trace, name, Pure, 10), tell.clone(), trace.clone());
                async move {
                    let name = step.await?;
                    trace.note(format!("heard {name}"));
                    (0..MUCH).for_each(|_| drop(tell.send(name.clone())));
                    Ok::<_, StepError>(())
                }
            };
            let listener = async {
                for _ in 0..2 {
                    let mut last = String::new();
                    for _ in 0..MUCH {
                        last = hear.recv().await.unwrap_or_default();
                    }
                    trace.note(format!("done with {last}"));
                }
                Ok(())
            };
            let (a, b, c) = futures_util::join!(ends("a"), ends("b"), listener);
            a.and(b).and(c)?;
            let notes = trace.notes().into_iter();
            let said = notes.filter(|note| note.starts_with("heard") || note.starts_with("done"));
            Ok(said.collect::<Vec<_>>().join(", "))
        })
    };
    let expected = "heard a, done with a, heard b, done with b";
    let (plain, log) = run();
    assert_eq!(plain.run(&busy(), "go").await.result.unwrap().text(), expected);
    assert_eq!(notes(log.kinds()), [""; 0]);
    let runtime = Runtime::builder(MemoryStore::new()).sources(FakeSources::seeded(1)).build();
    let run = runtime.start(busy(), "go").await.unwrap();
    assert_eq!(run.report().await.unwrap().result.unwrap().text(), expected);
    let journal = runtime.journal(run.id()).await.unwrap();
    assert!(!journal.iter().any(|entry| matches!(entry.kind, EntryKind::Foreign { .. })));
}
