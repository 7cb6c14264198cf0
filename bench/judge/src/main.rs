//! How well a model judges whether a criterion in words holds.
//!
//! ```text
//! cargo xtask accept judge [--model URL]
//! judge MODEL SEED    # other results, for trying out a wording
//! ```
//!
//! 50 results, of which 25 keep to their criterion, are judged by a [`Verifier`](agentic_plan::Verifier). A program knows which
//! ones do.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

mod cases;
mod judged;
mod wording;

use std::error::Error;

use self::judged::Judged;

type Failed = Box<dyn Error + Send + Sync>;

const MODEL: &str = "local:qwen2.5-coder-1.5b";
const SEED: u64 = 1;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let address = std::env::args().nth(1).unwrap_or_else(|| MODEL.to_owned());
    let seed = std::env::args().nth(2).map_or(Ok(SEED), |seed| seed.parse())?;
    let model = agentic_llm::open(&address).await?;
    let mut judged = Judged::default();
    for case in cases::cases(seed) {
        let told = judged.add(&case, model.clone()).await?;
        println!("{told}");
    }
    println!("judge: {address}: {judged}");
    Ok(())
}
