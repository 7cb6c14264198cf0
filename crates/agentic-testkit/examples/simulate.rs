//! Simulates many systems, or one again.
//!
//! ```text
//! cargo run --release -p agentic-testkit --example simulate -- [--seeds N] [--seconds N] [--seed SEED] [--from SEED]
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods)]

use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use agentic_testkit::durability::{Simulated, simulate};

fn main() {
    let (mut seeds, mut seconds, mut from, mut one) = (5_000, u64::MAX, 1, None);
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let number = args.next().and_then(|text| text.parse().ok());
        match (name.as_str(), number) {
            ("--seeds", Some(number)) => seeds = number,
            ("--seconds", Some(number)) => (seconds, seeds) = (number, u64::MAX),
            ("--from", Some(number)) => from = number,
            ("--seed", Some(number)) => one = Some(number),
            _ => {
                eprintln!("usage: simulate [--seeds N] [--seconds N] [--from SEED] [--seed SEED]");
                std::process::exit(2);
            }
        }
    }
    if let Some(seed) = one {
        return println!("seed {seed}: {:?}", simulate(seed));
    }
    let (began, mut all, mut done) = (Instant::now(), Simulated::default(), 0);
    for seed in from..from.saturating_add(seeds) {
        if began.elapsed() > Duration::from_secs(seconds) {
            break;
        }
        match catch_unwind(|| simulate(seed)) {
            Ok(seen) => all += seen,
            Err(_) => {
                eprintln!(
                    "seed {seed} failed; again: cargo run --release -p agentic-testkit --example simulate -- --seed {seed}"
                );
                std::process::exit(1);
            }
        }
        done += 1;
    }
    println!("{done} seeds in {:.0} s: {all:?}", began.elapsed().as_secs_f64());
}
