//! Measures how soon all processes of a cancelled shell command are gone: the shell, its child and its grandchild.
//!
//! ```text
//! cargo run -p agentic-tools --features shell --example shell_cancel
//! ```
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measuring program reads the clock and prints"
)]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agentic_core::{CancelReason, Cancellation, Sources as _, Tool};
use agentic_runtime::{Ephemeral, SystemSources};
use agentic_tools::builtin::Shell;
use serde_json::json;

const CANCELS: usize = 200;
const BAR: Duration = Duration::from_millis(250);
/// A command is cancelled within so many milliseconds after its grandchild has begun.
const WITHIN: u64 = 30;
const LOOK: Duration = Duration::from_micros(500);
/// Three processes each. The second kind does not listen to who asks it to end.
const COMMANDS: [&str; 2] = [
    "sh -c 'sleep 1000 & echo $PPID $$ $! > pids; wait' & wait",
    "trap '' TERM INT HUP; sh -c 'sleep 1000 & echo $PPID $$ $! > pids; wait' & wait",
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    if !Path::new("/proc/self/stat").exists() {
        println!("cancel child processes: not measured, there is no /proc here");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let mut times = Vec::new();
    for n in 0..CANCELS {
        times.push(cancelled(folder.path(), COMMANDS[n % COMMANDS.len()]).await?);
    }
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    let ok = times[(times.len() - 1) * 99 / 100] <= BAR;
    println!(
        "cancel child processes: {CANCELS} commands, all three gone after ms p50={:.1} p99={:.1} max={:.1} bar={} {}",
        at(50),
        at(99),
        at(100),
        BAR.as_millis(),
        if ok { "ok" } else { "MISSED" }
    );
    if ok { Ok(()) } else { Err("the bar is missed".into()) }
}

/// Cancels one command at a random moment. Gives how long any of its processes lived.
async fn cancelled(folder: &Path, command: &str) -> Result<Duration, Box<dyn Error>> {
    let pids = folder.join("pids");
    let _ = fs::remove_file(&pids);
    let cancellation = Cancellation::new();
    let cx = Ephemeral::new().cancellation(cancellation.clone()).context();
    let (tool, arguments): (Arc<dyn Tool>, _) = (Arc::new(Shell::new(folder)), json!({"command": command}));
    let works = tokio::spawn(async move { cx.tool(&tool, arguments).await });
    let written = loop {
        match fs::read_to_string(&pids) {
            Ok(written) if written.ends_with('\n') => break written,
            _ => tokio::time::sleep(LOOK).await,
        }
    };
    let all: Vec<&str> = written.split_whitespace().collect();
    if all.len() != 3 || !all.iter().all(|pid| lives(pid)) {
        return Err(format!("three processes should live, not {all:?}").into());
    }
    tokio::time::sleep(Duration::from_millis(SystemSources.random() % WITHIN)).await;
    let began = Instant::now();
    cancellation.cancel(CancelReason::Requested);
    while all.iter().any(|pid| lives(pid)) {
        tokio::time::sleep(LOOK).await;
    }
    let took = began.elapsed();
    match works.await? {
        Err(_) => Ok(took),
        Ok(_) => Err("a cancelled command gave a result".into()),
    }
}

/// Whether a process is there and no zombie.
fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}
