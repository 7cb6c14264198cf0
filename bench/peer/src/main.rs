//! The workloads of the framework bench, written as a user of `agentic` would write them.
//!
//! `cargo xtask accept framework-cost` builds this and runs it beside the other programs.

#[path = "../../../../shared/bench/peers/rust/common/common.rs"]
mod common;
mod workload;

use std::sync::Arc;

use agentic::prelude::*;

fn main() {
    runtime!().block_on(common::drive(
        "agentic",
        env!("CARGO_PKG_VERSION"),
        // The most turns that any workload allows: turns are the agent's setting, not a run's.
        |model| workload::agent(model, 64),
        |agent: Arc<FunctionCallingAgent>, _turns| async move {
            let outcome = agent.run("Add the numbers.".into(), &RunContext::ephemeral()).await;
            outcome.expect("an answer").text()
        },
        workload::side_by_side,
    ));
}
