//! A sandbox for one program: what the kernel has, put together.
//!
//! Three processes stand between a call and its program. The *keeper* is a child of ours, outside of the sandbox: it
//! watches the clock, the memory and whether we still want the answer. The *first* process of the sandbox has number
//! 1 in it: when it ends, the kernel kills all others there. The *program* is its child, and the only one that runs
//! foreign code:
//!
//! ```text
//! we ── keeper ── first (1) ── program (2) ── whatever it starts
//!       time      new user, mount, process,   no capabilities, limits, Landlock, seccomp
//!       memory    network, ipc, host names
//! ```
//!
//! The keeper ends the sandbox when the far end of its *lifeline* is closed, so it also ends when we are killed.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command as StdCommand, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use agentic_core::{ToolError, ToolErrorKind};
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::process::{Child, Command};

use super::run_code::{CodeLimits, TextFile};

mod inside;
mod landlock;
mod layout;
mod memory;
mod raw;
mod seccomp;
mod step;

use inside::Inside;
use landlock::Landlock;
use layout::Layout;
use seccomp::Filters;
pub(super) use step::Step;

/// The folder of the program, as the program sees it.
pub(super) const FOLDER: &str = "/sandbox";

/// What may run in the sandbox, and what it may use.
#[derive(Debug)]
pub(super) struct Sandbox {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, &'static str)>,
    layout: Layout,
    filters: Arc<Filters>,
    limits: CodeLimits,
}

/// Why nothing ran.
#[derive(Debug, thiserror::Error)]
pub(super) enum SandboxError {
    #[error("can't be set up: {0}")]
    Unavailable(String),
    #[error("can't {step}: {error}{}", step.hint(error))]
    Step { step: Step, error: io::Error },
    #[error("can't start {}: {error}", program.display())]
    Program { program: PathBuf, error: io::Error },
}

impl From<SandboxError> for ToolError {
    fn from(error: SandboxError) -> Self {
        let message = format!("run_code {error}; without its sandbox it runs nothing");
        let kind = if error.passes() { ToolErrorKind::Unavailable } else { ToolErrorKind::Unsupported };
        Self::new(kind, message).with_source(error)
    }
}

impl SandboxError {
    /// Whether there is only no room for it now: too many files or processes, no memory.
    fn passes(&self) -> bool {
        use rustix::io::Errno;
        const PASSES: [Errno; 6] =
            [Errno::AGAIN, Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOSPC, Errno::USERS];
        match self {
            Self::Step { error, .. } => {
                Errno::from_io_error(error).is_some_and(|error| PASSES.contains(&error))
            }
            Self::Unavailable(_) | Self::Program { .. } => false,
        }
    }
}

impl Sandbox {
    /// A sandbox for this program, which sees these folders besides the system's, and never these private ones.
    pub(super) fn new(
        program: &Path,
        folders: &[PathBuf],
        private: &[PathBuf],
        arguments: Vec<OsString>,
        environment: Vec<(&'static str, &'static str)>,
        limits: CodeLimits,
    ) -> Result<Self, SandboxError> {
        new_enough(&rustix::system::uname().release().to_string_lossy())?;
        let layout = Layout::new(folders, private, limits.files)?;
        let filters = Arc::new(Filters::new()?);
        Ok(Self { program: program.to_owned(), arguments, environment, layout, filters, limits })
    }

    /// Starts the program. Blocks for some milliseconds, until it is running.
    #[allow(unsafe_code)]
    pub(super) fn start(&self, files: &[TextFile], input: bool) -> Result<Running, SandboxError> {
        let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(|error| Step::Pipe.failed(error.into()));
        let (watched, lifeline) = pipe()?;
        let (report, reports) = pipe()?;
        let mut inside = Inside {
            layout: self.layout.with(files)?,
            trees: Vec::with_capacity(self.layout.trees()),
            limits: inside::resources(&self.limits),
            wall: self.limits.wall,
            memory: self.limits.memory,
            filters: self.filters.clone(),
            landlock: Some(Landlock::new()?),
            lifeline: watched,
            report: reports,
        };
        let mut command = StdCommand::new(&self.program);
        command.args(&self.arguments).env_clear().envs(self.environment.iter().copied());
        command.stdin(if input { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        // SAFETY: `Inside::enter` allocates nothing and takes no lock.
        unsafe { raw::before_exec(&mut command, move || inside.enter().map_err(step::encode)) };
        let child = Command::from(command).spawn().map_err(|error| match step::decode(&error) {
            Some((step, error)) => step.failed(error),
            None => SandboxError::Program { program: self.program.clone(), error },
        })?;
        Ok(Running { child, lifeline: Lifeline(Mutex::new(Some(lifeline))), report })
    }
}

/// Counting the processes of one user namespace came with Linux 5.14; before, a bound for the program would be one
/// for everything that the user runs.
fn new_enough(release: &str) -> Result<(), SandboxError> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse::<u32>());
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= (5, 14) => Ok(()),
        _ => Err(SandboxError::Unavailable(format!("it needs Linux 5.14 or newer, this is {release}"))),
    }
}

/// A running sandbox. Dropping it kills everything in it.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) child: Child,
    pub(super) lifeline: Lifeline,
    report: OwnedFd,
}

/// What the sandbox lives by.
#[derive(Debug)]
pub(super) struct Lifeline(Mutex<Option<OwnedFd>>);

impl Lifeline {
    /// Lets everything in the sandbox be killed.
    pub(super) fn cut(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// How a program ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ended {
    /// Its exit code; `None` if it was killed.
    pub(super) code: Option<i32>,
    /// The signal that killed it, if it was not the sandbox.
    pub(super) signal: Option<i32>,
    /// The limit that stopped it.
    pub(super) stopped: Option<Stopped>,
}

/// A limit that stops a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    Time,
    Cpu,
    Memory,
    Output,
}

impl Stopped {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Output => "output",
        }
    }
}

impl Running {
    /// How the program ended; the keeper is gone, and with it everything else.
    pub(super) fn ended(&self) -> io::Result<Ended> {
        let mut bytes = [0; 64];
        let read = rustix::io::read(&self.report, &mut bytes)?;
        Ok(inside::ended(&bytes[..read]))
    }
}

#[cfg(test)]
mod tests {
    use super::new_enough;

    #[test]
    fn asks_for_a_kernel_that_counts_by_namespace() {
        for release in ["5.14.0-427.el9.x86_64", "6.18.44", "6.1-rc3", "10.0"] {
            assert!(new_enough(release).is_ok(), "{release}");
        }
        for release in ["5.13.19", "4.18.0-553.el8", "", "linux"] {
            assert!(new_enough(release).is_err(), "{release}");
        }
    }
}
