//! Working on a durable run, and how that ends.

use agentic::core::{Cancellation, Event, RunId};
use agentic::runtime::{Run, RunError, RunRecord, RuntimeBuilder, RuntimeError, RuntimeErrorKind};
use agentic::{RunReport, Runtime};

use crate::args::{Output, State};
use crate::exit::{self, Failure};
use crate::render::{self, Shown, Stopped};
use crate::{journals, pick};

/// A runtime that shows what happens, and how it is shown.
pub(crate) fn shown(
    builder: RuntimeBuilder,
    output: Output,
    unaided: Option<&'static str>,
) -> (Runtime, Shown) {
    let shown = Shown::new(output, unaided);
    (builder.events(shown.sink()).build(), shown)
}

/// Waits until the run ends, waits, or is interrupted; shows that, and gives the exit code.
pub(crate) async fn follow(
    runtime: &Runtime,
    run: &Run,
    shown: &Shown,
    interrupt: &Cancellation,
) -> Result<u8, Failure> {
    tokio::select! {
        biased;
        report = run.report() => end(runtime, &report.map_err(failed)?, shown).await,
        _ = interrupt.cancelled() => interrupted(runtime, run, shown).await,
    }
}

/// Hands the run back, unless it has ended meanwhile.
async fn interrupted(runtime: &Runtime, run: &Run, shown: &Shown) -> Result<u8, Failure> {
    runtime.interrupt().await;
    let record = runtime.run(run.id()).await.map_err(failed)?;
    if record.status.has_ended() || !record.waits.is_empty() {
        return end(runtime, &run.report().await.map_err(failed)?, shown).await;
    }
    shown.stop(&Stopped::interrupted(run.id()));
    Ok(exit::CANCELLED)
}

/// Shows how a run ended, or for whom it waits.
pub(crate) async fn end(runtime: &Runtime, report: &RunReport, shown: &Shown) -> Result<u8, Failure> {
    match &report.result {
        Err(RunError::Waits { waits, .. }) => shown.stop(&Stopped::waits(report, waits)),
        Err(
            error @ (RunError::Journal(_) | RunError::Diverged(_) | RunError::Foreign | RunError::HandedBack),
        ) => {
            shown.stop(&Stopped::failed(report, error));
        }
        _ => {
            shown.finish(report);
            if !shown.has_told_the_end() {
                shown.tell(&last(runtime, report.run).await?);
            }
        }
    }
    Ok(exit::code(report))
}

/// The last event of a run that has ended.
async fn last(runtime: &Runtime, run: RunId) -> Result<Event, Failure> {
    let journal = runtime.journal(run).await.map_err(failed)?;
    let last = journal.last().map(|entry| entry.event(run));
    last.ok_or_else(|| Failure::store(format!("the journal of run {run} is empty")))
}

/// What the runtime says is one line with what to do.
pub(crate) fn failed(error: RuntimeError) -> Failure {
    match error.kind() {
        RuntimeErrorKind::Invalid => Failure::usage(error),
        _ => Failure::store(error),
    }
}

/// Says that a run is at work elsewhere, for those who would wonder why nothing happens.
pub(crate) fn note_if_busy(record: &RunRecord) {
    if let Some(until) = record.leased_until.filter(|_| pick::state(record) == State::Running) {
        let seconds = until.since(journals::now()).as_secs() + 1;
        render::note(&format!(
            "another process works on run {}; this waits until it is done, or has been silent for {seconds} s",
            record.id
        ));
    }
}
