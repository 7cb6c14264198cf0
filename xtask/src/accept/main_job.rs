//! The main job on folders of invoices that nobody saw before.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::run::Run;
use crate::flags::AcceptOptions;
use crate::invoices::Folder;
use crate::stopwatch::Stopwatch;
use crate::{amount, demo, process, setup};

/// The bars: right answers in a hundred, and the median's seconds on an idle machine with two cores.
pub(super) const RIGHT_PERCENT: usize = 80;
const MEDIAN_SECONDS: f64 = 60.0;

/// Runs the program on each folder and prints a line for each, then the figures.
pub(super) fn run(options: &AcceptOptions) -> Result<()> {
    setup::ensure()?;
    let binary = demo::binary()?;
    let model = options.model.as_deref().unwrap_or(demo::MODEL);
    if model.starts_with("local:") {
        process::run(Command::new(&binary).args(["model", "pull", model]))?;
    }
    let (first, last) = options.seeds;
    let fresh: Vec<u64> = (0..options.fresh).map(|_| fastrand::u64(1_000..1_000_000_000)).collect();
    println!("seeds {first} to {last} and {fresh:?}");
    let home = std::env::temp_dir().join(format!("agentic-main-job-{}", std::process::id()));
    let (mut right, mut calls, mut valid, mut left_out, mut seconds) = (0, 0, 0, 0, Vec::new());
    for seed in (first..=last).chain(fresh) {
        let folder = Folder::generate(seed, options.distractor_amounts);
        let place = home.join(seed.to_string());
        folder.write(&place)?;
        let watch = Stopwatch::start();
        let run = ask(&binary, model, options.agent.as_deref(), &place)?;
        let time = watch.elapsed().as_secs_f64();
        let is_right = run.status == "completed" && amount::gives_total(&run.answer, folder.total);
        right += usize::from(is_right);
        calls += run.calls;
        valid += run.valid;
        left_out += run.left_out;
        seconds.push(time);
        println!(
            "seed {seed}: {} invoices, total {}, {}, {} turns, {} of {} calls valid, {} findings left out, {time:.1} s{}: {}",
            folder.invoices,
            amount::shown(folder.total),
            if is_right { "right" } else { "WRONG" },
            run.turns,
            run.valid,
            run.calls,
            run.left_out,
            if run.status == "completed" {
                String::new()
            } else {
                format!(", {} {}", run.status, run.reason)
            },
            run.answer.replace('\n', " "),
        );
    }
    std::fs::remove_dir_all(&home).with_context(|| format!("can't remove {}", home.display()))?;
    seconds.sort_by(f64::total_cmp);
    let (all, median) = (seconds.len(), median(&seconds));
    let share = if calls == 0 { 0.0 } else { 100.0 * valid as f64 / calls as f64 };
    println!(
        "main-job: right {right}/{all}, valid calls {share:.0} % ({valid}/{calls}), findings left out {left_out}, median {median:.1} s"
    );
    let mut missed = Vec::new();
    if right * 100 < all * RIGHT_PERCENT {
        missed.push(format!("{right} of {all} right, the bar is {RIGHT_PERCENT} %"));
    }
    if valid < calls || calls == 0 {
        missed.push(format!("{valid} of {calls} calls valid, the bar is all"));
    }
    if median > MEDIAN_SECONDS {
        missed.push(format!("median {median:.1} s, the bar is {MEDIAN_SECONDS} s on an idle machine"));
    }
    // An amount in the note is reported, not judged.
    if !missed.is_empty() && !options.distractor_amounts {
        bail!("missed: {}", missed.join("; "));
    }
    Ok(())
}

fn ask(binary: &Path, model: &str, agent: Option<&str>, folder: &Path) -> Result<Run> {
    let mut command = command(binary, model, agent, folder);
    let out = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let out = out.with_context(|| format!("can't start `{}`", process::shown(&command)))?;
    Ok(Run::read(&String::from_utf8_lossy(&out.stdout)))
}

/// The main job on a folder, as one would type it.
pub(super) fn command(binary: &Path, model: &str, agent: Option<&str>, folder: &Path) -> Command {
    let mut command = Command::new(binary);
    command
        .args([
            "run",
            demo::GOAL,
            "--model",
            model,
            "--output",
            "json",
            "--temperature",
            "0",
            "--timeout",
            "10m",
            "--workdir",
        ])
        .arg(folder);
    if let Some(agent) = agent {
        command.args(["--agent", agent]);
    }
    command
}

/// The middle of sorted numbers; not a number if there are none.
fn median(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[1.0, 2.0, 9.0]), 2.0);
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), 3.0);
        assert!(median(&[]).is_nan());
    }
}
