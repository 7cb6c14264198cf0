//! Every example and every sample workload: run, exported, read back and repeated, byte for byte.

use std::iter::Sum;
use std::ops::Add;

use anyhow::{Result, bail};

use crate::{process, workspace};

/// Packages with a test program, and the tests in it whose agents are checked.
const CHECKED: &[(&str, &str, &str)] =
    &[("agentic-runtime", "it", "durable"), ("agentic-examples", "replay", "")];

/// How often a check did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Proof {
    workloads: u64,
    runs: u64,
    crashes: u64,
    replays: u64,
}

pub(super) fn run() -> Result<()> {
    for (package, target, filter) in CHECKED {
        let mut cargo = workspace::cargo();
        cargo.args(["test", "-p", package, "--test", target, filter, "--", "--nocapture"]);
        let watched = process::watch(&mut cargo, |line| line.contains("Proof {"))?;
        watched.result?;
        let proof: Proof = watched.kept.iter().filter_map(|line| Proof::read(line)).sum();
        let Proof { workloads, runs, crashes, replays } = proof;
        println!(
            "replay {package}: {workloads} workloads, {runs} runs, {crashes} more that were crashed; {replays} repeated \
             from their files, each equal byte for byte, with no effect"
        );
        if workloads == 0 || replays < runs + crashes {
            bail!("missed: {package}: {replays} of {} runs were repeated", runs + crashes);
        }
    }
    Ok(())
}

impl Proof {
    /// Reads `Proof { runs: 6, crashes: 200, replays: 206, doubts: 0 }`.
    fn read(line: &str) -> Option<Self> {
        let (_, fields) = line.split_once("Proof {")?;
        let field = |name: &str| {
            let (_, value) = fields.split_once(&format!(" {name}: "))?;
            value.split([',', ' ']).next()?.parse().ok()
        };
        Some(Self {
            workloads: 1,
            runs: field("runs")?,
            crashes: field("crashes")?,
            replays: field("replays")?,
        })
    }
}

impl Add for Proof {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            workloads: self.workloads + other.workloads,
            runs: self.runs + other.runs,
            crashes: self.crashes + other.crashes,
            replays: self.replays + other.replays,
        }
    }
}

impl Sum for Proof {
    fn sum<I: Iterator<Item = Self>>(proofs: I) -> Self {
        proofs.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::Proof;

    #[test]
    fn what_a_check_says_is_read() {
        let read = Proof::read("Proof { runs: 6, crashes: 200, replays: 206, doubts: 3 }");
        assert_eq!(read, Some(Proof { workloads: 1, runs: 6, crashes: 200, replays: 206 }));
        assert_eq!(Proof::read("test durable::crashes::parallel_tools ... ok"), None);
    }
}
