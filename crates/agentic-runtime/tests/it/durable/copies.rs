//! Forks, exports and differences.

use agentic_core::EffectClass::*;
use agentic_core::{Json, RunContext, RunStatus, StepError};
use agentic_runtime::{
    Bundle, Differs, Fork, ForkEffects, MemoryStore, Run, RunReport, Runtime, diff, replay,
};
use agentic_testkit::FakeSources;
use agentic_testkit::durability::World;
use serde_json::json;

use crate::support::{Scripted, agent};

fn runtime() -> Runtime {
    Runtime::builder(MemoryStore::new()).sources(FakeSources::seeded(1)).build()
}

async fn reads(cx: &RunContext, world: &World, name: &str) -> Result<String, StepError> {
    let value = cx.tool(&world.tool(name, Pure), json!({"n": name})).await?;
    Ok(value["did"].as_str().unwrap_or("?").to_owned())
}

/// Reads three things, draws an id, writes what it read.
fn reader(world: World) -> Scripted {
    agent(move |cx| {
        let world = world.clone();
        async move {
            let mut read = Vec::new();
            for name in ["one", "two", "three"] {
                read.push(reads(&cx, &world, name).await?);
            }
            let id = cx.next_id();
            let wrote = cx.tool(&world.tool("write", Keyed), json!({"text": read.join("+")})).await;
            let wrote = wrote.map_or_else(|error| format!("not written: {error}"), |_| "written".into());
            Ok(format!("{} {wrote} {id}", read.join("+")))
        }
    })
}

async fn ran(runtime: &Runtime, world: &World) -> (Run, RunReport) {
    let run = runtime.start(reader(world.clone()), "go").await.unwrap();
    let report = run.report().await.unwrap();
    (run, report)
}

/// The text of a report, without the id at its end.
fn text(report: RunReport) -> String {
    let text = report.result.unwrap().text();
    text.rsplit_once(' ').unwrap().0.to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_fork_goes_on_from_a_step_and_has_no_effects_unless_they_are_allowed() {
    let (runtime, world) = (runtime(), World::new());
    let (run, report) = ran(&runtime, &world).await;
    let journal = runtime.journal(run.id()).await.unwrap();
    assert_eq!(text(report.clone()), "one+two+three written");
    assert_eq!((world.attempts(), world.deeds().len()), (4, 1));
    let two = || {
        let mut ids = journal.iter().filter_map(|entry| match &entry.kind {
            agentic_runtime::EntryKind::Intent { step, name, .. } if &**name == "two" => Some(step.clone()),
            _ => None,
        });
        ids.next().unwrap()
    };

    let fork = runtime.fork(run.id(), &Fork::at(two())).await.unwrap();
    let fork = runtime.resume(fork.id()).await.unwrap();
    let forked = fork.report().await.unwrap();
    let drawn =
        |report: &RunReport| report.result.as_ref().unwrap().text().rsplit_once(' ').unwrap().1.to_owned();
    assert_ne!(drawn(&forked), drawn(&report), "what a fork draws is its own");
    assert_eq!(
        text(forked),
        "one+two+three not written: `write` is not run again: this run is a fork, and its effects are refused"
    );
    assert_eq!(
        (world.attempts(), world.deeds().len()),
        (6, 1),
        "`one` was not read again, `two` and `three` were"
    );

    let other = Fork::at(two()).with_result(Json::of(&json!({"did": "zwei"})).unwrap());
    let fork = runtime.fork(run.id(), &other.with_effects(ForkEffects::Allow)).await.unwrap();
    let report = runtime.resume(fork.id()).await.unwrap().report().await.unwrap();
    assert_eq!(text(report), "one+zwei+three written");
    assert_eq!((world.attempts(), world.deeds().len()), (8, 2));
    let journals = (runtime.journal(run.id()).await.unwrap(), runtime.journal(fork.id()).await.unwrap());
    let difference = diff(&journals.0, &journals.1).unwrap();
    assert_eq!((difference.step, difference.what), (Some(two()), Differs::Outcome));
    assert_eq!(diff(&journals.0, &journals.0), None);
    let again = replay(&reader(World::new()), fork.id(), &journals.1).await.unwrap();
    assert_eq!(text(again), "one+zwei+three written", "a fork can be repeated");

    let unknown: agentic_core::StepId = serde_json::from_value(json!("nowhere")).unwrap();
    let refused = runtime.fork(run.id(), &Fork::at(unknown)).await.unwrap_err().to_string();
    assert!(refused.starts_with("step `nowhere` is not in the journal of run"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_run_goes_through_a_file_and_is_repeated_from_it() {
    let (here, world) = (runtime(), World::new());
    let (run, report) = ran(&here, &world).await;
    let file = here.export(run.id()).await.unwrap().to_text().unwrap();
    let there = runtime();
    let bundle = Bundle::parse(&file).unwrap();
    let imported = there.import(bundle.clone()).await.unwrap();
    assert_eq!(there.run(imported.id()).await.unwrap().status, RunStatus::Completed);
    assert_eq!(there.export(run.id()).await.unwrap().to_text().unwrap(), file);
    let again = there.replay(run.id(), &reader(World::new())).await.unwrap();
    assert_eq!(again.result.unwrap(), report.result.unwrap());
    assert!(there.import(bundle).await.unwrap_err().to_string().contains("already"));

    for (text, expected) in [
        ("", "line 1 of the exported run is missing"),
        ("{}", "line 1 of the exported run is not the head of an exported run"),
        (
            &file.replacen("\"agentic_run\":1", "\"agentic_run\":9", 1),
            "has form 9, and this version reads up to 1",
        ),
        (&file.replacen("\"seq\":3", "\"seq\":4", 1), "has entry 4, where 3 is next"),
        (file.lines().next().unwrap(), "line 2 of the exported run is not the start of a run"),
    ] {
        let error = Bundle::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
