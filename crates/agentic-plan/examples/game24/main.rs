//! Game of 24 by Tree of Thoughts (Yao et al. 2023), beside a plain breadth-first search.
//!
//! ```text
//! cargo run --release -p agentic-plan --example game24 [PUZZLES.csv]
//! ```
//!
//! The file has a puzzle a line, in its second column: `1,1 1 4 6,…`. A chat model that knows the game proposes each step that
//! there is and values states exactly; the planner asks it as it asks any model. Each solution is checked by doing its steps
//! again.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

mod game;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use agentic_core::RunContext;
use agentic_plan::SearchPlanner;
use agentic_runtime::RunContextExt as _;
use tokio::time::Instant;

use self::game::{Numbers, Player};

type Failed = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let shared = || agentic_testkit::fixture("game24/24-first900.csv");
    let path = std::env::args().nth(1).map(PathBuf::from).or_else(shared);
    let text = std::fs::read_to_string(path.ok_or("name a file of puzzles")?)?;
    let puzzles: Vec<Numbers> = text
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').nth(1))
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    // An exact value needs no beam; one of the paper's width expands states that turn out not to be needed.
    let mut missed = false;
    for (beam, each) in [(1, true), (5, false)] {
        missed |= !held(beam, each, &puzzles).await?;
    }
    if missed { Err("a bar is missed".into()) } else { Ok(()) }
}

/// Solves all with a beam of this width, and prints whether it takes no more states than the plain search: for each puzzle, or
/// for all together.
async fn held(beam: usize, each: bool, puzzles: &[Numbers]) -> Result<bool, Failed> {
    let planner = SearchPlanner::new(Player::new()).proposals(game::MOVES).beam_width(beam);
    let (mut solved, mut more, mut ours, mut plain) = (0, 0, 0, 0);
    let mut took = Duration::ZERO;
    for puzzle in puzzles {
        let reference = game::breadth_first(puzzle).ok_or_else(|| format!("{puzzle} has no solution"))?;
        plain += reference;
        let began = Instant::now();
        let found = planner.search(&game::goal(puzzle), "", &RunContext::ephemeral()).await;
        took += began.elapsed();
        match found {
            Ok(found) => {
                let steps = found.thoughts.iter().map(|thought| &*thought.step);
                solved += usize::from(game::is_solution(puzzle, steps));
                ours += found.expanded;
                more += usize::from(found.expanded > reference);
            }
            Err(error) => println!("game24: {puzzle}: {error}"),
        }
    }
    let ok = solved == puzzles.len() && solved > 0 && ours <= plain && (more == 0 || !each);
    println!(
        "game24: beam {beam}: solved {solved} of {}, bar all; {ours} states expanded, bar {plain}, as breadth-first search; more \
         than that in {more} puzzles{}; {took:.1?}: {}",
        puzzles.len(),
        if each { ", bar 0" } else { "" },
        if ok { "ok" } else { "MISSED" },
    );
    Ok(ok)
}
