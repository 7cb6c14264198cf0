//! `shell`, on Unix.

use std::fs;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use agentic_core::{CancelReason, Cancellation, EffectClass, Sources, Timestamp, Tool, ToolErrorKind};
use agentic_runtime::Ephemeral;
use agentic_tools::builtin::Shell;
use serde_json::{Value, json};

use crate::support::{call, call_in};

fn here() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[tokio::test]
async fn runs_commands_in_its_folder() {
    let folder = here();
    fs::write(folder.path().join("a.txt"), "").unwrap();
    let run = |line: &str| call(Shell::new(folder.path()), json!({ "command": line }));
    let result = run("ls; echo wrong >&2; exit 3").await;
    assert_eq!(result, Ok(json!({ "exit_code": 3, "stdout": "a.txt\n", "stderr": "wrong\n" })));
    assert_eq!(run("cat").await, Ok(json!({ "exit_code": 0, "stdout": "", "stderr": "" })), "no input");
    assert_eq!(run(" ").await.expect_err("empty").kind(), ToolErrorKind::InvalidArguments);
    let error = call(Shell::new("/no/such/folder"), json!({ "command": "ls" })).await.expect_err("no folder");
    assert!(error.message().contains("`/no/such/folder`"), "{error}");
}

#[test]
fn asks_first_and_says_that_it_is_not_jailed() {
    let tool = Shell::new(".");
    assert_eq!(tool.effect(&Value::Null), EffectClass::Unsafe);
    assert!(tool.spec().policy.approval && !tool.spec().policy.parallel);
    assert!(tool.spec().description.contains("outside of any sandbox"));
}

/// Only names that a shell needs are left.
#[tokio::test]
async fn scrubs_the_environment() {
    let kept = ["PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "PWD", "OLDPWD", "SHLVL", "_"];
    let is_kept = |name: &str| kept.contains(&name);
    let ours: Vec<_> = std::env::vars().map(|(name, _)| name).collect();
    assert!(ours.iter().any(|name| !is_kept(name)), "there is something to scrub: {ours:?}");
    let result = call(Shell::new("/"), json!({ "command": "env" })).await.unwrap();
    for line in result["stdout"].as_str().unwrap().lines() {
        assert!(is_kept(line.split('=').next().unwrap_or_default()), "{line}");
    }
}

#[tokio::test]
async fn bounds_huge_outputs() {
    let line = "echo first; head -c 10000000 /dev/zero | tr '\\0' x; echo; echo last; head -c 10000000 /dev/zero >&2";
    let result = call(Shell::new("/"), json!({ "command": line })).await.unwrap();
    let stdout = result["stdout"].as_str().unwrap();
    assert!(stdout.starts_with("first\nxxx") && stdout.ends_with("xxx\nlast\n"), "both ends are there");
    assert!(stdout.contains("\n[cut: 10.0 MB in the middle;"), "{}", &stdout[5_990..6_100]);
    assert!(stdout.len() < 12_200 && result["stderr"].as_str().unwrap().len() < 12_200);
}

/// Whether a process is there and no zombie.
fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

/// The number that a command writes into a file once it runs.
async fn written(path: &Path) -> String {
    loop {
        match fs::read_to_string(path) {
            Ok(pid) if pid.ends_with('\n') => return pid,
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// Waits until a killed process is gone: the system takes a moment.
async fn gone(pid: &str) {
    while lives(pid) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

const SLEEPS: &str = "sh -c 'sleep 1000 & echo $! > pid; wait' & wait";

/// The shell's own; whoever calls it waits longer.
const TIME_LIMIT: Duration = Duration::from_secs(120);

#[cfg(target_os = "linux")]
#[tokio::test]
async fn kills_grandchildren_when_cancelled() {
    let folder = here();
    let cancellation = Cancellation::new();
    let cx = Ephemeral::new().cancellation(cancellation.clone()).context();
    let tool: Arc<dyn Tool> = Arc::new(Shell::new(folder.path()));
    let run = tokio::spawn(async move { cx.tool(&tool, json!({ "command": SLEEPS })).await });
    let pid = written(&folder.path().join("pid")).await;
    assert!(lives(&pid));
    cancellation.cancel(CancelReason::Requested);
    assert!(run.await.unwrap().is_err());
    gone(&pid).await;
}

/// Time that stands still until the test says that it is up.
#[derive(Clone, Debug)]
struct Manual(Arc<tokio::sync::Semaphore>);

impl Sources for Manual {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0)
    }

    fn id(&self) -> uuid::Uuid {
        uuid::Uuid::nil()
    }

    fn random(&self) -> u64 {
        0
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        if duration > TIME_LIMIT {
            return Box::pin(std::future::pending());
        }
        let up = self.0.clone();
        Box::pin(async move { drop(up.acquire_owned().await) })
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn kills_grandchildren_when_the_time_is_up() {
    let folder = here();
    let time = Manual(Arc::new(tokio::sync::Semaphore::new(0)));
    let cx = Ephemeral::new().sources(time.clone()).context();
    let tool: Arc<dyn Tool> = Arc::new(Shell::new(folder.path()));
    let run = tokio::spawn(async move { call_in(&cx, &tool, json!({ "command": SLEEPS })).await });
    let pid = written(&folder.path().join("pid")).await;
    assert!(lives(&pid));
    time.0.add_permits(100);
    let error = run.await.unwrap().expect_err("too long");
    assert_eq!(error.kind(), ToolErrorKind::TimedOut);
    assert!(error.message().contains("did not end within 120 s"), "{error}");
    gone(&pid).await;
}

/// What a command leaves in the background neither holds the call up nor survives it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn kills_what_is_left_in_the_background() {
    let folder = here();
    let line = "sleep 1000 & echo $! > pid; echo done";
    let result = call(Shell::new(folder.path()), json!({ "command": line })).await.unwrap();
    assert_eq!(result["stdout"], "done\n");
    gone(&written(&folder.path().join("pid")).await).await;
}
