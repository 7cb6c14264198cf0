//! `agentic runs watch`: a run at work in another process.

use std::time::Duration;

use agentic::runtime::Seq;

use crate::args::{One, State};
use crate::durable::{self, failed};
use crate::exit::{self, Failure};
use crate::pick;
use crate::render::{Shown, Stopped};

/// How often is looked for more.
const POLL: Duration = Duration::from_millis(200);
/// How often a run may be found without anybody at work on it: one that was just begun is taken soon.
const IDLE: u32 = 5;

pub(super) async fn watch(args: &One) -> Result<u8, Failure> {
    let (runtime, record) = pick::existing(&args.run).await?;
    let shown = Shown::new(args.printed.output, None);
    let (run, mut seen, mut idle) = (record.id, Seq(0), 0);
    loop {
        // The record first: what it says is then in the journal.
        let record = runtime.run(run).await.map_err(failed)?;
        for entry in runtime.store().load(run, seen).await.map_err(Failure::store)? {
            seen = entry.seq;
            shown.tell(&entry.event(run));
        }
        match pick::state(&record) {
            State::Running => idle = 0,
            State::Pending | State::Interrupted if idle < IDLE => idle += 1,
            State::Pending | State::Interrupted => {
                shown.stop(&Stopped::idle(run, record.status));
                return Ok(exit::WAITING);
            }
            // What waits for a time alone goes on by itself, if its process is there.
            State::Waiting | State::Completed | State::Failed | State::Cancelled => break,
        }
        tokio::time::sleep(POLL).await;
    }
    let report = runtime.report(run).await.map_err(failed)?;
    durable::end(&runtime, &report, &shown).await
}
