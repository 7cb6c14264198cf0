//! Memory stores beside other vector stores in one run, and how they grow.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::bench::script;
use super::figures::{Medians, verdict};
use crate::{demo, process, toolchain, workspace};

/// Odd: the median is one of them.
const REPETITIONS: usize = 3;
const PEERS: [&str; 6] = ["numpy", "faiss-flat", "qdrant-edge", "chroma", "lancedb-flat", "lancedb-ivf-hnsw"];
const OURS: [&str; 3] = ["memory", "sqlite", "edge"];

/// How many times what the other has a figure may be at most.
struct Bar {
    ours: &'static str,
    field: &'static str,
    peer: &'static str,
    times: f64,
}

const fn bar(ours: &'static str, field: &'static str, peer: &'static str, times: f64) -> Bar {
    Bar { ours, field, peer, times }
}

const CPU: &str = "cpu_ms_per_query";
const RESIDENT: &str = "peak_rss_over_data_mib";

const BARS: &[Bar] = &[
    bar("edge", CPU, "chroma", 1.0),
    bar("edge", CPU, "lancedb-flat", 1.0),
    bar("edge", CPU, "lancedb-ivf-hnsw", 1.0),
    bar("edge", "insert_cpu_s", "chroma", 1.15),
    bar("memory", CPU, "numpy", 1.0 / 3.0),
    bar("memory", CPU, "faiss-flat", 1.0 / 3.0),
    bar("memory", CPU, "lancedb-flat", 1.0),
    bar("memory", CPU, "lancedb-ivf-hnsw", 1.0),
    bar("memory", RESIDENT, "chroma", 1.0),
    bar("sqlite", CPU, "numpy", 1.0 / 3.0),
    bar("sqlite", CPU, "faiss-flat", 1.0 / 3.0),
    bar("sqlite", CPU, "lancedb-flat", 1.0),
    bar("sqlite", CPU, "lancedb-ivf-hnsw", 1.0),
    bar("sqlite", RESIDENT, "chroma", 1.0),
    bar("sqlite", "disk_mib", "chroma", 1.0),
];
/// Of each of ours.
const RECALL: f64 = 0.95;

/// Asks our stores and others the same, and compares what it takes.
pub(super) fn speed() -> Result<()> {
    let target = folder()?;
    let engine = program(&mut workspace::cargo(), "engine", &[])?;
    let with_edge = program(&mut toolchain::cargo_for_engine()?, "engine", &["--features", "edge"])?;
    let environments = target.join("venv");
    process::run(script(&target, "setup.sh")?.arg("vector").env("BENCH_VENV", &environments))?;
    let extra = OURS.map(|name| {
        let program = if name == "edge" { &with_edge } else { &engine };
        format!("{name}={} {name}", program.display())
    });
    let mut lines = String::new();
    for _ in 0..REPETITIONS {
        let mut run = Command::new(environments.join("vector/bin/python"));
        run.arg(workspace::root().join("../shared/bench/peers/python/vector.py")).args(PEERS).args(OURS);
        let said = process::read(run.env("EXTRA_ENGINES", extra.join(";")))?;
        print!("{said}");
        lines += &said;
    }
    compare(&Medians::read(&lines, &["engine"]))
}

fn compare(figures: &Medians) -> Result<()> {
    let mut missed = 0;
    for Bar { ours, field, peer, times } in BARS {
        let (mine, theirs) = (figures.of(ours, field)?, figures.of(peer, field)?);
        let ok = mine <= theirs * times;
        missed += usize::from(!ok);
        println!(
            "vector-speed {field}: {ours} {mine:.3} against {peer} {theirs:.3}: {:.2} times, bar {times:.2}: {}",
            mine / theirs,
            verdict(ok)
        );
    }
    for name in OURS {
        let recall = figures.of(name, "recall_at_10")?;
        missed += usize::from(recall < RECALL);
        println!("vector-speed recall@10: {name} {recall:.4}, bar {RECALL}: {}", verdict(recall >= RECALL));
    }
    if missed > 0 {
        bail!("{missed} bars missed");
    }
    Ok(())
}

/// How `memory:` and `sqlite:` grow, and the bars of 100,000 entries.
pub(super) fn growth() -> Result<()> {
    let growth = program(&mut workspace::cargo(), "growth", &[])?;
    let mut missed = Vec::new();
    for store in ["memory", "sqlite"] {
        for entries in ["10000", "100000", "1000000"] {
            let mut run = Command::new(&growth);
            let watched = process::watch(run.args([store, entries]), |line| line.contains("MISSED"))?;
            watched.result?;
            missed.extend(watched.kept);
        }
    }
    if !missed.is_empty() {
        bail!("missed: {}", missed.join("; "));
    }
    Ok(())
}

/// Builds a program of the benchmark and gives a copy of it: a build with other features would take its place.
fn program(cargo: &mut Command, name: &str, options: &[&str]) -> Result<PathBuf> {
    cargo.args(["build", "--release", "-p", "agentic-vectors", "--bin", name]).args(options);
    let built = demo::executable(cargo)?;
    let own = folder()?.join([&[name], options].concat().join(""));
    std::fs::copy(&built, &own).with_context(|| format!("can't copy {}", built.display()))?;
    Ok(own)
}

fn folder() -> Result<PathBuf> {
    let folder = workspace::target().join("vector-speed");
    std::fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    Ok(folder)
}
