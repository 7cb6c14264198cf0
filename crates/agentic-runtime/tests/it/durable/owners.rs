//! Many runs, several processes: who works on what, and what becomes of those who are gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agentic_core::EffectClass::{self, *};
use agentic_core::{CancelReason, Reason, RunContext, RunId, RunStatus, Sources as _, StepError};
use agentic_runtime::{
    Append, Claim, Commit, Entry, EntryKind, JournalStore, MemoryStore, RunError, RunFilter, RunOptions,
    Runtime, Seq, Which, WorkerOptions,
};
use agentic_testkit::FakeSources;
use agentic_testkit::durability::{Crash, FaultyStore, Lag, World};
use serde_json::json;

use crate::support::{Scripted, Trace, agent, slow};

/// A process on a store.
fn process(store: &Arc<MemoryStore>, seed: u64) -> agentic_runtime::RuntimeBuilder {
    Runtime::builder(store.clone()).sources(FakeSources::seeded(seed)).lease(Duration::from_secs(10))
}

async fn does(cx: &RunContext, world: &World, name: &str, class: EffectClass) -> Result<String, StepError> {
    cx.tool(&world.tool(name, class), json!({"n": name})).await.map(|value| value["did"].to_string())
}

/// Takes so many steps of a second each, and does something in each.
fn walker(world: &World, steps: u64) -> Scripted {
    let world = world.clone();
    agent(move |cx| {
        let world = world.clone();
        async move {
            for n in 0..steps {
                cx.sleep(Duration::from_secs(1)).await?;
                does(&cx, &world, &format!("step{n}"), Keyed).await?;
            }
            Ok("arrived".into())
        }
    })
}

fn quick() -> WorkerOptions {
    let mut options = WorkerOptions::default();
    options.poll = Duration::from_millis(100);
    options
}

/// Waits until a run has this status.
async fn until(store: &Arc<MemoryStore>, run: RunId, status: RunStatus) {
    for _ in 0..10_000 {
        if store.run(run).await.unwrap().status == status {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never is {status}: {:?}", store.run(run).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_asleep_beyond_its_lease_writes_nothing_more() {
    let (store, world) = (Arc::new(MemoryStore::new()), World::new());
    // It looks after its leases once an hour: as if it were stopped for so long.
    let asleep = process(&store, 1).poll(Duration::from_secs(3600)).build();
    let awake = process(&store, 2).build();
    awake.register(walker(&world, 20));
    let run = asleep.start(walker(&world, 20), "go").await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let worker = awake.worker(quick());
    until(&store, run.id(), RunStatus::Completed).await;
    let report = awake.report(run.id()).await.unwrap();
    assert_eq!(report.result.unwrap().text(), "arrived");
    assert_eq!(world.deeds().len(), 20, "each once, though both were at work");
    let journal = store.load(run.id(), Default::default()).await.unwrap();
    let taken = journal.iter().filter(|entry| matches!(entry.kind, EntryKind::Resumed { .. })).count();
    assert_eq!(taken, 2);
    let late = run.report().await.unwrap();
    assert_eq!(late.result.unwrap().text(), "arrived", "the one that was asleep finds out what became of it");
    drop(worker);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_makes_no_second_owner() {
    let (store, world) = (Arc::new(MemoryStore::new()), World::new());
    let here = process(&store, 1).build();
    // Its clock is a day ahead: it takes every lease for lost.
    let sources = FakeSources::seeded(2);
    let ahead = sources.clone().starting_at(sources.now().after(Duration::from_secs(86_400)));
    let there = Runtime::builder(store.clone()).sources(ahead).lease(Duration::from_secs(10)).build();
    there.register(walker(&world, 10));
    let run = here.start(walker(&world, 10), "go").await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let worker = there.worker(quick());
    until(&store, run.id(), RunStatus::Completed).await;
    assert_eq!(world.deeds().len(), 10, "each once");
    let journal = store.load(run.id(), Default::default()).await.unwrap();
    let numbers: Vec<_> = journal.iter().map(|entry| entry.seq.0).collect();
    assert_eq!(numbers, (1..=journal.len() as u64).collect::<Vec<_>>());
    drop(worker);
}

#[tokio::test(start_paused = true)]
async fn the_runs_of_a_process_that_is_gone_are_taken_over_within_two_leases() {
    let (store, world) = (Arc::new(MemoryStore::new()), World::new());
    let lost: Vec<_> = {
        let gone = process(&store, 1).build();
        let mut runs = Vec::new();
        for _ in 0..10 {
            runs.push(gone.submit("scripted", "go", RunOptions::default()).await.unwrap());
        }
        for run in &runs {
            let (owner, now) = ("gone".to_owned(), FakeSources::seeded(1).now());
            let until = now.after(Duration::from_secs(10));
            store.claim(&Claim { owner, which: Which::Run(*run), now, until }).await.unwrap();
        }
        runs
    };
    let here = process(&store, 2).build();
    here.register(walker(&world, 1));
    let began = tokio::time::Instant::now();
    let worker = here.worker(quick());
    for run in lost {
        until(&store, run, RunStatus::Completed).await;
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    drop(worker);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_takes_its_process_down_again_and_again_is_set_aside() {
    let (store, world) = (Arc::new(MemoryStore::new()), World::new());
    let here = process(&store, 1).max_attempts(3).build();
    here.register(walker(&world, 1));
    let run = here.submit("scripted", "go", RunOptions::default()).await.unwrap();
    for n in 0..3_u64 {
        let now = FakeSources::seeded(1).now().after(Duration::from_secs(n * 60));
        let (owner, until) = (format!("gone{n}"), now.after(Duration::from_secs(10)));
        let lease = store.claim(&Claim { owner, which: Which::Run(run), now, until }).await.unwrap().unwrap();
        assert_eq!(u64::from(lease.attempt), n + 1, "counted before the work starts");
    }
    tokio::time::sleep(Duration::from_secs(300)).await;
    let worker = here.worker(quick());
    until(&store, run, RunStatus::Waiting).await;
    let record = store.run(run).await.unwrap();
    assert_eq!(record.reason, Some(Reason::DeadLetter));
    let message = record.waits[0].to_string();
    assert_eq!(message, "it took down its process 3 times; look at its journal, then resume it");
    assert_eq!(world.attempts(), 0);
    // Somebody has looked: it may be tried again.
    here.resume(run).await.unwrap();
    until(&store, run, RunStatus::Completed).await;
    drop(worker);
}

#[tokio::test(start_paused = true)]
async fn queues_take_turns_and_no_more_runs_work_than_may() {
    let store = Arc::new(MemoryStore::new());
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let here = process(&store, 1).build();
    let (at_work, at_most) = (now.clone(), most.clone());
    here.register(agent(move |cx| {
        let (at_work, at_most) = (at_work.clone(), at_most.clone());
        async move {
            at_most.fetch_max(at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            slow(&cx, &Trace::default(), "work", Pure, 1000).await?;
            at_work.fetch_sub(1, Ordering::SeqCst);
            Ok("done".into())
        }
    }));
    for _ in 0..30 {
        here.submit("scripted", "full", RunOptions::default().with_queue("full")).await.unwrap();
    }
    let mut few = Vec::new();
    for _ in 0..3 {
        few.push(here.submit("scripted", "few", RunOptions::default().with_queue("few")).await.unwrap());
    }
    let mut options = quick();
    options.max_runs = 2;
    let worker = here.worker(options);
    for run in few {
        until(&store, run, RunStatus::Completed).await;
    }
    let mut filter = RunFilter::default();
    filter.status = Some(RunStatus::Completed);
    filter.queue = Some("full".into());
    let full = store.list(&filter).await.unwrap().len();
    assert!(full <= 4, "the full queue went first: {full}");
    assert_eq!(most.load(Ordering::SeqCst), 2);
    drop(worker);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_asked_to_end_gives_its_runs_back() {
    let (store, world) = (Arc::new(MemoryStore::new()), World::new());
    let here = process(&store, 1).build();
    here.register(walker(&world, 5));
    let run = here.submit("scripted", "go", RunOptions::default()).await.unwrap();
    let worker = here.worker(quick());
    tokio::time::sleep(Duration::from_millis(2500)).await;
    worker.shutdown().await;
    let record = store.run(run).await.unwrap();
    assert_eq!((record.status, record.attempts, record.owner), (RunStatus::Pending, 0, None));
    let done = world.deeds().len();
    assert!((1..5).contains(&done), "{done}");
    let there = process(&store, 2).build();
    there.register(walker(&world, 5));
    let worker = there.worker(quick());
    until(&store, run, RunStatus::Completed).await;
    assert_eq!(world.deeds().len(), 5);
    drop(worker);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_panics_takes_nobody_with_it() {
    let store = Arc::new(MemoryStore::new());
    let here = process(&store, 1).build();
    let broken = agent(|_| async move { panic!("out of paper") });
    let run = here.start(broken, "go").await.unwrap();
    let report = run.report().await.unwrap();
    let message = report.result.unwrap_err().to_string();
    assert_eq!(message, "the agent panicked: out of paper; mend it, then resume the run");
    assert_eq!(
        store.run(run.id()).await.unwrap().waits[0].to_string(),
        message,
        "others read it in its record"
    );
    let mended = agent(|_| async move { Ok("printed".into()) });
    let run = here.resume_with(run.id(), mended).await.unwrap();
    until(&store, run.id(), RunStatus::Completed).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_nobody_works_on_is_cancelled_without_its_agent() {
    let store = Arc::new(MemoryStore::new());
    let here = process(&store, 1).build();
    let run = here.submit("scripted", "go", RunOptions::default()).await.unwrap();
    here.cancel(run).await.unwrap();
    here.cancel(run).await.unwrap();
    let report = here.report(run).await.unwrap();
    assert_eq!((report.status, report.reason), (RunStatus::Cancelled, Some(Reason::Cancelled)));
    let worker = here.worker(quick());
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(store.run(run).await.unwrap().status, RunStatus::Cancelled, "and stays so");
    drop(worker);
}

#[tokio::test(start_paused = true)]
async fn a_run_at_work_elsewhere_hears_that_it_is_cancelled() {
    let (store, world) = (Arc::new(MemoryStore::new()), World::new());
    let (here, there) = (process(&store, 1).build(), process(&store, 2).build());
    let run = there.start(walker(&world, 100), "go").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    here.cancel(run.id()).await.unwrap();
    let began = tokio::time::Instant::now();
    let report = run.report().await.unwrap();
    assert_eq!(report.status, RunStatus::Cancelled);
    assert!(began.elapsed() <= Duration::from_millis(250), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_to_end_is_never_completed() {
    let store = Arc::new(MemoryStore::new());
    let here = process(&store, 1).build();
    let stubborn = || {
        agent(|cx| async move {
            drop(cx.sleep(Duration::from_secs(1)).await);
            Ok("done all the same".into())
        })
    };
    let run = here.start(stubborn(), "go").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    run.cancel().await.unwrap();
    let report = run.report().await.unwrap();
    assert_eq!((report.status, report.reason), (RunStatus::Cancelled, Some(Reason::Cancelled)));
    let Err(RunError::Agent(error)) = report.result else { panic!("{report:?}") };
    assert_eq!(error.partial().unwrap().text, "done all the same", "what it made of it is kept");
    let again = here.replay(run.id(), &stubborn()).await.unwrap();
    assert_eq!(again.status, RunStatus::Cancelled);
}

/// A run's time was up, its process crashed, then somebody cancelled it: the first that asked for its end counts, when it
/// goes on as when it is repeated.
#[tokio::test(start_paused = true)]
async fn the_first_that_asks_for_the_end_counts() {
    let store = Arc::new(MemoryStore::new());
    let here = process(&store, 1).build();
    let at_once = || agent(|_| async move { Ok("done".into()) });
    here.register(at_once());
    let run = here.submit("scripted", "go", RunOptions::default()).await.unwrap();
    let (owner, now) = ("gone".to_owned(), FakeSources::seeded(1).now());
    let claim = Claim { owner, which: Which::Run(run), now, until: now.after(Duration::from_secs(10)) };
    let lease = store.claim(&claim).await.unwrap().unwrap();
    let kind = EntryKind::CancelRequested { reason: CancelReason::TimedOut };
    let entries = vec![Entry { seq: Seq(2), at: now, kind }];
    let done = Commit::new(|written| written.unwrap());
    store.append(Append { lease, entries, consumed: Vec::new(), seen: None, done });
    here.cancel(run).await.unwrap();
    let worker = here.worker(quick());
    until(&store, run, RunStatus::Failed).await;
    let report = here.report(run).await.unwrap();
    assert_eq!(report.reason, Some(Reason::TimedOut), "{report:?}");
    assert_eq!(here.replay(run, &at_once()).await.unwrap().reason, Some(Reason::TimedOut));
    let journal = store.load(run, Seq(0)).await.unwrap();
    let asked = journal.iter().filter(|entry| matches!(entry.kind, EntryKind::CancelRequested { .. }));
    assert_eq!(asked.count(), 1, "{journal:#?}");
    drop(worker);
}

/// However late it comes: while the run's end is on its way to the disk, too.
#[tokio::test(start_paused = true)]
async fn a_cancellation_that_is_accepted_before_the_end_is_heard() {
    let (mut heard, mut late) = (0, 0);
    for millis in 0..40 {
        let (store, sources) = (Arc::new(MemoryStore::new()), FakeSources::seeded(millis));
        let slow = FaultyStore::new(store.clone(), sources.clone(), Crash::Never, Lag::UpTo(8));
        let here = Runtime::builder(slow).sources(sources).build();
        let world = World::new();
        let run = here.start(walker(&world, 0), "go").await.unwrap();
        tokio::time::sleep(Duration::from_millis(millis)).await;
        let ended = store.run(run.id()).await.unwrap().status.has_ended();
        process(&store, 99).build().cancel(run.id()).await.unwrap();
        let report = run.report().await.unwrap();
        let expected = if ended { RunStatus::Completed } else { RunStatus::Cancelled };
        assert_eq!(report.status, expected, "after {millis} ms: {report:?}");
        assert_eq!(store.run(run.id()).await.unwrap().status, expected);
        *(if ended { &mut late } else { &mut heard }) += 1;
    }
    assert!(heard > 3 && late > 3, "{heard} heard, {late} too late");
}

/// What came of an effect that was at work when its process was asked to end is kept, so that nobody has to ask.
#[tokio::test(start_paused = true)]
async fn an_orderly_end_keeps_what_came_of_effects_that_must_not_be_cut() {
    let (store, world) = (Arc::new(MemoryStore::new()), World::new());
    let here = process(&store, 1).build();
    let (slow, trace) = (Trace::default(), world.clone());
    let works = move || {
        let (slow, world) = (slow.clone(), trace.clone());
        agent(move |cx| {
            let (slow_one, world) = (crate::support::slow(&cx, &slow, "pay", Unsafe, 3000), world.clone());
            async move {
                let paid = slow_one.await?;
                does(&cx, &world, &paid, Keyed).await
            }
        })
    };
    let run = here.start(works(), "go").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    here.shutdown().await;
    let record = store.run(run.id()).await.unwrap();
    assert_eq!((record.status, record.waits), (RunStatus::Pending, Vec::new()));
    let there = process(&store, 2).build();
    let run = there.resume_with(run.id(), works()).await.unwrap();
    let report = run.report().await.unwrap();
    assert_eq!(report.status, RunStatus::Completed, "{report:?}");
    assert_eq!(world.deeds().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_diverged_can_be_cancelled() {
    let (store, world) = (Arc::new(MemoryStore::new()), World::new());
    let here = process(&store, 1).build();
    let run = here.start(walker(&world, 5), "go").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    here.shutdown().await;
    let there = process(&store, 2).build();
    let other = agent(|cx| async move {
        cx.approve(agentic_core::Approval::new("another program?")).await?;
        Ok(String::new())
    });
    let run = there.resume_with(run.id(), other).await.unwrap();
    let report = run.report().await.unwrap();
    assert_eq!(report.reason, Some(Reason::Diverged), "{report:?}");
    run.cancel().await.unwrap();
    assert_eq!(there.report(run.id()).await.unwrap().status, RunStatus::Cancelled);
}
