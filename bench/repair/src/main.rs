//! Whether code that failed its tests is better repaired or written anew.
//!
//! ```text
//! cargo xtask accept code [--model URL]
//! ```
//!
//! 20 small functions in Python, three answers each. Repair: a [`SelfCorrectionAgent`](agentic_reflect::SelfCorrectionAgent)
//! reads what the tests say of the answer before (what Olausson et al. 2024, [arXiv
//! 2306.09896](https://arxiv.org/abs/2306.09896), call self-repair). Samples: the model is asked again. The first answer is the
//! same in both, both end as soon as the tests pass, and both may ask as often: else the one that stops late would be given
//! more. A task is solved if tests pass too that neither was told.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

mod arms;
mod drawn;
mod paired;
mod tasks;
mod tested;

use std::error::Error;
use std::process::ExitCode;

use self::arms::Arms;

type Failed = Box<dyn Error + Send + Sync>;

const MODEL: &str = "local:qwen2.5-coder-1.5b";

#[tokio::main]
async fn main() -> ExitCode {
    match measure().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("code: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Result<(), Failed> {
    let sandbox = tested::sandbox().await?;
    let address = std::env::args().nth(1).unwrap_or_else(|| MODEL.to_owned());
    let model = agentic_llm::open(&address).await?;
    let mut arms = Arms::default();
    for (seed, task) in (1..).zip(&tasks::TASKS) {
        println!("{}", arms.add(task, seed, &sandbox, model.clone()).await?);
    }
    println!("code: {address}\n{arms}");
    Ok(())
}
