//! Python, and one run of it in the sandbox.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use agentic_core::{ToolError, ToolErrorKind};
use futures_util::future::join4;
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::super::output::Output;
use super::super::sandbox::{FOLDER, Running, Sandbox, SandboxError, Stopped};
use super::super::support::blocking;
use super::files::{MAIN, TextFile};
use super::{CodeLimits, Ran};

/// A Python that works in its sandbox.
#[derive(Debug)]
pub(super) struct Python {
    sandbox: Arc<Sandbox>,
    limits: CodeLimits,
}

/// Asked of a Python outside of the sandbox: where it lies. Of where it was installed the parts that belong to it, as others may
/// have other things there.
const WHERE: &str = "import json, os, sys, sysconfig\n\
    parts = ('bin', 'lib', 'lib32', 'lib64', 'libexec', 'share', 'pyvenv.cfg')\n\
    prefixes = {sys.base_prefix, sys.base_exec_prefix, sys.prefix, sys.exec_prefix}\n\
    folders = [os.path.join(prefix, part) for prefix in prefixes for part in parts]\n\
    folders = [folder for folder in folders if os.path.exists(folder)]\n\
    folders += [sysconfig.get_path(name) for name in ('stdlib', 'platstdlib', 'purelib', 'platlib')]\n\
    folders += [os.path.dirname(os.path.realpath(sys.executable))]\n\
    print(json.dumps({'program': sys.executable, 'prefixes': sorted(prefixes), 'folders': folders}))";

/// Everything that the program has of an environment. Tools that it starts are found, strings hash alike in all runs,
/// and there is one thread for numbers, whose order does not change.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("HOME", FOLDER),
    ("TMPDIR", FOLDER),
    ("LANG", "C.UTF-8"),
    ("PYTHONHASHSEED", "0"),
    ("OMP_NUM_THREADS", "1"),
    ("MALLOC_ARENA_MAX", "2"),
];

/// Not `-I`: it would turn the hash seed off and the folder's own modules away; that there is nothing else in the
/// environment and in the folder is the sandbox's doing. No site of a user, no bytecode, nothing printed is held back.
const OPTIONS: [&str; 5] = ["-s", "-B", "-u", "-X", "utf8"];

#[derive(Deserialize)]
struct Where {
    program: PathBuf,
    prefixes: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

/// The first of these that works.
pub(super) async fn open(
    candidates: &[PathBuf],
    private: &[PathBuf],
    limits: &CodeLimits,
) -> Result<Python, ToolError> {
    let mut why = None;
    let private = all_names(private);
    for candidate in candidates {
        match try_open(candidate.clone(), private.clone(), limits).await {
            Ok(python) => return Ok(python),
            // What the sandbox lacks it lacks for all.
            Err(error) if error.kind() == ToolErrorKind::Unsupported => return Err(error),
            Err(error) => why = why.or(Some(error)),
        }
    }
    Err(why.unwrap_or_else(|| no_python("there is no `python3` on PATH; install Python 3")))
}

/// Not that something was not found: the program has not been looked at.
fn no_python(what: &str) -> ToolError {
    ToolError::new(ToolErrorKind::Unavailable, format!("run_code needs Python 3, and {what}"))
}

/// What no program may see: the home, the current folder and these, also where links lead.
fn all_names(private: &[PathBuf]) -> Vec<PathBuf> {
    let own = [std::env::var_os("HOME").map(PathBuf::from), std::env::current_dir().ok()];
    let named = private.iter().filter_map(|folder| std::path::absolute(folder).ok());
    let mut names: Vec<_> = own.into_iter().flatten().chain(named).collect();
    let real: Vec<_> = names.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
    names.extend(real);
    names
}

async fn try_open(
    candidate: PathBuf,
    private: Vec<PathBuf>,
    limits: &CodeLimits,
) -> Result<Python, ToolError> {
    let shown = candidate.display().to_string();
    let of_sandbox = limits.clone();
    let wrong = |what: String| no_python(&format!("{shown} {what}"));
    let found = ask(&candidate).await.map_err(wrong)?;
    let sandbox = blocking(move || {
        let found =
            around(found, &private).map_err(|what| no_python(&format!("{} {what}", candidate.display())))?;
        let main = Path::new(FOLDER).join(MAIN);
        let arguments = OPTIONS.iter().map(Into::into).chain([main.into_os_string()]).collect();
        let environment = ENVIRONMENT.to_vec();
        Ok(Sandbox::new(&found.program, &found.folders, &private, arguments, environment, of_sandbox)?)
    });
    let python = Python { sandbox: Arc::new(sandbox.await?), limits: limits.clone() };
    let empty = TextFile { name: MAIN.to_owned(), text: "print('works')".to_owned() };
    let ran = run(&python, vec![empty], None).await?;
    if ran.exit_code == Some(0) && ran.stdout == "works\n" {
        return Ok(python);
    }
    let last = ran.stderr.lines().last().unwrap_or("it printed nothing");
    Err(no_python(&format!("{shown} does not work in the sandbox: {last}")))
}

/// Where a Python says that it lies. Dropped, it stops it.
async fn ask(candidate: &Path) -> Result<Where, String> {
    let mut command = Command::new(candidate);
    command.args(["-I", "-c", WHERE]).stdin(Stdio::null()).kill_on_drop(true);
    let answer = command.output().await.map_err(|error| format!("does not start: {error}"))?;
    serde_json::from_slice(&answer.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&answer.stderr);
        format!("does not say where it lies: {}", said.lines().last().unwrap_or("it printed nothing"))
    })
}

/// All that belongs to a Python, if it is not around what is private.
fn around(mut found: Where, private: &[PathBuf]) -> Result<Where, String> {
    // Where a link leads has to be there too.
    let real: Vec<_> = found.folders.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
    found.folders.extend(real);
    // Where all of the system is installed others have their things too, beside it.
    let shared = ["/", "/usr", "/usr/local"].map(Path::new);
    for prefix in found.prefixes.iter().filter(|prefix| !shared.contains(&prefix.as_path())) {
        if private.iter().any(|own| own.starts_with(prefix)) {
            return Err(format!("lies in {}, with files that it must not see", prefix.display()));
        }
    }
    for folder in &found.folders {
        if private.iter().any(|own| own.starts_with(folder) && own != folder) {
            return Err(format!("lies in {}, with files that it must not see", folder.display()));
        }
    }
    // Those that hold others first.
    found.folders.sort();
    found.folders.dedup();
    Ok(found)
}

/// Runs a program to its end.
pub(super) async fn run(
    python: &Python,
    files: Vec<TextFile>,
    stdin: Option<String>,
) -> Result<Ran, ToolError> {
    let sandbox = python.sandbox.clone();
    let input = stdin.is_some();
    let mut running = blocking(move || {
        sandbox.start(&files, input).map_err(|error| match error {
            SandboxError::Program { .. } => no_python(&format!("it {error}")),
            error => error.into(),
        })
    })
    .await?;
    let Running { child, lifeline, .. } = &mut running;
    let lifeline = &*lifeline;
    let (out, err, to) = (child.stdout.take(), child.stderr.take(), child.stdin.take());
    let feed = async move {
        if let (Some(mut to), Some(text)) = (to, stdin) {
            // A program need not read all of it.
            let _ = to.write_all(text.as_bytes()).await;
        }
    };
    let most = python.limits.output;
    let flood = (most as u64).saturating_mul(CodeLimits::FLOOD);
    let is_flooded = std::sync::atomic::AtomicBool::new(false);
    let seen = |total: u64| {
        if total > flood {
            is_flooded.store(true, std::sync::atomic::Ordering::Relaxed);
            lifeline.cut();
        }
    };
    let (mut stdout, mut stderr) = (Output::new(most), Output::new(most));
    let (status, read, read_too, ()) =
        join4(child.wait(), stdout.read_on(out, seen), stderr.read_on(err, seen), feed).await;
    let is_flooded = is_flooded.into_inner();
    let ended = status.and(read).and(read_too).and_then(|()| running.ended()).map_err(|error| {
        ToolError::failed(format!("the program could not be followed: {error}")).with_source(error)
    })?;
    let stopped = match ended.stopped {
        None if is_flooded && ended.code.is_none() && ended.signal.is_none() => Some(Stopped::Output),
        stopped => stopped,
    };
    if ended.code.is_none() && ended.signal.is_none() && stopped.is_none() {
        return Err(ToolError::new(
            ToolErrorKind::Unavailable,
            "the sandbox was killed from outside, perhaps for want of memory; what the program did is gone",
        ));
    }
    let advice = "print less";
    Ok(Ran {
        exit_code: ended.code,
        signal: ended.signal,
        stopped: stopped.map(Stopped::name),
        stdout_truncated: stdout.is_cut(),
        stdout: stdout.text(advice),
        stderr_truncated: stderr.is_cut(),
        stderr: stderr.text(advice),
    })
}
