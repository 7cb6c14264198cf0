//! The same agent, its runs written into a SQLite file: `cargo xtask accept durable-cost` runs it beside the other.

#[path = "../../../../shared/bench/peers/rust/common/common.rs"]
mod common;
mod workload;

use std::sync::Arc;

use agentic::prelude::*;
use agentic_runtime::{Runtime, SqliteOptions, SqliteStore};
use tokio::sync::OnceCell;

static RUNTIME: OnceCell<Runtime> = OnceCell::const_new();

/// Opened by the first run, in a folder of its own.
async fn runtime() -> &'static Runtime {
    RUNTIME
        .get_or_init(|| async {
            let folder = std::env::temp_dir().join(format!("agentic-bench-{}", std::process::id()));
            std::fs::create_dir_all(&folder).expect("a folder");
            let store = SqliteStore::open(folder.join("runs.db"), SqliteOptions::new()).await;
            Runtime::new(store.expect("a store"))
        })
        .await
}

fn main() {
    runtime!().block_on(common::drive(
        "durable",
        env!("CARGO_PKG_VERSION"),
        |model| workload::agent(model, 64),
        |agent: Arc<FunctionCallingAgent>, _turns| async move {
            let run = runtime().await.start(agent, "Add the numbers.").await.expect("a run");
            let report = run.report().await.expect("a report");
            report.result.expect("an answer").text()
        },
        workload::side_by_side,
    ));
    let _ =
        std::fs::remove_dir_all(std::env::temp_dir().join(format!("agentic-bench-{}", std::process::id())));
}
