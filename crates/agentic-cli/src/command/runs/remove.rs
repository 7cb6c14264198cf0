//! `agentic runs rm`.

use std::time::Duration;

use agentic::core::Timestamp;
use agentic::runtime::RunFilter;
use serde_json::json;

use super::done;
use crate::args::Output;
use crate::durable::failed;
use crate::exit::{self, Failure};
use crate::{journals, pick};

pub(super) async fn remove(
    words: &[String],
    ended_before: Option<Duration>,
    output: Output,
) -> Result<u8, Failure> {
    let Some(runtime) = journals::existing().await? else {
        return if words.is_empty() { Ok(exit::OK) } else { Err(pick::no_runs()) };
    };
    let mut runs = Vec::new();
    if let Some(age) = ended_before {
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let before = Timestamp::from_millis(journals::now().as_millis().saturating_sub(age));
        let mut filter = RunFilter::default();
        filter.ended_before = Some(before);
        runs = runtime.list(&filter).await.map_err(failed)?;
    }
    // All are found before the first is taken away.
    for word in words {
        runs.push(pick::run(&runtime, word).await?);
    }
    runs.sort_by_key(|run| run.id);
    runs.dedup_by_key(|run| run.id);
    for run in runs {
        runtime.delete(run.id).await.map_err(failed)?;
        done(output, &format!("removed {}", run.id), &json!({ "run": run.id, "did": "removed" }));
    }
    Ok(exit::OK)
}
