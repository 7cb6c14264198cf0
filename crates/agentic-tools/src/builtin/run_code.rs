//! `run_code`: runs a piece of Python in a sandbox.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    EffectClass, EffectContext, Tool, ToolError, ToolErrorKind, ToolPolicy, ToolSpec, async_trait,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::support::{arguments, spec};

mod files;
mod limits;
#[cfg(all(target_os = "linux", any(target_arch = "aarch64", target_arch = "x86_64")))]
#[path = "run_code/linux.rs"]
mod system;
#[cfg(not(all(target_os = "linux", any(target_arch = "aarch64", target_arch = "x86_64"))))]
#[path = "run_code/elsewhere.rs"]
mod system;

#[cfg(all(target_os = "linux", any(target_arch = "aarch64", target_arch = "x86_64")))]
pub(super) use files::TextFile;
pub use limits::CodeLimits;

pub(super) const NAME: &str = "run_code";
pub(super) const DESCRIPTION: &str = "Run a Python program in a sandbox: no network, no files but those given here, \
    nothing kept afterwards. Print what you want to know. Use it to compute, or to test code: give the modules as \
    files and import them. Example: {\"code\": \"import solution\\nassert solution.add(2, 3) == 5\\nprint('ok')\", \
    \"files\": {\"solution.py\": \"def add(a, b): return a + b\"}}";

/// What a call may take beyond its wall time: the sandbox, the end of its processes.
const MARGIN: Duration = Duration::from_secs(20);

/// Runs Python programs in a sandbox: an agent that writes code has its tests run by something that is not a model.
///
/// A call has the program (`code`), texts that it finds in its folder (`files`) and its input (`stdin`). It gives
/// `exit_code`, `stdout` and `stderr`; `exit_code` is null if the program was killed. What else there is to say has
/// fields that are there only then: `stopped` names the limit that ended the program (`time`, `cpu`, `memory`,
/// `output`), `signal` the signal that did, `stdout_truncated` and `stderr_truncated` are true if the middle is missing.
/// That a program fails is a result; an error says that nothing ran.
///
/// The program is `/sandbox/main.py`, in a folder of its own that lives in memory and ends with the call. It sees the
/// system's programs and libraries and Python's own folders, all read-only, and nothing else: no home, no project, no
/// `/etc`, no `/proc`, no environment of ours. It has no network, no way to other processes and no privileges, and all
/// processes that it starts are gone when the call is over, cancelled, or we are killed. Hence the effect is `pure`.
/// Strings hash alike in all runs (`PYTHONHASHSEED=0`); the time and random numbers are real.
///
/// # Where it works
/// Linux 5.14 or newer on x86-64 or 64-bit ARM, as any user that may make user namespaces, root among them (who is
/// nobody inside). Landlock is used where the kernel has it. Where something is missing the call fails with
/// `unsupported` and says what: **it never runs without its sandbox**.
///
/// # Which Python
/// The first `python3` on `PATH` that works inside; looked for at the first call, or by [`ready`](Self::ready). It is
/// asked where it lies, so a virtual environment, pyenv and the like are found, with their packages. One whose folders
/// hold the user's home, the current folder or a [private one](Self::hiding) is passed over, as all of it would be readable;
/// where these lie in a folder of the system, as `/usr/share`, nothing runs.
#[derive(Clone, Debug)]
pub struct RunCode {
    spec: Arc<ToolSpec>,
    limits: CodeLimits,
    python: Vec<PathBuf>,
    private: Vec<PathBuf>,
    opened: Arc<OnceCell<system::Python>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The Python program.
    code: String,
    /// What it reads from standard input; nothing if it is left out.
    stdin: Option<String>,
    /// Texts that it finds in its folder, by file name, such as "solution.py" or "data/a.csv".
    files: Option<BTreeMap<String, String>>,
}

/// What became of a program.
#[derive(Debug, Serialize)]
struct Ran {
    exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<&'static str>,
    stdout: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stdout_truncated: bool,
    stderr: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stderr_truncated: bool,
}

impl Default for RunCode {
    fn default() -> Self {
        Self::new()
    }
}

impl RunCode {
    /// A tool with the [default limits](CodeLimits) and a Python of `PATH`.
    pub fn new() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut python: Vec<_> = std::env::split_paths(&path).map(|folder| folder.join("python3")).collect();
        python.retain(|path| path.is_absolute() && path.is_file());
        Self::of(python, Vec::new(), CodeLimits::default())
    }

    /// The same tool with these limits.
    pub fn with_limits(self, limits: CodeLimits) -> Self {
        Self::of(self.python, self.private, limits)
    }

    /// The same tool with this Python and no other.
    pub fn with_python(self, python: impl Into<PathBuf>) -> Self {
        Self::of(vec![python.into()], self.private, self.limits)
    }

    /// The same tool, whose programs never see this folder either, as they never see the home and the current folder.
    pub fn hiding(mut self, folder: impl Into<PathBuf>) -> Self {
        self.private.push(folder.into());
        Self::of(self.python, self.private, self.limits)
    }

    fn of(python: Vec<PathBuf>, private: Vec<PathBuf>, limits: CodeLimits) -> Self {
        let policy = ToolPolicy::default().with_timeout(limits.wall.saturating_add(MARGIN));
        let spec = spec::<Arguments>(NAME, DESCRIPTION, policy);
        Self { spec, limits, python, private, opened: Arc::default() }
    }

    /// Finds Python and runs an empty program in the sandbox, unless that was done before. The first call does it
    /// too; a program that asks first can tell its user in time.
    ///
    /// # Errors
    /// `unsupported` if the system lacks something that the sandbox needs, `unavailable` if there is no Python that works in it, or
    /// no room for another process now.
    ///
    /// # Cancel safety
    /// Safe to drop: nothing stays running.
    pub async fn ready(&self) -> Result<(), ToolError> {
        self.opened().await.map(|_| ())
    }

    async fn opened(&self) -> Result<&system::Python, ToolError> {
        self.opened.get_or_try_init(|| system::open(&self.python, &self.private, &self.limits)).await
    }
}

#[async_trait]
impl Tool for RunCode {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.spec
    }

    fn effect(&self, _: &Value) -> EffectClass {
        EffectClass::Pure
    }

    async fn call(&self, given: Value, _: EffectContext) -> Result<Value, ToolError> {
        let Arguments { code, stdin, files } = arguments(NAME, given)?;
        let files = files::check(code, files.unwrap_or_default(), self.limits.files)?;
        let ran = system::run(self.opened().await?, files, stdin).await?;
        serde_json::to_value(ran).map_err(|error| {
            let message = format!("what run_code gave is no JSON: {error}");
            ToolError::new(ToolErrorKind::Failed, message).with_source(error)
        })
    }
}
