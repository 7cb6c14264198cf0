//! Repeating a run from its journal alone.

use std::sync::Arc;

use agentic_core::{Agent, Guardrails, RunId};

use crate::divergence::Divergence;
use crate::engine::{Engine, Record};
use crate::journal::{Begin, Entry, EntryKind};
use crate::report::{RunError, RunReport};
use crate::runtime::{drive, ended};
use crate::sources::SystemSources;
use crate::store::{JournalError, JournalErrorKind};
use crate::watch::Watch;

/// Runs an agent again with the outcomes that a journal has: nothing happens, no model and no tool is called, and nothing
/// is written.
///
/// Gives the recorded report if the agent asks for the same and ends with the same, byte for byte. Else the result is
/// [`RunError::Diverged`], which names the first step that differs. The result of a run that has not ended is
/// [`RunError::HandedBack`], if all that is recorded could be repeated.
///
/// A run whose [`Runtime`](crate::Runtime) has guardrails is repeated by [`Runtime::replay`](crate::Runtime::replay), or
/// with the agent [`Guarded`](agentic_core::Guarded) by them.
///
/// # Errors
/// If it is no journal of a run.
pub async fn replay(agent: &dyn Agent, run: RunId, journal: &[Entry]) -> Result<RunReport, JournalError> {
    replay_guarded(agent, &Guardrails::default(), run, journal).await
}

/// The same, behind these guardrails.
pub(crate) async fn replay_guarded(
    agent: &dyn Agent,
    guardrails: &Guardrails,
    run: RunId,
    journal: &[Entry],
) -> Result<RunReport, JournalError> {
    let corrupt = |what: String| {
        JournalError::new(JournalErrorKind::Corrupt, format!("the journal of run {run} {what}"))
    };
    let Some(EntryKind::Started { budget, begin, .. }) = journal.first().map(|entry| &entry.kind) else {
        return Err(corrupt("does not begin with its start".into()));
    };
    let begin: Begin = begin.read().map_err(|error| corrupt(format!("has no goal: {error}")))?;
    let (end, rest) = match journal.split_last() {
        Some((last, rest)) if last.kind.is_end() => (Some(&last.kind), rest),
        _ => (None, journal),
    };
    let sources = Arc::new(SystemSources);
    let watch = Watch::new(run, sources.clone(), None);
    // Nobody worked on it any more when it was cancelled: the agent had no say, and may not have come to its end.
    let idle = matches!(end, Some(EntryKind::Finished { idle: true, .. }));
    let record = Record::repeated(rest.to_vec(), end.is_some() && !idle);
    let engine = Arc::new(Engine::recorded(run, *budget, sources, watch, None, record));
    let result = drive(&engine, agent, guardrails, begin).await.and_then(|result| ended(&engine, result));
    engine.stop();
    let found = RunReport::new(run, result, engine.ledger.state().spent);
    let Some(expected) = end else { return Ok(found) };
    let recorded =
        RunReport::of_entry(run, expected).ok_or_else(|| corrupt("has an end that can't be read".into()))?;
    let same = idle || found.entry(false).as_ref() == Some(expected);
    Ok(match found.result {
        Err(RunError::Diverged(_) | RunError::Foreign) => found,
        _ if same => recorded,
        _ => RunReport::new(run, Err(Divergence::Result.into()), found.spend),
    })
}
