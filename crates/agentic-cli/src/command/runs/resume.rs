//! `agentic runs resume`: going on with a run.

use agentic::Runtime;
use agentic::core::Cancellation;
use agentic::runtime::{Run, RunRecord};

use crate::args::{One, Output};
use crate::durable::{self, failed};
use crate::exit::Failure;
use crate::interrupt::unless_raised;
use crate::recipe::Recipe;
use crate::render::Shown;
use crate::{agents, journals, pick};

pub(super) async fn resume(args: &One, yes: bool, interrupt: &Cancellation) -> Result<u8, Failure> {
    let (runtime, record) = unless_raised(interrupt, pick::existing(&args.run)).await?;
    drop(runtime);
    go_on(&record, yes, args.printed.output, interrupt).await
}

/// Goes on with a run, and shows what it does.
pub(super) async fn go_on(
    record: &RunRecord,
    yes: bool,
    output: Output,
    interrupt: &Cancellation,
) -> Result<u8, Failure> {
    let builder = unless_raised(interrupt, journals::open()).await?;
    let (runtime, shown) = durable::shown(agents::waiting_approvals(builder, yes), output, None);
    if record.status.has_ended() {
        return ended(&runtime, record, &shown).await;
    }
    durable::note_if_busy(record);
    let run = unless_raised(interrupt, again(&runtime, record)).await?;
    durable::follow(&runtime, &run, &shown, interrupt).await
}

async fn ended(runtime: &Runtime, record: &RunRecord, shown: &Shown) -> Result<u8, Failure> {
    let report = runtime.report(record.id).await.map_err(failed)?;
    durable::end(runtime, &report, shown).await
}

/// The run at work, with its agent made again. What is missing for that is told before the run is touched.
async fn again(runtime: &Runtime, record: &RunRecord) -> Result<Run, Failure> {
    let journal = runtime.journal(record.id).await.map_err(failed)?;
    let agent = Recipe::of_journal(record.id, &journal)?.make().await?;
    runtime.resume_with(record.id, agent).await.map_err(failed)
}
