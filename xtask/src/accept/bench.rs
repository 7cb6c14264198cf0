//! Measurements: of the local model, and of what the framework costs against a bare client.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::figures::{Medians, verdict};
use crate::flags::AcceptOptions;
use crate::{demo, process, setup, workspace};

/// Runs one part of the local model's measuring example on the default model.
pub(super) fn local(part: &str) -> Result<()> {
    setup::ensure()?;
    let binary = demo::binary()?;
    process::run(Command::new(&binary).args(["model", "pull", demo::MODEL]))?;
    let path = process::read(Command::new(&binary).args(["model", "path", demo::MODEL]))?;
    let bench = demo::built(&["--example", "local_bench"])?;
    let watched =
        process::watch(Command::new(bench).args([path.trim(), part]), |line| line.contains("MISSED"))?;
    watched.result?;
    if !watched.kept.is_empty() {
        bail!("missed: {}", watched.kept.join("; "));
    }
    Ok(())
}

/// How soon what a cancelled run had at work is gone: an HTTP stream, child processes, the local model.
pub(super) fn cancel() -> Result<()> {
    setup::ensure()?;
    for example in ["http_cancel", "shell_cancel"] {
        process::run(&mut Command::new(demo::built(&["--example", example])?))?;
    }
    local("cancel")
}

/// What a figure may be at most.
enum Bar {
    /// So many times what the peer has.
    Times(f64),
    /// So much more than what the peer has.
    More(f64),
}

/// Workload, field, peer to compare with, bar.
const BARS: &[(&str, &str, &str, Bar)] = &[
    ("w1", "cpu_us_per_turn", "raw", Bar::Times(1.35)),
    ("w2", "cpu_s", "raw", Bar::Times(1.4)),
    ("w2", "peak_rss_mib", "raw-tls", Bar::More(6.0)),
    ("w3", "cpu_s", "raw-tls", Bar::More(0.003)),
];
const INSTRUCTIONS: f64 = 1.5;
/// Odd, and many: a busy neighbour of a virtual machine moves the median of nine.
const REPETITIONS: &str = "25";
const OURS: &str = "agentic";
/// The wall time of runs that are written into a file, against those that are not.
const DURABLE: f64 = 1.2;

/// Runs the benchmark's workloads with our small program beside the bare clients, pinned to one CPU.
pub(super) fn framework(_: &AcceptOptions) -> Result<()> {
    let ours = peer(&[])?;
    let target = target_of(&ours)?;
    process::run(script(&target, "setup.sh")?.args(["raw", "raw-tls"]))?;
    let mut run = script(&target, "run.sh")?;
    run.env("EXTRA_PEERS", format!("{OURS}={}", ours.display()))
        .env("BENCH_PIN", "1")
        .env("BENCH_RT", "current");
    run.args(["-n", REPETITIONS]);
    let medians = measured(run, &target, &["raw", "raw-tls", OURS])?;
    let figure = |peer: &str, workload: &str, field: &str| medians.of(&format!("{peer} {workload}"), field);
    let mut missed = 0;
    for (workload, field, peer, bar) in BARS {
        let (mine, theirs) = (figure(OURS, workload, field)?, figure(peer, workload, field)?);
        let (shown, ok) = match bar {
            Bar::Times(most) => (format!("{:.2} times, bar {most}", mine / theirs), mine <= theirs * most),
            Bar::More(most) => (format!("{:+.4} more, bar {most}", mine - theirs), mine <= theirs + most),
        };
        missed += usize::from(!ok);
        println!(
            "framework-cost {workload} {field}: {mine:.4} against {peer} {theirs:.4}: {shown}: {}",
            verdict(ok)
        );
    }
    let server = Server::start(&target.join("modelserver/release/modelserver"))?;
    let mine = instructions_per_turn(&ours, &server)?;
    let theirs = instructions_per_turn(&target.join("raw/release/peer-raw"), &server)?;
    let ok = mine <= theirs * INSTRUCTIONS;
    missed += usize::from(!ok);
    println!(
        "framework-cost w1 instructions per turn: {mine:.0} against raw {theirs:.0}: {:.2} times, bar {INSTRUCTIONS}: {}",
        mine / theirs,
        verdict(ok)
    );
    if missed > 0 {
        bail!("{missed} bars missed");
    }
    Ok(())
}

/// How much longer 200 runs at once take if they are written into a file.
pub(super) fn durable() -> Result<()> {
    let (ours, durable) = (peer(&[])?, peer(&["--features", "durable", "--bin", "peer-durable"])?);
    let target = target_of(&ours)?;
    process::run(script(&target, "setup.sh")?.arg("raw"))?;
    let mut run = script(&target, "run.sh")?;
    run.env("EXTRA_PEERS", format!("{OURS}={};durable={}", ours.display(), durable.display()));
    run.args(["-n", "9", "-w", "w2"]);
    let medians = measured(run, &target, &[OURS, "durable"])?;
    let figure = |peer: &str, field: &str| medians.of(&format!("{peer} w2"), field);
    let (plain, written) = (figure(OURS, "wall_s")?, figure("durable", "wall_s")?);
    let ok = written <= plain * DURABLE;
    println!(
        "durable-cost w2 wall_s: {written:.3} against {plain:.3}: {:.2} times, bar {DURABLE}: {}",
        written / plain,
        verdict(ok)
    );
    let (plain, written) = (figure(OURS, "cpu_s")?, figure("durable", "cpu_s")?);
    println!("durable-cost w2 cpu_s: {written:.3} against {plain:.3}: {:.2} times", written / plain);
    if !ok {
        bail!("missed");
    }
    Ok(())
}

/// Our program for the benchmark.
fn peer(options: &[&str]) -> Result<PathBuf> {
    // Without one they would be built with the features of another.
    let mut build = workspace::cargo();
    build.args(["build", "--release", "--manifest-path", "bench/peer/Cargo.toml"]);
    if options.is_empty() {
        build.args(["--bin", "peer-agentic"]);
    }
    demo::executable(build.args(options))
}

/// Below the peer's target folder, so that CARGO_TARGET_DIR is not filled by strangers' builds.
fn target_of(peer: &Path) -> Result<PathBuf> {
    let target = peer.parent().context("the program lies nowhere")?.join("framework-cost");
    fs::create_dir_all(&target)?;
    Ok(target)
}

/// A script of the benchmark.
pub(super) fn script(target: &Path, name: &str) -> Result<Command> {
    // `bench/peer` includes a file of it, so it can be nowhere else.
    let bench = workspace::root().join("../shared/bench");
    if !bench.join(name).is_file() {
        bail!("there is no benchmark at {}", bench.display());
    }
    let mut command = Command::new("bash");
    command.arg(bench.join(name)).env("CARGO_TARGET_DIR", target);
    Ok(command)
}

/// Runs the benchmark, and gives the medians of its figures.
fn measured(mut run: Command, target: &Path, peers: &[&str]) -> Result<Medians> {
    let lines = target.join("figures.jsonl");
    let _ = fs::remove_file(&lines);
    process::run(run.arg("-o").arg(&lines).args(peers))?;
    let lines = fs::read_to_string(&lines).context("the benchmark wrote no figures")?;
    Ok(Medians::read(&lines, &["peer", "workload"]))
}

/// The benchmark's model server, stopped when dropped.
struct Server {
    child: Child,
    port: String,
}

impl Server {
    fn start(program: &Path) -> Result<Self> {
        let mut child = Command::new(program)
            .args(["--port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("can't start {}", program.display()))?;
        let mut port = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut port)?;
        }
        Ok(Self { child, port: port.trim().to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Model calls of one run of the first workload.
const TURNS: f64 = 11.0;

/// Counted at two lengths, so that what start and warm-up take falls out.
fn instructions_per_turn(peer: &Path, server: &Server) -> Result<f64> {
    let (few, many) = (5_u32, 25_u32);
    let taken = instructions(peer, server, many)? - instructions(peer, server, few)?;
    Ok(taken / (f64::from(many - few) * TURNS))
}

fn instructions(peer: &Path, server: &Server, runs: u32) -> Result<f64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(peer).arg("w1");
    valgrind
        .env("OPENAI_BASE_URL", format!("http://127.0.0.1:{}/v1", server.port))
        .env("OPENAI_API_KEY", "sk-bench")
        .env("BENCH_T0", "0")
        .env("BENCH_RT", "current")
        .env("BENCH_R", runs.to_string());
    let watched = process::watch(&mut valgrind, |line| line.contains("Collected :"))
        .context("is valgrind installed? (apt-get install valgrind)")?;
    watched.result?;
    // `==123== Collected : 456789`
    let count = watched.kept.iter().find_map(|line| line.rsplit(':').next()?.trim().parse::<f64>().ok());
    count.context("valgrind counted nothing")
}
