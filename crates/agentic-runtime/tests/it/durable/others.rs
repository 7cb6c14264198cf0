//! What went wrong elsewhere and was reported in public, as tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentic_core::EffectClass::*;
use agentic_core::{
    Agent, AgentError, Approval, Budget, ChatModel, Decision, Goal, Message, ModelRequest, Outcome,
    RunContext, RunId, RunStatus, Spend, StepError, async_trait,
};
use agentic_runtime::{
    EntryKind, JournalStore, MemoryStore, RunOptions, Runtime, Seq, Wait, WorkerOptions, replay,
};
use agentic_testkit::durability::{Check, Crash, FaultyStore, Lag, Operator, Subject, World};
use agentic_testkit::{FakeSources, RuleModel, Says};
use serde_json::{Value, json};
use uuid::Uuid;

use super::crashes::{does, subject};
use crate::support::{Scripted, agent};

const RUN: RunId = RunId(Uuid::from_u64_pair(0, 7));
const LAGS: [Lag; 2] = [Lag::None, Lag::UpTo(8)];

/// Runs this as a process of its own would: all that it started ends with it.
fn in_process<T>(main: impl AsyncFnOnce() -> T) -> T {
    let process = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    process.unwrap().block_on(async { main().await })
}

/// The sources of the `n`-th process: its clock is a minute after the one before.
fn sources(n: u64) -> FakeSources {
    let sources = FakeSources::seeded(n);
    let start = sources.at(Duration::from_secs(60 * n));
    sources.starting_at(start)
}

/// LangGraph #6533: tools that asked in one turn shared the name under which answers were handed out, so an answer went to
/// whichever tool came to ask first.
#[test]
fn two_parallel_approvals_are_never_swapped() {
    let make = subject(|cx, world| async move {
        let asks = |name: &'static str, cx: RunContext| {
            let world = world.clone();
            async move {
                // Who comes to ask first is chance, and both ask in the same words.
                does(&cx, &world, &format!("{name} looks"), Pure).await?;
                match cx.approve(Approval::new("go on?")).await? {
                    Decision::Edit { arguments } => {
                        does(&cx, &world, &format!("{name} with {arguments}"), Unsafe).await
                    }
                    other => Ok(format!("{other:?}")),
                }
            }
        };
        let (left, right) = (cx.keyed("tool", "left"), cx.keyed("tool", "right"));
        let (left, right) = futures_util::join!(asks("left", left), asks("right", right));
        let said = (left?, right?);
        assert_eq!(
            said,
            (r#"left with "tool:left/approval""#.into(), r#"right with "tool:right/approval""#.into())
        );
        Ok(format!("{said:?}"))
    });
    let proof = Check::new(move || {
        make().with_operator(Operator::new(|wait| match wait {
            // The answer to each is its name.
            Wait::Approval { step, .. } => Decision::Edit { arguments: step.as_str().into() },
            other => panic!("{other:?}"),
        }))
    })
    .seeds(6)
    .run();
    assert!(proof.crashes > 200, "{proof:?}");
}

/// LangGraph #6208: a node with two interrupts ran again from its start after the first was answered, with all that it did
/// before it asked.
#[test]
fn nothing_before_a_question_runs_again() {
    let world = World::new();
    let asks = |world: World| {
        agent(move |cx| {
            let world = world.clone();
            async move {
                let sides = cx.all("side", 2, ["left", "right"], |cx, side| {
                    let world = world.clone();
                    async move {
                        let mut heard = Vec::new();
                        for _ in 0..2 {
                            // What it says is another thing each time.
                            heard.push(cx.tool(&world.oracle("oracle"), json!({})).await?.to_string());
                            cx.approve(Approval::new(format!("go on with {side}?"))).await?;
                        }
                        does(&cx, &world, &heard.join("+"), Unsafe).await
                    }
                });
                Ok(sides.await.into_iter().collect::<Result<Vec<_>, _>>()?.join(" "))
            }
        })
    };
    let store = Arc::new(MemoryStore::new());
    let open = |n| Runtime::builder(store.clone()).sources(sources(n)).build();
    in_process(async || {
        let options = RunOptions::default().with_id(RUN);
        let report = open(0).start_with(asks(world.clone()), "go", options).await.unwrap().report().await;
        assert_eq!(report.unwrap().status, RunStatus::Waiting);
    });
    // How often something was done after each answer: the side that was not answered does nothing.
    let mut attempts = vec![world.attempts()];
    for n in 1..=4 {
        in_process(async || {
            let runtime = open(n);
            let asked = runtime.questions(RUN).await.unwrap();
            let Some(Wait::Approval { step, digest, .. }) = asked.last() else { panic!("{asked:?}") };
            runtime.decide(RUN, step, *digest, Decision::Approve, None).await.unwrap();
            runtime.resume_with(RUN, asks(world.clone())).await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        });
        attempts.push(world.attempts());
    }
    assert_eq!(attempts, [2, 3, 4, 5, 6]);
    in_process(async || {
        let record = store.run(RUN).await.unwrap();
        assert_eq!(record.status, RunStatus::Completed, "{record:?}");
        let journal = store.load(RUN, Seq(0)).await.unwrap();
        let restarted = journal.iter().filter(|entry| matches!(entry.kind, EntryKind::Restarted { .. }));
        assert_eq!(restarted.count(), 0);
    });
    assert_eq!(world.deeds().len(), 2);
}

/// How often effects began, by name.
type Counts = Arc<Mutex<BTreeMap<String, u64>>>;

/// Three sides, each of which does something, then something that follows from it.
fn follows(store: &Arc<MemoryStore>, counts: &Counts) -> Scripted {
    let (store, counts) = (store.clone(), counts.clone());
    agent(move |cx| {
        let (store, counts) = (store.clone(), counts.clone());
        async move {
            let sides = cx.all("side", 3, 0..3, |cx, _| {
                let (store, counts) = (store.clone(), counts.clone());
                async move {
                    let mut before = None;
                    for name in ["first", "second", "third"] {
                        let (store, counts) = (store.clone(), counts.clone());
                        let step = format!("{}/{name}", cx.path());
                        let (this, last) = (step.clone(), before.replace(step));
                        let effect = cx.effect(name, Keyed, name, move |ecx| async move {
                            *counts.lock().unwrap().entry(this).or_default() += 1;
                            if let Some(last) = last {
                                let durable = finished(&store).await;
                                assert!(durable.contains(&last), "{last} is not yet durable");
                            }
                            ecx.sleep(Duration::from_millis(1 + ecx.random() % 10)).await;
                            Ok::<_, String>(())
                        });
                        effect.await?;
                    }
                    Ok::<_, StepError>(())
                }
            });
            sides.await.into_iter().collect::<Result<Vec<_>, _>>()?;
            Ok("done".into())
        }
    })
}

/// The steps whose outcomes are durable.
async fn finished(store: &MemoryStore) -> Vec<String> {
    // A run that was lost before it was accepted has none.
    let journal = store.load(RUN, Seq(0)).await.unwrap_or_default();
    let steps = journal.into_iter().filter_map(|entry| match entry.kind {
        EntryKind::Outcome { step, .. } => Some(step.to_string()),
        _ => None,
    });
    steps.collect()
}

/// LangGraph #8039: what a finished task had written was not ordered before the checkpoint that followed, so after a crash
/// it was chance whether finished work was done again.
#[test]
fn finished_work_is_durable_before_what_follows_and_is_not_done_again() {
    let mut crashes = 0;
    for (seed, lag) in (0..3).flat_map(|seed| LAGS.map(|lag| (seed, lag))) {
        for crash in (1..).flat_map(|n| [Crash::Before(n), Crash::After(n)]) {
            let (store, counts) = (Arc::new(MemoryStore::new()), Counts::default());
            let crashed = in_process(async || {
                let sources = FakeSources::seeded(seed);
                let faulty = FaultyStore::new(store.clone(), sources.clone(), crash, lag);
                let runtime = Runtime::builder(faulty.clone()).sources(sources).build();
                let works = async {
                    let options = RunOptions::default().with_id(RUN);
                    let run = runtime.start_with(follows(&store, &counts), "go", options).await.unwrap();
                    run.report().await.unwrap();
                };
                tokio::select! {
                    biased;
                    () = faulty.crashed() => true,
                    () = works => false,
                }
            });
            let kept = in_process(async || finished(&store).await);
            in_process(async || {
                let runtime = Runtime::builder(store.clone()).sources(sources(1)).build();
                // Lost before it was accepted: whoever asked for it asks again.
                let options = RunOptions::default().with_id(RUN);
                let run = match runtime.start_with(follows(&store, &counts), "go", options).await {
                    Ok(run) => run,
                    Err(_) => runtime.resume_with(RUN, follows(&store, &counts)).await.unwrap(),
                };
                assert_eq!(run.report().await.unwrap().status, RunStatus::Completed, "{lag:?}, {crash:?}");
            });
            let counts = counts.lock().unwrap();
            assert_eq!(counts.len(), 9);
            for step in kept {
                assert_eq!(counts[&step], 1, "{lag:?}, {crash:?}: `{step}` had finished");
            }
            if !crashed {
                break;
            }
            crashes += 1;
        }
    }
    assert!(crashes > 100, "{crashes}");
}

/// LangGraph #8764: a run was accepted, the process died before its first checkpoint, and nothing was left of it: no run, no
/// failure.
#[test]
fn an_accepted_run_never_vanishes() {
    let (mut accepted, mut unknown) = (0, 0);
    for (begins, lag) in [false, true].into_iter().flat_map(|begins| LAGS.map(|lag| (begins, lag))) {
        for crash in (1..=6).flat_map(|n| [Crash::Before(n), Crash::After(n)]) {
            let (store, world) = (Arc::new(MemoryStore::new()), World::new());
            let works = |world: &World| {
                let world = world.clone();
                agent(move |cx| {
                    let world = world.clone();
                    async move { does(&cx, &world, "errand", Keyed).await }
                })
            };
            let told = in_process(async || {
                let sources = FakeSources::seeded(1);
                let faulty = FaultyStore::new(store.clone(), sources.clone(), crash, lag);
                let runtime = Runtime::builder(faulty.clone()).sources(sources).build();
                let options = RunOptions::default().with_id(RUN);
                let asks = async {
                    match begins {
                        true => runtime.start_with(works(&world), "go", options).await.is_ok(),
                        false => runtime.submit("scripted", "go", options).await.is_ok(),
                    }
                };
                let told = tokio::select! {
                    biased;
                    told = asks => told,
                    () = faulty.crashed() => false,
                };
                // It may have begun. Then the process dies, if it has not yet.
                tokio::select! {
                    () = faulty.crashed() => {}
                    () = tokio::time::sleep(Duration::from_millis(3)) => faulty.stop(),
                }
                told
            });
            in_process(async || {
                let runtime = Runtime::builder(store.clone()).sources(sources(1)).build();
                runtime.register(works(&world));
                if told {
                    let record = runtime.run(RUN).await.unwrap();
                    assert!(!record.status.has_ended(), "{crash:?}: {record:?}");
                    accepted += 1;
                } else {
                    // Who was told nothing asks again, under the same name: it is one run.
                    let again = runtime.submit("scripted", "go", RunOptions::default().with_id(RUN)).await;
                    assert!(again.is_ok() || runtime.run(RUN).await.is_ok(), "{crash:?}: {again:?}");
                    unknown += 1;
                }
                // Whoever looks for work finds it.
                let worker = runtime.worker(WorkerOptions::default());
                tokio::time::sleep(Duration::from_secs(120)).await;
                let record = runtime.run(RUN).await.unwrap();
                assert_eq!(record.status, RunStatus::Completed, "{lag:?}, {crash:?}: {record:?}");
                worker.shutdown().await;
            });
            assert_eq!(world.deeds().len(), 1, "{lag:?}, {crash:?}");
        }
    }
    assert!(accepted >= 40 && unknown >= 6, "{accepted} accepted, {unknown} unknown");
}

/// An agent that asks a model twice and a tool once, and fails in the end.
#[derive(Clone, Debug)]
struct Delegate(Arc<dyn ChatModel>, World);

#[async_trait]
impl Agent for Delegate {
    fn name(&self) -> &str {
        "delegate"
    }

    async fn run(&self, _: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        asks(cx, &self.0).await?;
        does(cx, &self.1, "errand", Keyed).await?;
        asks(cx, &self.0).await?;
        Err(AgentError::invalid_input("the delegate gives up"))
    }
}

async fn asks(cx: &RunContext, model: &Arc<dyn ChatModel>) -> Result<String, StepError> {
    let request = ModelRequest::new([Message::user("what is next?")].into_iter().collect());
    Ok(cx.model(model, request.with_max_output_tokens(20)).await?.text())
}

/// Calls a delegate, which fails, then asks the model itself for as long as it may.
fn delegates(world: &World, model: &RuleModel) -> Scripted {
    let (world, model): (_, Arc<dyn ChatModel>) = (world.clone(), Arc::new(model.clone()));
    agent(move |cx| {
        let delegate = Delegate(model.clone(), world.clone());
        async move {
            let failed = cx.call("delegate", &delegate, Goal::new("go")).await;
            assert!(failed.is_err());
            let (before, mut own) = (cx.budget().spent, 0);
            while asks(&cx, &delegate.0).await.is_ok() {
                own += 1;
            }
            Ok(json!({"delegate": before, "own": own}).to_string())
        }
    })
}

/// Pydantic AI #6886: what a delegate had spent did not reach the agent that called it, so limits held for nobody.
#[test]
fn what_a_delegate_spends_reaches_whoever_called_it() {
    let limit = Budget::unlimited().with_model_calls(5);
    in_process(async || {
        let model = RuleModel::new(|_| Says::text("more"));
        let runtime = Runtime::builder(MemoryStore::new()).sources(FakeSources::seeded(1)).build();
        let options = RunOptions::default().with_budget(limit);
        let run = runtime.start_with(delegates(&World::new(), &model), "go", options).await.unwrap();
        let report = run.report().await.unwrap();
        let said: Value = serde_json::from_str(&report.result.unwrap().text()).unwrap();
        // Though it failed: two questions of four words each, ten words of answer each, one errand.
        let delegate: Spend = serde_json::from_value(said["delegate"].clone()).unwrap();
        assert_eq!((delegate.model_calls, delegate.tool_calls, delegate.usage.output_tokens), (2, 1, 20));
        assert_eq!(said["own"], 3, "the delegate's calls count");
        assert_eq!((report.spend.model_calls, report.spend.tool_calls, model.calls()), (5, 1, 5));
        let journal = runtime.journal(run.id()).await.unwrap();
        let booked = journal.iter().filter_map(|entry| match &entry.kind {
            EntryKind::Outcome { spend, .. } => Some(spend.tokens()),
            _ => None,
        });
        assert_eq!(report.spend.tokens(), booked.sum::<u64>());
        let model = RuleModel::new(|_| Says::text("more"));
        let again = replay(&delegates(&World::new(), &model), run.id(), &journal).await.unwrap();
        assert_eq!((again.spend, model.calls()), (report.spend, 0));
    });
    // Through crashes too, whoever makes the call that is lost.
    let proof = Check::new(move || {
        let (world, model) = (World::new(), RuleModel::new(|_| Says::text("more")));
        Subject::new(delegates(&world, &model), "go", world).with_budget(limit)
    })
    // A call that is lost in a crash counts, and then fewer are left.
    .order_matters()
    .run();
    assert!(proof.crashes > 50, "{proof:?}");
}
