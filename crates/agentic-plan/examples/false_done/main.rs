//! Runs that end well and miss their goals: whether criteria that a program looks at find them out.
//!
//! ```text
//! cargo run -p agentic-plan --example false_done [SEED]
//! ```
//!
//! 100 tasks of ten families. A real agent works on each; its model plays a script that ends well, and in half of them misses
//! the goal as models do. The criteria are written from the goal alone. What is true is worked out apart from them, from what
//! the agent gave and did.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

// By its path, as the test has it: so both look for its modules in the same place.
#[path = "trial.rs"]
mod trial;

use std::error::Error;

use self::trial::{COUNT, Failed, MOST_WRONG, sandbox};

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let seed: u64 = std::env::args().nth(1).map_or(Ok(1), |seed| seed.parse())?;
    let sandbox = match sandbox().await {
        Ok(tool) => Some(tool),
        Err(error) => {
            println!("skipped: tasks whose output is code, as they can't be run here: {error}");
            None
        }
    };
    let figures = trial::run(seed, COUNT, sandbox).await?;
    print!("{figures}");
    let (right, of) = (figures.right(), figures.cases());
    let ok = right + MOST_WRONG >= of && of > 0;
    println!(
        "false-done: seed {seed}: the verdict is right in {right} of {of}, bar {}: {}; without it {} of {of} are taken for done \
         and {} of them are",
        of - MOST_WRONG,
        if ok { "ok" } else { "MISSED" },
        figures.ended_well(),
        figures.met(),
    );
    if ok { Ok(()) } else { Err(Box::<dyn Error + Send + Sync>::from("the bar is missed")) }
}
