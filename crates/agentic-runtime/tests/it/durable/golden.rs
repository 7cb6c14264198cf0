//! Journals of every format that there was can be read, repeated and gone on with.

use std::path::PathBuf;
use std::time::Duration;

use agentic_core::EffectClass::*;
use agentic_core::{Approval, Decision, RunStatus};
use agentic_runtime::{Bundle, ENTRY_FORMAT, MemoryStore, RunError, Runtime, Wait};
use agentic_testkit::FakeSources;
use agentic_testkit::durability::World;
use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Scripted, agent};

/// One of each kind of step, then a question, then one step more. Never changed: it is what the files were made with.
fn sampler(world: World) -> Scripted {
    agent(move |cx| {
        let world = world.clone();
        async move {
            let (id, random, now) = (cx.next_id(), cx.random(), cx.now());
            let version = cx.version("later", 1);
            let tools = [Pure, Idempotent, Keyed, Checkable, Unsafe].map(|class| {
                let (cx, tool) = (cx.keyed("side", format!("{class:?}")), world.tool("tool", class));
                async move { cx.tool(&tool, json!({"größe": 1.5, "text": "a\nb"})).await }
            });
            let done = join_all(tools).await.into_iter().collect::<Result<Vec<_>, _>>()?.len();
            let failed =
                cx.effect("fails", Pure, "x", |_| async { Err::<u8, _>("no luck") }).await.unwrap_err();
            let late =
                cx.timeout(Duration::from_millis(1), cx.sleep(Duration::from_secs(9))).await?.is_none();
            let asked = cx.approve(Approval::new("go on?")).await?;
            let last = cx.tool(&world.tool("last", Keyed), json!({})).await?;
            Ok(format!("{id} {random} {} {version} {done} {failed} {late} {asked:?} {last}", now.as_millis()))
        }
    })
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn read(name: &str) -> Bundle {
    let text = std::fs::read_to_string(file(name)).unwrap();
    Bundle::parse(&text).unwrap()
}

/// Makes the files of this format, if there are none: once for each format, before anybody uses it.
#[tokio::test(start_paused = true)]
async fn this_format_has_its_files() {
    let names = [format!("v{ENTRY_FORMAT}-asks.jsonl"), format!("v{ENTRY_FORMAT}-ended.jsonl")];
    if names.iter().all(|name| file(name).exists()) {
        return;
    }
    let runtime = Runtime::builder(MemoryStore::new()).sources(FakeSources::seeded(7)).code("golden").build();
    let run = runtime.start(sampler(World::new()), "Be read for ever.").await.unwrap();
    run.report().await.unwrap();
    std::fs::create_dir_all(file("")).unwrap();
    let text = runtime.export(run.id()).await.unwrap().to_text().unwrap();
    std::fs::write(file(&names[0]), text).unwrap();
    answer(&runtime, run.id()).await;
    runtime.resume(run.id()).await.unwrap().report().await.unwrap();
    let text = runtime.export(run.id()).await.unwrap().to_text().unwrap();
    std::fs::write(file(&names[1]), text).unwrap();
    panic!("made the files of format {ENTRY_FORMAT}; look at them, and keep them");
}

async fn answer(runtime: &Runtime, run: agentic_core::RunId) {
    for wait in runtime.questions(run).await.unwrap() {
        let Wait::Approval { step, digest, .. } = wait else { panic!("{wait:?}") };
        runtime.decide(run, &step, digest, Decision::Approve, Some("Ada".into())).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_of_each_format_is_repeated() {
    for version in 1..=ENTRY_FORMAT {
        let bundle = read(&format!("v{version}-ended.jsonl"));
        let world = World::new();
        let report =
            agentic_runtime::replay(&sampler(world.clone()), bundle.run, &bundle.journal).await.unwrap();
        assert_eq!(report.status, RunStatus::Completed, "{report:?}");
        assert_eq!(world.attempts(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_of_each_format_goes_on() {
    for version in 1..=ENTRY_FORMAT {
        let (asks, ended) =
            (read(&format!("v{version}-asks.jsonl")), read(&format!("v{version}-ended.jsonl")));
        let (world, id) = (World::new(), asks.run);
        let runtime = Runtime::builder(MemoryStore::new()).sources(FakeSources::seeded(8)).build();
        runtime.register(sampler(world.clone()));
        runtime.import(asks).await.unwrap();
        let asked = runtime.resume(id).await.unwrap().report().await.unwrap();
        assert!(matches!(asked.result, Err(RunError::Waits { .. })), "{asked:?}");
        answer(&runtime, id).await;
        let report = runtime.resume(id).await.unwrap().report().await.unwrap();
        let expected = agentic_runtime::replay(&sampler(World::new()), id, &ended.journal)
            .await
            .unwrap()
            .result
            .unwrap();
        assert_eq!(report.result.unwrap(), expected);
        assert_eq!(world.attempts(), 1, "the last step alone");
    }
}
