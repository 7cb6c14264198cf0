//! Fuzzing: each target for a while, as many at a time as there are processors.

use std::process::Command;
use std::sync::Mutex;
use std::thread;

use anyhow::{Result, bail};

use crate::flags::AcceptOptions;
use crate::{process, workspace};

/// No input is longer, none may take more seconds.
const LIMITS: [&str; 2] = ["-max_len=4096", "-timeout=5"];

/// So long each target runs.
const MINUTES: u64 = 20;

pub(super) fn run(options: &AcceptOptions) -> Result<()> {
    if !process::succeeds(workspace::cargo().args(["fuzz", "--version"])) {
        bail!("cargo-fuzz is missing; install it with: cargo install cargo-fuzz");
    }
    let mut targets: Vec<String> = workspace::files()?
        .iter()
        .filter_map(|file| file.strip_prefix("fuzz/fuzz_targets/")?.strip_suffix(".rs").map(str::to_owned))
        .filter(|name| !name.contains('/'))
        .collect();
    if targets.is_empty() {
        bail!("there are no targets in fuzz/fuzz_targets");
    }
    if let Some(unknown) = options.targets.iter().find(|wanted| !targets.contains(wanted)) {
        bail!("there is no target `{unknown}`; there are: {}", targets.join(", "));
    }
    targets.retain(|target| options.targets.is_empty() || options.targets.contains(target));
    process::run(cargo("build").args(["--sanitizer", "none"]))?;
    let waiting = Mutex::new(targets.iter());
    let next = || waiting.lock().ok()?.next();
    let work = || -> Vec<String> {
        let mut failed = Vec::new();
        while let Some(target) = next() {
            // What is found in one target is no reason to leave the others out.
            if let Err(error) = fuzz(target, options.minutes.unwrap_or(MINUTES)) {
                failed.push(format!("{target}: {error}"));
            }
        }
        failed
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let failed: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let joined = running.into_iter().map(|worker| worker.join());
        joined.flat_map(|failed| failed.unwrap_or_else(|_| vec!["a thread panicked".to_owned()])).collect()
    });
    if !failed.is_empty() {
        bail!("found: {}; see fuzz/artifacts", failed.join("; "));
    }
    Ok(())
}

/// The sanitizer's flags need a nightly compiler; the coverage flags only this permission.
fn cargo(command: &str) -> Command {
    let mut cargo = workspace::cargo();
    cargo.env("RUSTC_BOOTSTRAP", "1").args(["fuzz", command]);
    cargo
}

fn tar() -> Command {
    let mut tar = Command::new("tar");
    tar.current_dir(workspace::root());
    tar
}

/// Fuzzes one target, then takes out of its corpus what adds nothing.
fn fuzz(target: &str, minutes: u64) -> Result<()> {
    let (corpus, seeds) = (format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"));
    std::fs::create_dir_all(workspace::root().join(&corpus))?;
    // Thousands of files of a few bytes: the repository keeps them as one.
    let archive = format!("fuzz/corpus/{target}.tar.gz");
    if workspace::root().join(&archive).is_file() {
        process::run(tar().args(["-xzf", &archive, "-C", "fuzz/corpus"]))?;
    }
    let mut fuzzer = cargo("run");
    fuzzer.args([target, &corpus]);
    if workspace::root().join(&seeds).is_dir() {
        fuzzer.arg(&seeds);
    }
    fuzzer.args(["--sanitizer", "none", "--"]).args(LIMITS);
    fuzzer.args([
        &format!("-max_total_time={}", minutes * 60),
        "-verbosity=0",
        "-print_funcs=0",
        "-print_final_stats=1",
    ]);
    process::run(&mut fuzzer)?;
    process::run(cargo("cmin").args([target, &corpus, "--sanitizer", "none", "--"]).args(LIMITS))?;
    process::run(tar().args(["-czf", &archive, "-C", "fuzz/corpus", target]))?;
    let kept = std::fs::read_dir(workspace::root().join(&corpus))?.count();
    println!("fuzz: {target}: {minutes} minutes, nothing found; {kept} inputs in the corpus");
    Ok(())
}
