//! Fuzzing: each target for a while.

use anyhow::{Result, bail};

use crate::flags::AcceptOptions;
use crate::{process, workspace};

pub(super) fn run(options: &AcceptOptions) -> Result<()> {
    if !process::succeeds(workspace::cargo().args(["fuzz", "--version"])) {
        bail!("cargo-fuzz is missing; install it with: cargo install cargo-fuzz");
    }
    let targets: Vec<String> = workspace::files()?
        .iter()
        .filter_map(|file| file.strip_prefix("fuzz/fuzz_targets/")?.strip_suffix(".rs").map(str::to_owned))
        .filter(|name| !name.contains('/'))
        .collect();
    if targets.is_empty() {
        bail!("there are no targets in fuzz/fuzz_targets");
    }
    for target in &targets {
        let (corpus, seeds) = (format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"));
        std::fs::create_dir_all(workspace::root().join(&corpus))?;
        let mut cargo = workspace::cargo();
        // The sanitizer's flags need a nightly compiler; the coverage flags only this permission.
        cargo.env("RUSTC_BOOTSTRAP", "1").args(["fuzz", "run", target, &corpus]);
        if workspace::root().join(&seeds).is_dir() {
            cargo.arg(&seeds);
        }
        cargo.args(["--sanitizer", "none", "--"]);
        cargo.arg(format!("-max_total_time={}", options.minutes * 60)).args(["-max_len=4096", "-timeout=5"]);
        process::run(&mut cargo)?;
        println!("fuzz: {target}: {} minutes, nothing found", options.minutes);
    }
    Ok(())
}
