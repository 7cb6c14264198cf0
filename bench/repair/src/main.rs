//! Whether code that failed its tests is better repaired or written anew.
//!
//! ```text
//! cargo xtask accept code [--model URL] [--minutes N]
//! ```
//!
//! 20 small functions in Python, three answers each. Repair: a [`SelfCorrectionAgent`](agentic_reflect::SelfCorrectionAgent)
//! reads what the tests say of the answer before (what Olausson et al. 2024, [arXiv
//! 2306.09896](https://arxiv.org/abs/2306.09896), call self-repair). Samples: the model is asked again. The first answer is the
//! same in both, both end as soon as the tests pass, and both may ask as often: else the one that stops late would be given
//! more. A task is solved if tests pass too that neither was told.
//! After N minutes no task is begun any more.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints what it measured")]

mod arms;
mod drawn;
mod paired;
mod tasks;
mod tested;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use self::arms::Arms;

type Failed = Box<dyn Error + Send + Sync>;

const MODEL: &str = "local:qwen2.5-coder-1.5b";

#[tokio::main]
async fn main() -> ExitCode {
    match measure().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("code: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Result<(), Failed> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| MODEL.to_owned());
    let minutes: Option<u64> = match args.next() {
        Some(given) => Some(given.parse().map_err(|_| format!("`{given}` is no number of minutes"))?),
        None => None,
    };
    let sandbox = tested::sandbox().await?;
    let model = agentic_llm::open(&address).await?;
    #[expect(clippy::disallowed_methods, reason = "a measuring program reads the clock")]
    let began = Instant::now();
    let mut arms = Arms::default();
    for (seed, task) in tasks::mixed() {
        if minutes.is_some_and(|minutes| began.elapsed() >= Duration::from_secs(60 * minutes)) {
            println!("the time is over");
            break;
        }
        let worked = arms::work(task, seed, &sandbox, model.clone()).await?;
        println!("{worked}");
        arms.add(&worked);
    }
    println!("code: {address}, {} of {} tasks\n{arms}", arms.first.of, tasks::COUNT);
    Ok(())
}
