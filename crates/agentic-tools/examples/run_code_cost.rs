//! Measures what the sandbox of `run_code` adds: a program that does nothing, against plain Python in the same run.
//!
//! ```text
//! cargo run -p agentic-tools --features code --example run_code_cost
//! ```
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measuring program reads the clock and prints"
)]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agentic_core::Tool;
use agentic_runtime::Ephemeral;
use agentic_tools::builtin::RunCode;
use serde_json::json;

const CALLS: usize = 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let python = std::env::args().nth(1).unwrap_or_else(|| "python3".into());
    let tool = RunCode::new();
    let tool = if python.starts_with('/') { tool.with_python(&python) } else { tool };
    let began = Instant::now();
    tool.ready().await?;
    let ready = began.elapsed();
    let tool: Arc<dyn Tool> = Arc::new(tool);
    let (mut inside, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..CALLS {
        let began = Instant::now();
        Ephemeral::new().context().tool(&tool, json!({ "code": "pass" })).await?;
        inside.push(began.elapsed());
        let began = Instant::now();
        tokio::process::Command::new(&python).args(["-I", "-c", "pass"]).status().await?;
        plain.push(began.elapsed());
    }
    println!(
        "run_code: median of {CALLS} empty programs {:.1} ms, plain {python} {:.1} ms; first look {:.0} ms",
        median(inside),
        median(plain),
        ready.as_secs_f64() * 1000.0
    );
    Ok(())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}
