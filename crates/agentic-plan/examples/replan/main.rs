//! What is kept when a plan is planned again: sample plans, in each of which each task fails once.
//!
//! ```text
//! cargo run -p agentic-plan --example replan
//! ```
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

// By its path, as the test has it.
#[path = "trial.rs"]
mod trial;

use self::trial::{Failed, SAMPLES, mended, persistent};

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let (mut kept, mut of, mut failures) = (0, 0, 0);
    for (name, text) in SAMPLES {
        let mended = mended(text).await?;
        let (some, all) = mended.iter().fold((0, 0), |(some, all), one| (some + one.kept, all + one.tasks));
        println!(
            "replan: {name}: {some} of {all} tasks kept over {} failures, one at each task",
            mended.len()
        );
        (kept, of, failures) = (kept + some, of + all, failures + mended.len());
        let replans = persistent(text, 3).await?;
        println!("replan: {name}: a failure that stays: planned again {replans} times at most, bar 3");
    }
    println!(
        "replan: {failures} failures in {} plans: no finished task ran again; {kept} of {of} tasks kept, {:.2}: ok",
        SAMPLES.len(),
        f64::from(kept) / f64::from(of),
    );
    Ok(())
}
