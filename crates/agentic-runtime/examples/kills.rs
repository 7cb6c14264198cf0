//! Kills a process at work at random moments, and counts what it did.
//!
//! ```text
//! cargo run --release -p agentic-runtime --features sqlite --example kills [KILLS] [RUNS] [SEED]
//! ```
//!
//! Runs do errands over HTTP: some with an idempotency key, some that must not happen twice. A server here counts them.
//! The process that works is killed, started again and killed again; of errands that were under way and must not happen
//! twice, a person, played here, asks the server. At the end every run has ended, every errand was done, and none twice.
#![expect(clippy::print_stdout, reason = "it prints what it found")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agentic_core::{
    Agent, AgentError, EffectClass, EffectContext, Goal, Json, Outcome, Reason, RunContext, RunId, RunStatus,
    Spend, Tool, ToolError, ToolSpec, async_trait,
};
use agentic_runtime::{
    Resolution, RunFilter, RunOptions, Runtime, SqliteOptions, SqliteStore, Wait, WorkerOptions,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

type Failed = Box<dyn Error>;

const ERRANDS: usize = 60;
const LEASE: Duration = Duration::from_millis(600);

/// Posts to the server, with the step's idempotency key.
#[derive(Debug)]
struct Errand {
    spec: Arc<ToolSpec>,
    class: EffectClass,
    port: u16,
}

#[async_trait]
impl Tool for Errand {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.spec
    }

    fn effect(&self, _: &Value) -> EffectClass {
        self.class
    }

    async fn call(&self, arguments: Value, ecx: EffectContext) -> Result<Value, ToolError> {
        let failed =
            |error: std::io::Error| ToolError::failed(format!("the server can't be reached: {error}"));
        let key = ecx.key();
        let status = request(self.port, &format!("POST /{:?}", self.class), &key).await.map_err(failed)?;
        ecx.sleep(Duration::from_millis(ecx.random() % 500)).await;
        Ok(json!({"status": status, "errand": arguments}))
    }
}

async fn request(port: u16, what: &str, key: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(format!("{what} HTTP/1.1\r\nidempotency-key: {key}\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

/// Does errands of both kinds, some at the same time.
#[derive(Debug)]
struct Errands {
    keyed: Arc<dyn Tool>,
    once: Arc<dyn Tool>,
}

#[async_trait]
impl Agent for Errands {
    fn name(&self) -> &str {
        "errands"
    }

    async fn run(&self, _: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        for n in 0..ERRANDS / 3 {
            let both = cx
                .all("pair", 2, [0, 1], |cx, m| async move { cx.tool(&self.keyed, json!([n, m])).await })
                .await;
            both.into_iter().collect::<Result<Vec<_>, _>>()?;
            cx.tool(&self.once, json!(n)).await?;
        }
        Ok(Outcome::new("done", Spend::default()))
    }
}

fn agent(port: u16) -> Errands {
    let errand = |name: &str, class| -> Arc<dyn Tool> {
        let spec = Arc::new(ToolSpec::new(name, "runs an errand", json!({})));
        Arc::new(Errand { spec, class, port })
    };
    Errands { keyed: errand("keyed", EffectClass::Keyed), once: errand("once", EffectClass::Unsafe) }
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [work, path, port] = &args[..]
        && work == "work"
    {
        return work_on(Path::new(path), port.parse()?).await;
    }
    let number = |n: usize, default: u64| args.get(n).map_or(Ok(default), |text| text.parse());
    kill(number(0, 300)?, number(1, 200)?, number(2, fastrand::u64(..))?).await
}

async fn open(path: &Path) -> Result<Runtime, Failed> {
    let store = SqliteStore::open(path, SqliteOptions::new()).await?;
    Ok(Runtime::builder(store).lease(LEASE).max_attempts(u32::MAX).build())
}

/// The process that is killed.
async fn work_on(path: &Path, port: u16) -> Result<(), Failed> {
    let runtime = open(path).await?;
    runtime.register(agent(port));
    let mut options = WorkerOptions::default();
    options.poll = Duration::from_millis(50);
    let _worker = runtime.worker(options);
    std::future::pending().await
}

/// What the server saw: how often each key came, by kind.
type Seen = Arc<Mutex<BTreeMap<String, u64>>>;

/// A server that counts requests by their keys.
async fn serve(listener: TcpListener, seen: Seen) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let seen = seen.clone();
        tokio::spawn(async move {
            let mut head = Vec::new();
            let mut piece = [0; 1024];
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read(&mut piece).await {
                    Ok(n) if n > 0 => head.extend_from_slice(&piece[..n]),
                    _ => return,
                }
            }
            let head = String::from_utf8_lossy(&head);
            let key = head.split("idempotency-key: ").nth(1).unwrap_or_default().trim();
            *seen.lock().unwrap_or_else(PoisonError::into_inner).entry(key.to_owned()).or_default() += 1;
            let _ = stream.write_all(b"HTTP/1.1 204 done\r\n\r\n").await;
        });
    }
}

async fn kill(kills: u64, runs: u64, seed: u64) -> Result<(), Failed> {
    println!("seed {seed}: {kills} kills, {runs} runs");
    fastrand::seed(seed);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("runs.db");
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    let seen = Seen::default();
    tokio::spawn(serve(listener, seen.clone()));

    let runtime = open(&path).await?;
    let (mut killed, mut hit, mut accepted, mut doubts) = (0, 0, Vec::new(), 0);
    while (accepted.len() as u64) < runs {
        accepted.push(runtime.submit("errands", "run errands", RunOptions::default()).await?);
    }
    while killed < kills || !all_ended(&runtime, accepted.len()).await? {
        let mut child = worker(&path, port)?;
        let lives = if killed < kills { fastrand::u64(20..400) } else { 2000 };
        tokio::time::sleep(Duration::from_millis(lives)).await;
        doubts += settle(&runtime, &seen).await?;
        if killed < kills {
            let working = at_work(&runtime).await?;
            child.start_kill()?;
            (killed, hit) = (killed + 1, hit + u64::from(working));
        } else {
            doubts += settle(&runtime, &seen).await?;
            child.start_kill()?;
        }
        child.wait().await?;
    }
    println!("{hit} of {killed} kills hit a process with runs at work");
    check(&runtime, &accepted, &seen, doubts, killed).await
}

fn worker(path: &PathBuf, port: u16) -> Result<tokio::process::Child, Failed> {
    let mut command = tokio::process::Command::new(std::env::current_exe()?);
    command.arg("work").arg(path).arg(port.to_string()).stdin(Stdio::null()).kill_on_drop(true);
    Ok(command.spawn()?)
}

/// Whether somebody's lease holds on a run.
async fn at_work(runtime: &Runtime) -> Result<bool, Failed> {
    let mut filter = RunFilter::default();
    filter.status = Some(RunStatus::Running);
    Ok(!runtime.list(&filter).await?.is_empty())
}

async fn all_ended(runtime: &Runtime, accepted: usize) -> Result<bool, Failed> {
    let mut filter = RunFilter::default();
    filter.status = Some(RunStatus::Completed);
    Ok(runtime.list(&filter).await?.len() == accepted && accepted > 0)
}

/// Says of effects that are in doubt what the server knows. How many there were.
async fn settle(runtime: &Runtime, seen: &Seen) -> Result<u64, Failed> {
    let mut filter = RunFilter::default();
    filter.status = Some(RunStatus::Waiting);
    let mut settled = 0;
    for run in runtime.list(&filter).await? {
        for wait in &run.waits {
            let Wait::UnknownEffect { step, .. } = wait else {
                return Err(format!("run {} waits for {wait}", run.id).into());
            };
            let key = format!("{}/{step}", run.id);
            let done = seen.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&key);
            let resolution =
                if done { Resolution::Done(Json::of(&json!({"asked": true}))?) } else { Resolution::NotDone };
            if runtime.resolve(run.id, step, resolution, None).await.is_ok() {
                settled += 1;
            }
        }
    }
    Ok(settled)
}

async fn check(
    runtime: &Runtime,
    accepted: &[RunId],
    seen: &Seen,
    doubts: u64,
    killed: u64,
) -> Result<(), Failed> {
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (mut lost, mut taken) = (0, 0);
    for run in accepted {
        let record = runtime.run(*run).await?;
        lost += u64::from(record.status != RunStatus::Completed || record.reason == Some(Reason::DeadLetter));
        let journal = runtime.journal(*run).await?;
        let gaps = journal.iter().zip(1..).any(|(entry, seq)| entry.seq.0 != seq);
        lost += u64::from(gaps);
        let resumed =
            |kind: &agentic_runtime::EntryKind| matches!(kind, agentic_runtime::EntryKind::Resumed { .. });
        taken += journal.iter().filter(|entry| resumed(&entry.kind)).count();
    }
    let expected = accepted.len() * ERRANDS;
    let twice = seen.iter().filter(|(key, count)| key.contains("tool:once") && **count > 1).count();
    let again = seen.iter().filter(|(key, count)| key.contains("tool:keyed") && **count > 1).count();
    println!(
        "{killed} kills of a process at work on {} runs, which were taken {taken} times",
        accepted.len()
    );
    println!("runs that are lost or did not end: {lost}");
    println!("errands: {} of {expected} by their keys", seen.len());
    println!("keyed errands attempted again, each with its key: {again}");
    println!("errands that must not happen twice and did: {twice}");
    println!("of which a person had to say whether they had happened: {doubts}");
    if lost > 0 || twice > 0 || seen.len() != expected {
        return Err("MISSED".into());
    }
    println!("ok");
    Ok(())
}
