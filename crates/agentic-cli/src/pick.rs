//! Finding the run that the user names.

use agentic::Runtime;
use agentic::core::{RunId, RunStatus, StepId};
use agentic::runtime::{JournalErrorKind, RunFilter, RunRecord};
use serde_json::Value;

use crate::args::State;
use crate::durable::failed;
use crate::exit::Failure;
use crate::journals;

/// The run with this id, or the only one whose id begins so, or the youngest.
pub(crate) async fn run(runtime: &Runtime, word: &str) -> Result<RunRecord, Failure> {
    let name = word.trim();
    if name == "last" {
        let mut filter = RunFilter::default();
        filter.limit = Some(1);
        let found = runtime.list(&filter).await.map_err(failed)?;
        return found.into_iter().next().ok_or_else(no_runs);
    }
    let digits: String = name.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect();
    if digits.is_empty() || digits.len() > 32 || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(Failure::usage(format!(
            "`{name}` is no id of a run; write an id that `agentic runs list` shows, a beginning of it, or `last`"
        )));
    }
    if digits.len() == 32
        && let Ok(id) = serde_json::from_value::<RunId>(Value::String(digits.clone()))
    {
        return runtime.run(id).await.map_err(|error| match error.journal() {
            Some(JournalErrorKind::NotFound) => unknown(name),
            _ => failed(error),
        });
    }
    let begins = |record: &RunRecord| record.id.to_string().replace('-', "").starts_with(&digits);
    let all = runtime.list(&RunFilter::default()).await.map_err(failed)?;
    let mut found: Vec<_> = all.into_iter().filter(begins).collect();
    match found.len() {
        0 => Err(unknown(name)),
        1 => Ok(found.remove(0)),
        many => {
            let mut ids: Vec<_> = found.iter().take(3).map(|record| record.id.to_string()).collect();
            if many > 3 {
                ids.push("…".into());
            }
            Err(Failure::usage(format!(
                "{many} runs begin with `{name}`: {}; write more of the id",
                ids.join(", ")
            )))
        }
    }
}

/// The user's runs, and the one that is named.
pub(crate) async fn existing(word: &str) -> Result<(Runtime, RunRecord), Failure> {
    let runtime = journals::existing().await?.ok_or_else(no_runs)?;
    let record = run(&runtime, word).await?;
    Ok((runtime, record))
}

pub(crate) fn no_runs() -> Failure {
    Failure::usage("there are no runs yet; begin one with `agentic run GOAL`")
}

fn unknown(name: &str) -> Failure {
    Failure::usage(format!("there is no run `{name}`; `agentic runs list` shows what there is"))
}

/// A step by the path that the user wrote.
pub(crate) fn step(path: &str) -> Result<StepId, Failure> {
    serde_json::from_value(Value::String(path.trim().to_owned()))
        .map_err(|error| Failure::usage(format!("`{path}` is no step: {error}")))
}

/// Where a run is, as people see it: one whose process is gone is interrupted.
pub(crate) fn state(record: &RunRecord) -> State {
    match record.status {
        RunStatus::Running if record.leased_until.is_none_or(|until| until < journals::now()) => {
            State::Interrupted
        }
        RunStatus::Running => State::Running,
        RunStatus::Pending => State::Pending,
        RunStatus::Waiting => State::Waiting,
        RunStatus::Completed => State::Completed,
        RunStatus::Failed => State::Failed,
        RunStatus::Cancelled => State::Cancelled,
    }
}

/// Whether what it waited for has come: it only has to be resumed.
pub(crate) fn is_answered(record: &RunRecord) -> bool {
    record.status == RunStatus::Waiting && record.wake_at.is_some_and(|at| at <= journals::now())
}
