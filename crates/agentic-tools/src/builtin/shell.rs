//! `shell`: runs a command of the system's shell.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    EffectClass, EffectContext, Tool, ToolError, ToolErrorKind, ToolPolicy, ToolSpec, async_trait,
};
use futures_util::future::{Either, join, select};
use process_wrap::tokio::{ChildWrapper, CommandWrap};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;

use super::output::Output;
use super::support::{arguments, spec};

pub(super) const NAME: &str = "shell";
pub(super) const DESCRIPTION: &str = "Run a shell command on this computer, outside of any sandbox. \
    It can't ask questions and nothing it starts keeps running. Example: {\"command\": \"git status\"}";

/// Bytes kept of each of the two outputs: half of them from the start, half from the end.
const MAX_OUTPUT: usize = 12_000;
const ADVICE: &str = "write the output into a file to read all of it";

/// Runs commands with the system's shell: `sh -c`, on Windows `cmd /C`.
///
/// **It is not jailed**: a command can do whatever the program's user can. Hence its effect is `unsafe` and its
/// policy asks a person first. A command gets no input, of the environment only what a shell needs to work (no
/// keys), and starts in a given folder. All processes that it started are killed when it ends, when its time is up
/// and when the run is cancelled: on Unix its process group, on Windows its job. A process that leaves its group
/// on purpose (`setsid`) gets away.
#[derive(Clone, Debug)]
pub struct Shell {
    folder: PathBuf,
    spec: Arc<ToolSpec>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The command line, like "git status".
    command: String,
}

impl Shell {
    /// A tool that runs commands in this folder, each for two minutes at most.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let policy = ToolPolicy::default().with_timeout(Duration::from_secs(120)).ask_first().sequential();
        Self { folder: folder.into(), spec: spec::<Arguments>(NAME, DESCRIPTION, policy) }
    }

    /// The same tool with this policy: its time limit is kept, and whether a person is asked is up to it.
    pub fn with_policy(mut self, policy: ToolPolicy) -> Self {
        self.spec = Arc::new((*self.spec).clone().with_policy(policy));
        self
    }

    fn spawn(&self, line: &str) -> std::io::Result<Running> {
        let mut command = shell(line);
        command.current_dir(&self.folder).env_clear();
        command.envs(KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut command = CommandWrap::from(command);
        #[cfg(unix)]
        command.wrap(process_wrap::tokio::ProcessGroup::leader());
        #[cfg(windows)]
        command.wrap(process_wrap::tokio::JobObject);
        Ok(Running { child: command.spawn()?, is_over: false })
    }
}

/// What is left of the environment: where programs are, where the user's files are, the language.
#[cfg(not(windows))]
const KEPT: &[&str] = &["PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR"];
#[cfg(windows)]
const KEPT: &[&str] = &["PATH", "PATHEXT", "SYSTEMROOT", "COMSPEC", "USERPROFILE", "TEMP", "TMP"];

#[cfg(not(windows))]
fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(line);
    command
}

#[cfg(windows)]
fn shell(line: &str) -> Command {
    let mut command = Command::new("cmd");
    command.arg("/C").arg(line);
    command
}

#[async_trait]
impl Tool for Shell {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.spec
    }

    fn effect(&self, _: &Value) -> EffectClass {
        EffectClass::Unsafe
    }

    async fn call(&self, given: Value, ecx: EffectContext) -> Result<Value, ToolError> {
        let Arguments { command } = arguments(NAME, given)?;
        if command.trim().is_empty() || command.contains('\0') {
            return Err(ToolError::invalid(
                "the command is empty or has a zero byte in it; give one like \"git status\"",
            ));
        }
        let mut running = self.spawn(&command).map_err(|error| {
            let message = format!("the shell can't start in `{}`: {error}", self.folder.display());
            ToolError::failed(message).with_source(error)
        })?;
        let limit = ecx.time_left().unwrap_or(self.spec.policy.timeout).min(self.spec.policy.timeout);
        let ended = {
            let work = std::pin::pin!(running.finish());
            let (time, cancelled) = (std::pin::pin!(ecx.sleep(limit)), std::pin::pin!(ecx.cancelled()));
            match select(work, select(time, cancelled)).await {
                Either::Left((done, _)) => Ok(done),
                Either::Right((Either::Left(_), _)) => {
                    Err(format!("did not end within {} s", limit.as_secs()))
                }
                Either::Right((Either::Right(_), _)) => Err("was stopped, the run is cancelled".to_owned()),
            }
        };
        match ended {
            Ok(Ok((code, stdout, stderr))) => {
                Ok(json!({ "exit_code": code, "stdout": stdout.text(ADVICE), "stderr": stderr.text(ADVICE) }))
            }
            Ok(Err(error)) => {
                Err(ToolError::failed(format!("the command could not be followed: {error}"))
                    .with_source(error))
            }
            Err(why) => {
                running.kill().await;
                let message =
                    format!("the command {why}; all its processes were killed, what it had done stays done");
                Err(ToolError::new(ToolErrorKind::TimedOut, message))
            }
        }
    }
}

/// A running command. Its processes are killed when it is dropped.
#[derive(Debug)]
struct Running {
    child: Box<dyn ChildWrapper>,
    /// Everything was killed: the group's number may belong to somebody else by now.
    is_over: bool,
}

impl Running {
    /// Waits for the end; gives the exit code and the outputs.
    async fn finish(&mut self) -> std::io::Result<(Option<i32>, Output, Output)> {
        let Self { child, is_over } = self;
        let (stdout, stderr) = (child.stdout().take(), child.stderr().take());
        let read = join(Output::read(stdout, MAX_OUTPUT), Output::read(stderr, MAX_OUTPUT));
        let wait = async {
            // The shell's own end: what it left running in the background is not waited for but killed, which
            // also closes the pipes that are being read.
            let status = child.inner_mut().wait().await;
            let _ = child.start_kill();
            *is_over = true;
            status
        };
        let ((stdout, stderr), status) = join(read, wait).await;
        Ok((status?.code(), stdout?, stderr?))
    }

    /// Kills all processes and waits until the shell is gone.
    async fn kill(&mut self) {
        // Fails only if there is nothing left to kill.
        let _ = self.child.start_kill();
        let _ = self.child.inner_mut().wait().await;
        self.is_over = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over {
            let _ = self.child.start_kill();
        }
    }
}
