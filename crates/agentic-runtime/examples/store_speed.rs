//! How fast [`SqliteStore`] keeps what many runs append: 200 runs, each of which appends an intent and its outcome,
//! 600 bytes together, and waits until they are durable before it goes on.
//!
//! `cargo run --release -p agentic-runtime --features sqlite --example store_speed [FOLDER]`
#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agentic_core::{Budget, Digest, EffectClass, Json, RunId, Spend, StepId, StepKind, Timestamp};
use agentic_runtime::{
    Append, Claim, Commit, Durability, Entry, EntryKind, JournalStore, Lease, NewRun, Seq, SqliteOptions,
    SqliteStore, Which,
};
use tokio::sync::oneshot;
use uuid::Uuid;

type Failed = Box<dyn Error + Send + Sync>;

const RUNS: u64 = 200;
const PAIRS: u64 = 100;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args_os().nth(1);
    let folder = folder.as_ref().map_or(temporary.path(), Path::new);
    for durability in [Durability::Full, Durability::Relaxed] {
        let path = folder.join(format!("store_speed-{durability:?}.db"));
        let store =
            Arc::new(SqliteStore::open(&path, SqliteOptions::new().with_durability(durability)).await?);
        let mut leases = Vec::new();
        for _ in 0..RUNS {
            leases.push(begin(&store).await?);
        }
        let before = store.commits();
        let took = measure(&store, leases).await?;
        let commits = store.commits() - before;
        drop(store);
        let entries = RUNS * PAIRS * 2;
        let seconds = took.as_secs_f64();
        let size = std::fs::metadata(&path)?.len();
        std::fs::remove_file(&path)?;
        println!(
            "{durability:?}: {entries} entries of {RUNS} runs in {seconds:.2} s: {:.0} entries/s, {:.0} answered \
             appends/s; {commits} commits of {:.0} entries; {:.0} bytes on disk an entry",
            entries as f64 / seconds,
            entries as f64 / 2.0 / seconds,
            entries as f64 / commits as f64,
            size as f64 / entries as f64,
        );
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "it measures real time")]
async fn measure(store: &Arc<SqliteStore>, leases: Vec<Lease>) -> Result<Duration, Failed> {
    let started = Instant::now();
    let tasks: Vec<_> = leases.into_iter().map(|lease| tokio::spawn(work(store.clone(), lease))).collect();
    for task in tasks {
        task.await??;
    }
    Ok(started.elapsed())
}

async fn begin(store: &SqliteStore) -> Result<Lease, Failed> {
    let random = fastrand::u128(..);
    let (id, at) = (RunId(Uuid::from_u128(random)), Timestamp::from_millis(0));
    let (agent, code, seed) = ("agent".into(), "1".into(), Digest::default());
    let begin = Json::default();
    let kind = EntryKind::Started { agent, code, seed, budget: Budget::default(), begin };
    let new = NewRun {
        id,
        queue: "queue".into(),
        agent: "agent".into(),
        goal: "a goal".into(),
        at,
        entries: vec![Entry { seq: Seq(1), at, kind }],
        forked_from: None,
        waits: None,
    };
    store.create(new).await?;
    let until = Timestamp::from_millis(u64::MAX);
    let claim = Claim { owner: "owner".into(), which: Which::Run(id), now: at, until };
    store.claim(&claim).await?.ok_or_else(|| "a claim of one run gives a lease".into())
}

async fn work(store: Arc<SqliteStore>, lease: Lease) -> Result<(), Failed> {
    for pair in 0..PAIRS {
        let seq = Seq(2 + 2 * pair);
        // The intent goes ahead, as it does while the effect happens.
        append(&store, &lease, intent(seq, pair)?, Commit::new(|_| {}));
        let (tell, answer) = oneshot::channel();
        append(&store, &lease, outcome(seq, pair)?, Commit::new(move |result| drop(tell.send(result))));
        answer.await??;
    }
    Ok(())
}

fn append(store: &SqliteStore, lease: &Lease, entry: Entry, done: Commit) {
    store.append(Append {
        lease: lease.clone(),
        entries: vec![entry],
        consumed: Vec::new(),
        seen: None,
        done,
    });
}

fn step(pair: u64) -> Result<StepId, Failed> {
    Ok(serde_json::from_str(&format!("\"turn@{pair}/search\""))?)
}

fn intent(seq: Seq, pair: u64) -> Result<Entry, Failed> {
    let kind = EntryKind::Intent {
        step: step(pair)?,
        kind: StepKind::Tool,
        class: EffectClass::Pure,
        digest: Some(Digest::of(&pair)?),
        name: "search".into(),
        held: serde_json::from_str(
            r#"{"spend":{"input_tokens":0,"output_tokens":0,"tool_calls":1},"limited":true}"#,
        )?,
        until: None,
        withheld: false,
        asked: Json::of(&format!("{pair:0>40}"))?,
    };
    Ok(Entry { seq, at: Timestamp::from_millis(1_767_225_600_000 + pair), kind })
}

fn outcome(intent: Seq, pair: u64) -> Result<Entry, Failed> {
    let value = Json::of(&format!("{pair:0>160}"))?;
    let (step, kind, spend, withheld) = (step(pair)?, StepKind::Tool, Spend::default(), false);
    let kind = EntryKind::Outcome { step, kind, error: None, spend, by: None, rule: None, withheld, value };
    Ok(Entry { seq: intent.next(), at: Timestamp::from_millis(1_767_225_600_000 + pair), kind })
}
