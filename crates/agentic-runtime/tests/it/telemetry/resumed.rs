//! Runs that more than one process works on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agentic_core::EffectClass::{Keyed, Pure, Unsafe};
use agentic_core::{
    Approval, ChatModel, Decision, Event, EventKind, EventSink, Goal, Message, ModelRequest, Reason,
    RunContext, RunId,
};
use agentic_runtime::{JournalStore, MemoryStore, RunError, RunOptions, Runtime, TracingSink, Wait};
use agentic_testkit::durability::{Crash, FaultyStore, Lag, World};
use agentic_testkit::{EventLog, FakeSources, RuleModel, Says};
use serde_json::json;
use uuid::Uuid;

use super::capture::{Capture, Named, named};

const RUN: RunId = RunId(Uuid::from_u64_pair(0x7e57, 1));

/// What a process tells until it crashes. Its spans are lost with it: they are never ended.
#[derive(Debug)]
struct Process {
    spans: Arc<TracingSink>,
    log: Arc<EventLog>,
    gone: AtomicBool,
}

impl Process {
    fn new(log: &Arc<EventLog>) -> Arc<Self> {
        let spans = Arc::new(TracingSink::new());
        Arc::new(Self { spans, log: log.clone(), gone: AtomicBool::new(false) })
    }

    fn crashes(&self) {
        self.gone.store(true, Ordering::Relaxed);
        std::mem::forget(self.spans.clone());
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

impl EventSink for Process {
    fn on_event(&self, event: &Event) {
        if !self.is_gone() {
            self.log.on_event(event);
            self.spans.on_event(event);
        }
    }

    fn on_take(&self, run: RunId, agent: Option<&str>) {
        if !self.is_gone() {
            self.spans.on_take(run, agent);
        }
    }

    fn on_release(&self, run: RunId, reason: Option<Reason>) {
        if !self.is_gone() {
            self.spans.on_release(run, reason);
        }
    }
}

fn worker(world: &World) -> Named {
    let world = world.clone();
    let model: Arc<dyn ChatModel> = Arc::new(RuleModel::new(|_| Says::text("go on")));
    named("worker", move |_, cx| {
        let (world, model) = (world.clone(), model.clone());
        async move {
            let ask = |cx: &RunContext| {
                cx.model(&model, ModelRequest::new([Message::user("what now?")].into_iter().collect()))
            };
            ask(&cx).await?;
            let (one, two) = (world.tool("one", Pure), world.tool("two", Keyed));
            let (one, two) = futures_util::join!(cx.tool(&one, json!({})), cx.tool(&two, json!({})));
            one?;
            two?;
            let inner = named("inner", {
                let (world, model) = (world.clone(), model.clone());
                move |_, cx| {
                    let (world, model) = (world.clone(), model.clone());
                    async move {
                        cx.model(&model, ModelRequest::new([Message::user("?")].into_iter().collect()))
                            .await?;
                        cx.tool(&world.tool("three", Keyed), json!({})).await?;
                        Ok(String::new())
                    }
                }
            });
            cx.call("inner", &inner, Goal::new("inside")).await?;
            let slow = cx.scope("slow");
            cx.timeout(Duration::from_millis(1), slow.tool(&world.tool("four", Pure), json!({}))).await?;
            ask(&cx).await?;
            Ok("done".into())
        }
    })
}

/// Runs this as a process of its own would: all that it started ends with it.
fn in_process<T>(main: impl Future<Output = T>) -> T {
    let process =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    process.block_on(main)
}

/// One process. Whether the run ended in it, and how many writes it made.
fn live(
    world: &World,
    store: &Arc<dyn JournalStore>,
    log: &Arc<EventLog>,
    crash: Crash,
    lag: Lag,
) -> (bool, u64) {
    let process = Process::new(log);
    in_process(async {
        let sources = FakeSources::seeded(7);
        let faulty = FaultyStore::new(store.clone(), sources.clone(), crash, lag);
        let runtime = Runtime::builder(faulty.clone()).sources(sources).events(process.clone()).build();
        let works = async {
            let options = RunOptions::default().with_id(RUN);
            let run = match runtime.start_with(worker(world), "go", options).await {
                Ok(run) => run,
                Err(_) => runtime.resume_with(RUN, worker(world)).await.unwrap(),
            };
            run.report().await.unwrap().result.unwrap();
        };
        let ended = tokio::select! {
            biased;
            () = faulty.crashed() => {
                process.crashes();
                false
            }
            () = works => true,
        };
        faulty.stop();
        (ended, faulty.writes())
    })
}

/// Steps whose outcome was told, and how often.
fn finished(log: &EventLog) -> BTreeMap<String, usize> {
    let mut ends = BTreeMap::new();
    for kind in log.kinds() {
        if let EventKind::StepFinished { step, .. } = kind {
            *ends.entry(step.to_string()).or_default() += 1;
        }
    }
    ends
}

fn check(capture: &Capture, log: &EventLog, name: &str) {
    let finished = finished(log);
    assert!(finished.values().all(|times| *times == 1), "{name}: {finished:?}");
    let mut seen = BTreeMap::new();
    for span in capture.spans() {
        assert_ne!(span.get("agentic.outcome"), "open", "{name}: {span:#?}");
        assert!(span.twice.is_empty(), "{name}: {span:#?}");
        let (id, parent) = (span.get("agentic.step.id"), span.parent.as_deref());
        if id.is_empty() {
            continue;
        }
        let outcome = span.get("agentic.outcome").to_owned();
        assert_eq!(seen.insert(id.to_owned(), outcome), None, "{name}: `{id}` has two spans");
        // An agent that began in the process that crashed is not known in the next.
        let inner = id.starts_with("inner/") && parent == Some("invoke_agent inner");
        assert!(inner || parent == Some("invoke_agent worker"), "{name}: {span:#?}");
        let expected = match id.rsplit_once("tool:") {
            Some((_, tool)) => format!("execute_tool {tool}"),
            None if id.contains("sleep") => "sleep".into(),
            None => "chat".into(),
        };
        assert!(span.get("otel.name").starts_with(&expected), "{name}: {span:#?}");
    }
    // One that was dropped before it ended has a span only in the process where it began.
    let seen: BTreeSet<_> =
        seen.into_iter().filter(|(_, outcome)| outcome != "dropped").map(|(id, _)| id).collect();
    assert_eq!(seen, finished.into_keys().collect(), "{name}");
}

#[test]
fn each_step_has_one_span_whatever_crashes() {
    for lag in [Lag::None, Lag::UpTo(8)] {
        let (world, log, capture) = (World::new(), Arc::new(EventLog::new()), Capture::default());
        let store: Arc<dyn JournalStore> = Arc::new(MemoryStore::new());
        let guard = capture.on_this_thread();
        let (ended, writes) = live(&world, &store, &log, Crash::Never, lag);
        assert!(ended && writes > 20, "{writes} writes");
        check(&capture, &log, "no crash");
        assert_eq!(capture.spans().len(), 2 + 8, "two agents, eight steps: {:#?}", capture.names());
        assert_eq!(capture.open(), 0);
        drop(guard);

        let (mut restarted, mut unseen) = (0, 0);
        for crash in (1..=writes).flat_map(|n| [Crash::Before(n), Crash::After(n)]) {
            let (world, log, capture) = (World::new(), Arc::new(EventLog::new()), Capture::default());
            let store: Arc<dyn JournalStore> = Arc::new(MemoryStore::new());
            let _guard = capture.on_this_thread();
            let name = format!("{lag:?}, {crash:?}");
            if !live(&world, &store, &log, crash, lag).0 {
                let (ended, _) = live(&world, &store, &log, Crash::Never, lag);
                assert!(ended, "{name}");
            }
            check(&capture, &log, &name);
            restarted += capture.spans().iter().filter(|span| span.get("agentic.attempt") == "2").count();
            unseen += capture.spans().iter().filter(|span| span.get("agentic.step.class").is_empty()).count();
        }
        assert!(restarted > 10 && unseen > restarted / 2, "{restarted} restarted, {unseen} unseen");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_leaves_nothing_open_and_goes_on_in_another_process() {
    let capture = Capture::default();
    let _guard = capture.on_this_thread();
    let asker = || {
        named("asker", |_, cx| async move {
            let decision = cx.approve(Approval::new("may I?")).await?;
            Ok(format!("{decision:?}"))
        })
    };
    let store: Arc<dyn JournalStore> = Arc::new(MemoryStore::new());
    let sources = FakeSources::seeded(1);
    let process = |events| {
        let store = FaultyStore::new(store.clone(), sources.clone(), Crash::Never, Lag::None);
        Runtime::builder(store).sources(sources.clone()).events(events).build()
    };
    let first = Arc::new(TracingSink::new());
    let runtime = process(first.clone());
    let run = runtime.start(asker(), "ask").await.unwrap();
    let report = run.report().await.unwrap();
    let Err(RunError::Waits { waits, .. }) = report.result else { panic!("{report:?}") };
    assert_eq!(capture.open(), 0, "nothing is kept for a run that waits");
    assert_eq!(capture.names(), ["approval", "invoke_agent asker"]);
    let spans = capture.spans();
    assert!(spans.iter().all(|span| span.get("agentic.outcome") == "open"), "{spans:#?}");
    assert_eq!(spans[1].get("agentic.reason"), "approval");

    let other = process(Arc::new(TracingSink::new()));
    let [Wait::Approval { step, digest, .. }] = waits.as_slice() else { panic!("{waits:?}") };
    other.decide(run.id(), step, *digest, Decision::Approve, Some("Ada".into())).await.unwrap();
    let run = other.resume_with(run.id(), asker()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    run.report().await.unwrap().result.unwrap();
    assert_eq!(capture.open(), 0);
    let spans = &capture.spans()[2..];
    let names: Vec<_> = spans.iter().map(|span| span.get("otel.name")).collect();
    assert_eq!(names, ["approval", "invoke_agent asker"], "the agent's name is known in the other process");
    assert_eq!(spans[0].get("agentic.approval.decision"), "approve");
    assert_eq!(spans[0].get("agentic.outcome"), "completed");
    assert_eq!(spans[1].get("agentic.outcome"), "completed");
    assert!(!capture.text().contains("Ada"), "who decided is for those who may know");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_only_accepts_a_run_opens_no_span() {
    let capture = Capture::default();
    let _guard = capture.on_this_thread();
    let runtime = Runtime::builder(MemoryStore::new())
        .sources(FakeSources::seeded(1))
        .events(Arc::new(TracingSink::new()))
        .build();
    runtime.submit("worker", "later", RunOptions::default()).await.unwrap();
    assert_eq!((capture.open(), capture.spans().len()), (0, 0));
    assert_eq!(capture.events()[0].name, "run accepted");
    assert_eq!(capture.events()[0].get("gen_ai.agent.name"), "worker");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_handed_back_leaves_nothing_open() {
    let capture = Capture::default();
    let _guard = capture.on_this_thread();
    let world = World::new();
    let agent = named("slow", move |_, cx| {
        let world = world.clone();
        async move {
            cx.tool(&world.tool("send", Unsafe), json!({})).await?;
            Ok(String::new())
        }
    });
    let runtime = Runtime::builder(MemoryStore::new())
        .sources(FakeSources::seeded(1))
        .events(Arc::new(TracingSink::new()))
        .build();
    runtime.start(agent, "go").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    runtime.shutdown().await;
    assert_eq!(capture.open(), 0);
    assert_eq!(capture.span("invoke_agent slow").get("agentic.reason"), "handed_back");
}
