//! The main job, killed in its middle and gone on with: what was finished is not paid for again, and the answer is right.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::journal::Paid;
use super::main_job;
use super::run::Run;
use crate::flags::AcceptOptions;
use crate::invoices::Folder;
use crate::{amount, demo, process, setup};

/// How often each run is killed.
const KILLS: usize = 2;
/// How far into a turn it may be when it is killed, in milliseconds.
const WITHIN: u64 = 1_500;

/// When a run is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// When this many turns have ended since it was begun or gone on with.
    After(u64),
    /// In the midst of the turn that follows those.
    Within(u64, Duration),
}

/// What was found of all runs.
#[derive(Debug, Default)]
struct Figures {
    runs: usize,
    right: usize,
    kills: usize,
    turns: u64,
    again: u64,
    lost: u64,
    unbalanced: usize,
}

/// Runs the program on each folder, kills it, goes on with it, and prints a line for each, then the figures.
pub(super) fn run(options: &AcceptOptions) -> Result<()> {
    setup::ensure()?;
    let binary = demo::binary()?;
    let model = model(&binary, options)?;
    let fresh: Vec<u64> = (0..options.fresh).map(|_| fastrand::u64(1_000..1_000_000_000)).collect();
    let (first, last) = options.seeds;
    println!("seeds {first} to {last} and {fresh:?}");
    let home = std::env::temp_dir().join(format!("agentic-kill-main-job-{}", std::process::id()));
    let mut figures = Figures::default();
    for (n, seed) in (first..=last).chain(fresh).enumerate() {
        let folder = Folder::generate(seed, false);
        let job = Job { binary: &binary, model: &model, place: home.join(seed.to_string()) };
        folder.write(&job.invoices())?;
        let (moments, run, paid) = job.killed(options, n as u64)?;
        let is_right = run.status == "completed" && amount::gives_total(&run.answer, folder.total);
        println!(
            "seed {seed}: killed {moments:?}, {}, {} turns, {} asked again though finished, {} attempts lost, spend {}{}: {}",
            if is_right { "right" } else { "WRONG" },
            paid.turns,
            paid.again,
            paid.lost,
            if paid.is_balanced { "adds up" } else { "DOES NOT ADD UP" },
            if run.status == "completed" {
                String::new()
            } else {
                format!(", {} {}", run.status, run.reason)
            },
            run.answer.replace('\n', " "),
        );
        figures.runs += 1;
        figures.right += usize::from(is_right);
        figures.kills += moments.len();
        figures.turns += paid.turns;
        figures.again += paid.again;
        figures.lost += paid.lost;
        // A kill loses at most the one call that was under way.
        figures.unbalanced += usize::from(!paid.is_balanced || paid.lost > moments.len() as u64);
    }
    std::fs::remove_dir_all(&home).with_context(|| format!("can't remove {}", home.display()))?;
    judged(&figures)
}

fn judged(figures: &Figures) -> Result<()> {
    let Figures { runs, right, kills, turns, again, lost, unbalanced } = figures;
    println!(
        "kill-main-job: {runs} runs killed {kills} times: {again} of {turns} finished turns asked again, {lost} attempts \
         that were under way lost, right {right}/{runs}"
    );
    let mut missed = Vec::new();
    if *kills < *runs {
        missed.push(format!("{kills} kills hit {runs} runs, the bar is one each"));
    }
    if *again > 0 {
        missed.push(format!("{again} finished turns were asked again, the bar is none"));
    }
    if *unbalanced > 0 {
        missed.push(format!("the spend of {unbalanced} runs is not that of its turns and lost attempts"));
    }
    if right * 100 < runs * main_job::RIGHT_PERCENT {
        missed.push(format!("{right} of {runs} right, the bar is {} %", main_job::RIGHT_PERCENT));
    }
    if !missed.is_empty() {
        bail!("missed: {}", missed.join("; "));
    }
    Ok(())
}

/// The model to ask for. Runs are kept elsewhere, and so would models be: a local one is named by its file.
fn model(binary: &Path, options: &AcceptOptions) -> Result<String> {
    let model = options.model.as_deref().unwrap_or(demo::MODEL);
    if !model.starts_with("local:") {
        return Ok(model.to_owned());
    }
    process::run(Command::new(binary).args(["model", "pull", model]))?;
    let path = process::read(Command::new(binary).args(["model", "path", model]))?;
    Ok(format!("local:{}", path.trim()))
}

/// One run, and where it is kept.
struct Job<'a> {
    binary: &'a Path,
    model: &'a str,
    place: PathBuf,
}

impl Job<'_> {
    fn invoices(&self) -> PathBuf {
        self.place.join("invoices")
    }

    /// Runs it, kills it at several moments, and goes on with it to its end.
    fn killed(&self, options: &AcceptOptions, n: u64) -> Result<(Vec<Moment>, Run, Paid)> {
        let agent = options.agent.as_deref();
        let begin = main_job::command(self.binary, self.model, agent, &self.invoices());
        let (mut command, mut id, mut moments) = (begin, None, Vec::new());
        let mut events = String::new();
        for kill in 0..KILLS {
            let turns = 1 + (n + kill as u64) % 3;
            let moment = match (n + kill as u64) % 2 {
                0 => Moment::After(turns),
                _ => Moment::Within(turns, Duration::from_millis(fastrand::u64(50..WITHIN))),
            };
            let mut child = self.spawned(&mut command)?;
            let (was_killed, told) = until(&mut child, moment)?;
            events.push_str(&told);
            id = id.or_else(|| run_id(&events));
            if !was_killed {
                break;
            }
            moments.push(moment);
            command = self.resumes(id.as_deref().context("the run told no id before it was killed")?);
        }
        if moments.len() == KILLS {
            let child = self.spawned(&mut command)?;
            let out = child.wait_with_output().context("lost the program")?;
            events.push_str(&String::from_utf8_lossy(&out.stdout));
        }
        let id = id.context("the run told no id")?;
        let exported =
            process::read(self.at_home(&mut Command::new(self.binary)).args(["runs", "export", &id]))?;
        Ok((moments, Run::read(&events), Paid::read(&exported)))
    }

    fn resumes(&self, id: &str) -> Command {
        let mut command = Command::new(self.binary);
        command.args(["runs", "resume", id, "--yes", "--output", "json"]);
        command
    }

    fn at_home<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env("AGENTIC_HOME", self.place.join("home"))
    }

    fn spawned(&self, command: &mut Command) -> Result<Child> {
        let command = self.at_home(command).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().with_context(|| format!("can't start `{}`", process::shown(command)))
    }
}

/// Reads what a run tells until it is killed or ends. Gives whether it was killed, and what it told.
fn until(child: &mut Child, moment: Moment) -> Result<(bool, String)> {
    let out = child.stdout.take().context("the program has no output")?;
    let (mut ended, mut told) = (0, String::new());
    for line in BufReader::new(out).lines() {
        let line = line.context("can't read what the program tells")?;
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        told.push_str(&line);
        told.push('\n');
        let begins = match event["type"].as_str() {
            Some("step_finished") if event["kind"] == "model" => {
                ended += 1;
                false
            }
            Some("step_started") => event["kind"] == "model",
            Some("step_restarted") => true,
            _ => continue,
        };
        let is_due = match moment {
            Moment::After(turns) => !begins && ended == turns,
            Moment::Within(turns, wait) if begins && ended == turns => {
                std::thread::sleep(wait);
                true
            }
            Moment::Within(..) => false,
        };
        // One that has ended meanwhile has more to tell.
        if is_due && child.try_wait().context("lost the program")?.is_none() {
            child.kill().context("can't kill the program")?;
            child.wait().context("lost the program")?;
            return Ok((true, told));
        }
    }
    child.wait().context("lost the program")?;
    Ok((false, told))
}

fn run_id(events: &str) -> Option<String> {
    let first: Value = serde_json::from_str(events.lines().next()?).ok()?;
    first["run"].as_str().map(str::to_owned)
}
