//! Guardrails in durable runs: crashed at every write, repeated from their journals.

use std::sync::Arc;

use agentic_core::EffectClass::*;
use agentic_core::{ChatModel, EventKind, Gate, Guarded, Json, Reason, RunContext, Stand, StepError, StepId};
use agentic_runtime::{Entry, EntryKind, Fork, ForkEffects, MemoryStore, Resolution, Runtime, replay};
use agentic_testkit::durability::{Check, Subject, World};
use agentic_testkit::{EventLog, FakeSources, RuleModel, Says};
use serde_json::json;

use super::{ALL, Rail, SECRET, Works, blocks, hides, told};
use crate::support::agent;

fn parrot() -> RuleModel {
    RuleModel::new(|request| Says::text(request.messages.last().unwrap().text()))
}

fn step_id(path: &str) -> StepId {
    serde_json::from_value(json!(path)).unwrap()
}

#[test]
fn judges_at_all_gates() {
    let proof = Check::new(|| {
        let world = World::new();
        let works = Guarded::new(Works::echoes(parrot(), &world));
        Subject::new(works.guardrail(Rail::new(Stand::Both, &ALL, hides)), format!("say {SECRET}"), world)
    })
    .run();
    assert!(proof.crashes > 100, "{proof:?}");
}

#[test]
fn judges_beside_each_other_and_calls_that_are_blocked() {
    async fn side(cx: RunContext, world: World, n: usize) -> Result<String, StepError> {
        let class = [Keyed, Checkable, Unsafe, Idempotent][n];
        let say = if n.is_multiple_of(2) { "go on" } else { SECRET };
        let mut said = Vec::new();
        for round in 0..2 {
            let tool = world.tool(&format!("tool{n}"), class);
            said.push(match cx.tool(&tool, json!({"say": say, "round": round})).await {
                Ok(value) => value["did"].to_string(),
                Err(StepError::Tool(error)) => error.to_string(),
                Err(error) => return Err(error),
            });
        }
        Ok(said.join(" "))
    }
    let proof = Check::new(|| {
        let world = World::new();
        let inside = world.clone();
        let sides = agent(move |cx| {
            let world = inside.clone();
            async move {
                let sides = cx.all("side", 3, 0..4, |cx, n| side(cx, world.clone(), n)).await;
                Ok(sides.into_iter().collect::<Result<Vec<_>, _>>()?.join(", "))
            }
        });
        let rail = |gate| Rail::new(Stand::Judges, &[gate], blocks);
        let guarded = Guarded::new(Guarded::new(sides).guardrail(rail(Gate::ToolCall)));
        Subject::new(guarded.guardrail(rail(Gate::ToolResult)), "go", world)
    })
    .seeds(2)
    .run();
    assert!(proof.crashes > 100, "{proof:?}");
    assert!(proof.doubts > 0, "{proof:?}");
}

#[tokio::test(start_paused = true)]
async fn a_runtime_has_guardrails_for_all_its_runs() {
    let log = Arc::new(EventLog::new());
    let (world, model) = (World::new(), parrot());
    let store = Arc::new(MemoryStore::new());
    let rail = || Rail::new(Stand::Both, &ALL, hides);
    let runtime = Runtime::builder(store.clone())
        .sources(FakeSources::seeded(1))
        .events(log.clone())
        .guardrail(rail())
        .build();
    let run = runtime.start(Works::echoes(model.clone(), &world), format!("say {SECRET}")).await.unwrap();
    let report = run.report().await.unwrap();
    assert_eq!(report.result.unwrap().text(), "say ***");
    assert_eq!(told(&log).matches(SECRET).count(), 1, "the goal, as it was given: {}", told(&log));
    log.assert_gap_free();

    let (attempts, calls) = (world.attempts(), model.calls());
    let again = runtime.replay(run.id(), &Works::echoes(model.clone(), &world)).await.unwrap();
    assert_eq!(again.result.unwrap().text(), "say ***");
    let guarded = Guarded::new(Works::echoes(model.clone(), &world)).guardrail(rail());
    let journal = runtime.journal(run.id()).await.unwrap();
    let again = replay(&guarded, run.id(), &journal).await.unwrap();
    assert_eq!(again.result.unwrap().text(), "say ***");
    assert_eq!((world.attempts(), model.calls()), (attempts, calls), "repeating did nothing");

    let other = Runtime::builder(store).sources(FakeSources::seeded(2)).build();
    let without = other.replay(run.id(), &Works::echoes(model, &world)).await.unwrap();
    assert!(without.result.is_err(), "without them it is another run");
}

/// What does not come from an effect was screened by nobody before.
#[tokio::test(start_paused = true)]
async fn what_a_person_or_a_fork_gives_in_place_of_an_effect_is_screened() {
    const BLOCKED: &str =
        "refused: the call was made, but guardrail `rail` blocked what came of it: a password";
    let agent = || Works::new(RuleModel::new(|_| Says::text("go on")), World::new().tool("echo", Unsafe));
    let secret = format!("do {SECRET}");
    let done = Json::of(&json!({"did": "echo", "with": {"say": secret}})).unwrap();
    for stand in [Stand::Screens, Stand::Judges, Stand::Both] {
        for (verdict, given, failed) in
            [(hides as fn(&_) -> _, "do ***", "refused: do ***"), (blocks, BLOCKED, BLOCKED)]
        {
            let rail = Rail::new(stand, &[Gate::ToolResult], verdict);
            let new = || {
                let sources = FakeSources::seeded(1);
                Runtime::builder(MemoryStore::new()).sources(sources).guardrail(rail.clone()).build()
            };
            let runtime = new();
            let run = runtime.start(agent(), "go").await.unwrap();
            assert_eq!(run.report().await.unwrap().result.unwrap().text(), "go on");

            let step = step_id("tool:echo");
            let fork = Fork::at(step.clone()).with_result(done.clone());
            let fork = runtime.fork(run.id(), &fork).await.unwrap();
            let report = runtime.resume_with(fork.id(), agent()).await.unwrap().report().await.unwrap();
            assert_eq!(report.result.unwrap().text(), given, "{stand:?}");

            // The process was lost within the call.
            let mut bundle = runtime.export(run.id()).await.unwrap();
            let called =
                |entry: &Entry| matches!(&entry.kind, EntryKind::Intent { step: it, .. } if *it == step);
            let call = bundle.journal.iter().position(called).unwrap();
            bundle.journal.truncate(call + 1);
            for (resolution, expected) in
                [(Resolution::Done(done.clone()), given), (Resolution::Failed(secret.clone()), failed)]
            {
                let runtime = new();
                let run = runtime.import(bundle.clone()).await.unwrap().id();
                let waits = runtime.resume_with(run, agent()).await.unwrap().report().await.unwrap();
                assert_eq!(waits.reason, Some(Reason::UnknownEffect));
                runtime.resolve(run, &step, resolution, None).await.unwrap();
                let report = runtime.resume_with(run, agent()).await.unwrap().report().await.unwrap();
                assert_eq!(report.result.unwrap().text(), expected, "{stand:?}");
                let again = runtime.replay(run, &agent()).await.unwrap();
                assert_eq!(again.result.unwrap().text(), expected, "{stand:?}, repeated");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_a_fork_gives_is_screened() {
    let rail = Rail::new(Stand::Screens, &[Gate::Output], hides);
    let runtime =
        Runtime::builder(MemoryStore::new()).sources(FakeSources::seeded(1)).guardrail(rail).build();
    let world = World::new();
    let run = runtime.start(Works::echoes(parrot(), &world), "go on").await.unwrap();
    run.report().await.unwrap();
    let journal = runtime.journal(run.id()).await.unwrap();
    let answer = journal.iter().find_map(|entry| match &entry.kind {
        EntryKind::Outcome { step, value, .. } if step.as_str() == "model" => Some(value.as_str()),
        _ => None,
    });
    let other: Json = serde_json::from_str(&answer.unwrap().replace("go on", SECRET)).unwrap();
    let fork = Fork::at(step_id("model")).with_result(other).with_effects(ForkEffects::Allow);
    let fork = runtime.fork(run.id(), &fork).await.unwrap();
    let agent = Works::echoes(parrot(), &world);
    let report = runtime.resume_with(fork.id(), agent).await.unwrap().report().await.unwrap();
    assert_eq!(report.result.unwrap().text(), "***");
    let deeds = world.deeds();
    let said = |text: &str| deeds.iter().any(|deed| deed.arguments["say"] == text);
    assert!(said("***") && !said(SECRET), "the tool got what has passed: {deeds:?}");
}

#[tokio::test(start_paused = true)]
async fn the_journal_has_what_is_withheld_and_nothing_that_was_screened() {
    for (stand, kept) in [(Stand::Judges, true), (Stand::Screens, false)] {
        let log = Arc::new(EventLog::new());
        let runtime = Runtime::builder(MemoryStore::new())
            .sources(FakeSources::seeded(1))
            .events(log.clone())
            .guardrail(Rail::new(stand, &[Gate::Output, Gate::ToolResult], hides))
            .build();
        let model = RuleModel::new(|_| Says::text(SECRET));
        let asks: Arc<dyn ChatModel> = Arc::new(model);
        let agent = agent(move |cx| {
            let asks = asks.clone();
            async move { Ok(cx.model(&asks, Default::default()).await?.text()) }
        });
        let run = runtime.start(agent, "go").await.unwrap();
        assert_eq!(run.report().await.unwrap().result.unwrap().text(), "***");
        let journal = runtime.journal(run.id()).await.unwrap();
        let outcome = journal.iter().find_map(|entry| match &entry.kind {
            EntryKind::Outcome { step, withheld, value, .. } if step.as_str() == "model" => {
                Some((*withheld, value.as_str().contains(SECRET)))
            }
            _ => None,
        });
        assert_eq!(outcome, Some((kept, kept)), "{stand:?}");
        assert!(!told(&log).contains(SECRET), "{}", told(&log));
        let without = |kind: &EventKind| matches!(kind, EventKind::StepFinished { result, error: None, .. } if result.is_null());
        assert_eq!(log.kinds().iter().any(without), kept, "told without its value");
    }
}
