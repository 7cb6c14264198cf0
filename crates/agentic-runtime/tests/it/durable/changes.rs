//! Code that changed between a run's start and its going on.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::EffectClass::*;
use agentic_core::{Approval, Decision, Reason, RunContext, RunStatus, StepError};
use agentic_runtime::{Divergence, MemoryStore, Run, RunError, RunReport, Runtime, Wait, replay};
use agentic_testkit::FakeSources;
use agentic_testkit::durability::World;
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Scripted, agent};

/// A runtime whose time is paused.
fn runtime() -> Runtime {
    Runtime::builder(MemoryStore::new()).sources(FakeSources::seeded(1)).build()
}

async fn does(cx: &RunContext, world: &World, name: &str) -> Result<String, StepError> {
    cx.tool(&world.tool(name, Keyed), json!({"n": name})).await.map(|value| value["did"].to_string())
}

async fn asks(cx: &RunContext) -> Result<String, StepError> {
    Ok(format!("{:?}", cx.approve(Approval::new("go on?")).await?))
}

/// Answers all that a run asks.
async fn approve_all(runtime: &Runtime, run: &Run) {
    for wait in runtime.questions(run.id()).await.unwrap() {
        let Wait::Approval { step, digest, .. } = wait else { continue };
        runtime.decide(run.id(), &step, digest, Decision::Approve, None).await.unwrap();
    }
}

/// Runs one agent to its question, and another one from there. Gives the report, and how often something was done after.
async fn changed(one: impl Fn(World) -> Scripted, other: impl Fn(World) -> Scripted) -> (RunReport, u64) {
    let (runtime, world) = (runtime(), World::new());
    let run = runtime.start(one(world.clone()), "go").await.unwrap();
    let asked = run.report().await.unwrap();
    assert!(matches!(asked.result, Err(RunError::Waits { .. })), "{asked:?}");
    approve_all(&runtime, &run).await;
    let before = world.attempts();
    let run = runtime.resume_with(run.id(), other(world.clone())).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    (run.report().await.unwrap(), world.attempts() - before)
}

fn divergence(report: &RunReport) -> String {
    assert_eq!((report.status, report.reason), (RunStatus::Waiting, Some(Reason::Diverged)), "{report:?}");
    match &report.result {
        Err(error @ RunError::Diverged(_)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn original(world: World) -> Scripted {
    agent(move |cx| {
        let world = world.clone();
        async move {
            let one = does(&cx, &world, "one").await?;
            let two = does(&cx, &world, "two").await?;
            Ok(format!("{one}{two}{}{}", asks(&cx).await?, does(&cx, &world, "three").await?))
        }
    })
}

macro_rules! variant {
    (|$cx:ident, $world:ident| $body:expr) => {
        |world: World| {
            agent(move |$cx| {
                let $world = world.clone();
                async move { $body }
            })
        }
    };
}

#[tokio::test(start_paused = true)]
async fn unchanged_code_goes_on() {
    let (report, effects) = changed(original, original).await;
    assert_eq!((report.status, effects), (RunStatus::Completed, 1), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_change_is_named_before_anything_is_done() {
    let (report, effects) = changed(
        original,
        variant!(|cx, world| {
            cx.tool(&world.tool("one", Keyed), json!({"n": "else"})).await?;
            does(&cx, &world, "two").await
        }),
    )
    .await;
    let message = divergence(&report);
    assert!(message.contains("step `tool:one` asks for something else than was recorded"), "{message}");
    assert!(message.contains("resume it with the code that began it, or fork it"), "{message}");
    assert_eq!(effects, 0);

    let (report, effects) = changed(
        original,
        variant!(|cx, world| {
            does(&cx, &world, "two").await?;
            does(&cx, &world, "one").await?;
            asks(&cx).await
        }),
    )
    .await;
    let message = divergence(&report);
    assert!(
        message.contains("expected step `tool:one`, which was recorded next; found `tool:two`"),
        "{message}"
    );
    assert_eq!(effects, 0);

    let (report, effects) = changed(
        original,
        variant!(|cx, world| {
            let scope = cx.scope("renamed");
            does(&scope, &world, "one").await?;
            asks(&cx).await
        }),
    )
    .await;
    let message = divergence(&report);
    assert!(message.contains("found `renamed/tool:one`"), "{message}");
    assert_eq!(effects, 0);

    let (report, effects) = changed(
        original,
        variant!(|cx, world| {
            does(&cx, &world, "one").await?;
            Ok("ends early".into())
        }),
    )
    .await;
    let message = divergence(&report);
    assert!(message.contains("the agent ended; expected step `tool:two`"), "{message}");
    assert_eq!(effects, 0);

    let (report, effects) = changed(
        original,
        variant!(|cx, world| {
            does(&cx, &world, "one").await?;
            does(&cx, &world, "inserted").await?;
            does(&cx, &world, "two").await?;
            asks(&cx).await
        }),
    )
    .await;
    let message = divergence(&report);
    assert!(
        message.contains("expected step `tool:two`, which was recorded next; found `tool:inserted`"),
        "{message}"
    );
    assert_eq!(effects, 0);
}

#[tokio::test(start_paused = true)]
async fn a_change_can_be_announced() {
    let patched = variant!(|cx, world| {
        let one = does(&cx, &world, "one").await?;
        if cx.version("inserted", 1) > 0 {
            does(&cx, &world, "inserted").await?;
        }
        let two = does(&cx, &world, "two").await?;
        let asked = asks(&cx).await?;
        Ok(format!("{one}{two}{asked}{} {}", does(&cx, &world, "three").await?, cx.version("inserted", 1)))
    });
    let (report, effects) = changed(original, patched).await;
    assert_eq!((report.status, effects), (RunStatus::Completed, 1), "{report:?}");
    assert!(report.result.unwrap().text().ends_with(" 0"), "the run follows the old code to its end");

    let (runtime, world) = (runtime(), World::new());
    let run = runtime.start(patched(world.clone()), "go").await.unwrap();
    run.report().await.unwrap();
    approve_all(&runtime, &run).await;
    let run = runtime.resume(run.id()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let report = run.report().await.unwrap();
    assert!(report.result.unwrap().text().ends_with(" 1"), "a new run follows the new code");
    let again =
        replay(&patched(World::new()), run.id(), &runtime.journal(run.id()).await.unwrap()).await.unwrap();
    assert_eq!(again.status, RunStatus::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_run_can_only_go_on_with_an_agent_of_its_name() {
    #[derive(Debug)]
    struct Other;
    #[agentic_core::async_trait]
    impl agentic_core::Agent for Other {
        fn name(&self) -> &str {
            "other"
        }
        async fn run(
            &self,
            _: agentic_core::Goal,
            _: &RunContext,
        ) -> Result<agentic_core::Outcome, agentic_core::AgentError> {
            unreachable!()
        }
    }
    let store = Arc::new(MemoryStore::new());
    let runtime = Runtime::builder(store.clone()).sources(FakeSources::seeded(1)).build();
    let world = World::new();
    let run = runtime.start(original(world), "go").await.unwrap();
    run.report().await.unwrap();
    let refused = runtime.resume_with(run.id(), Other).await.unwrap_err();
    let expected = format!(
        "run {} was begun by the agent `scripted`, not by `other`; resume it with that one",
        run.id()
    );
    assert_eq!(refused.to_string(), expected);

    let elsewhere = Runtime::builder(store).sources(FakeSources::seeded(2)).build();
    let resumed = elsewhere.resume(run.id()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let report = resumed.report().await.unwrap();
    let message = report.result.unwrap_err().to_string();
    assert!(message.contains("which is not registered (known: none); register it first"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_step_is_not_waited_for_for_ever() {
    let (runtime, world) = (runtime(), World::new());
    let waits = agent(move |cx| {
        let world = world.clone();
        async move {
            does(&cx, &world, "one").await?;
            std::future::pending::<()>().await;
            Ok(String::new())
        }
    });
    let run = runtime.start(waits, "go").await.unwrap();
    let report = run.report().await.unwrap();
    let message = report.result.unwrap_err().to_string();
    assert!(message.contains("waits for something that is no step of its run"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_replay_names_the_first_step_that_differs() {
    let (runtime, world) = (runtime(), World::new());
    let sides = |world: World, third: &'static str| {
        agent(move |cx| {
            let world = world.clone();
            async move {
                let sides = join_all((0..3).map(|n| {
                    let (cx, world) = (cx.keyed("side", n), world.clone());
                    async move {
                        does(&cx, &world, "first").await?;
                        does(&cx, &world, if n == 2 { third } else { "second" }).await
                    }
                }));
                Ok(sides.await.into_iter().collect::<Result<Vec<_>, _>>()?.join(" "))
            }
        })
    };
    let run = runtime.start(sides(world, "second"), "go").await.unwrap();
    let report = run.report().await.unwrap();
    let journal = runtime.journal(run.id()).await.unwrap();
    let same = replay(&sides(World::new(), "second"), run.id(), &journal).await.unwrap();
    assert_eq!(same.result.unwrap(), report.result.unwrap());
    let other = replay(&sides(World::new(), "another"), run.id(), &journal).await.unwrap();
    let Err(RunError::Diverged(Divergence::Missing { step, .. })) = other.result else { panic!("{other:?}") };
    assert_eq!(step.as_str(), "side:2/tool:second");
}
