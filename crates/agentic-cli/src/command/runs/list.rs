//! `agentic runs list`.

use std::io::IsTerminal as _;

use agentic::core::RunStatus;
use agentic::runtime::{RunFilter, RunRecord};
use clap::ValueEnum as _;
use serde::Serialize;

use super::judged::Judged;
use crate::args::{List, Output, State};
use crate::durable::failed;
use crate::exit::{self, Failure};
use crate::render::{self, one_line, time};
use crate::{journals, pick};

/// So many are listed for people where they say nothing else.
const FEW: u64 = 20;

/// A run as programs see it.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    #[serde(flatten)]
    record: &'a RunRecord,
    /// Whether its process is gone.
    interrupted: bool,
    /// Of a run with an outcome.
    #[serde(flatten)]
    judged: Option<&'a Judged>,
}

impl<'a> Line<'a> {
    pub(super) fn of(record: &'a RunRecord, judged: Option<&'a Judged>) -> Self {
        Self { record, interrupted: pick::state(record) == State::Interrupted, judged }
    }
}

pub(super) async fn list(args: &List) -> Result<u8, Failure> {
    let people = args.printed.output == Output::Text;
    let limit = args.limit.or(people.then_some(FEW));
    let status = args.status.map(|state| match state {
        State::Pending => RunStatus::Pending,
        State::Running | State::Interrupted => RunStatus::Running,
        State::Waiting => RunStatus::Waiting,
        State::Completed => RunStatus::Completed,
        State::Failed => RunStatus::Failed,
        State::Cancelled => RunStatus::Cancelled,
    });
    // Whether one at work was interrupted is known only here.
    let fits = |record: &RunRecord| args.status.is_none_or(|wanted| wanted == pick::state(record));
    let here = status == Some(RunStatus::Running);
    // One more, to see whether that is all.
    let asked = limit.filter(|_| !here).map(|limit| limit.saturating_add(1));
    let runtime = journals::existing().await?;
    let runs = match &runtime {
        Some(runtime) => {
            let mut filter = RunFilter::default();
            (filter.status, filter.limit) = (status, asked);
            runtime.list(&filter).await.map_err(failed)?
        }
        None => Vec::new(),
    };
    let mut runs: Vec<_> = runs.into_iter().filter(fits).collect();
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let more = runs.len() > limit;
    runs.truncate(limit);
    let mut judged = Vec::with_capacity(runs.len());
    if let Some(runtime) = &runtime {
        for run in &runs {
            judged.push(Judged::load(runtime, run).await);
        }
    }
    let runs: Vec<_> = runs.into_iter().zip(judged).collect();
    if !people {
        runs.iter().for_each(|(run, judged)| render::json_line(&Line::of(run, judged.as_ref())));
        return Ok(exit::OK);
    }
    if runs.is_empty() {
        render::note("no runs");
    }
    table(&runs).iter().for_each(|line| render::result(line));
    if more {
        render::note("there are more; see them with --limit N");
    }
    let idle = |run: &RunRecord| matches!(pick::state(run), State::Interrupted | State::Pending);
    if runs.iter().any(|(run, _)| idle(run) || pick::is_answered(run)) {
        render::note("what is pending, interrupted or answered goes on with: agentic runs resume ID");
    }
    Ok(exit::OK)
}

fn table(runs: &[(RunRecord, Option<Judged>)]) -> Vec<String> {
    let ids: Vec<_> = runs.iter().map(|(run, _)| run.id.to_string()).collect();
    // An id begins with the time: the short form reaches to its milliseconds, if that tells the runs apart.
    let short = [13, 18, 23].into_iter().find(|length| {
        let mut short: Vec<_> = ids.iter().map(|id| &id[..*length]).collect();
        short.sort_unstable();
        short.windows(2).all(|pair| pair[0] != pair[1])
    });
    let rows: Vec<_> = runs
        .iter()
        .zip(&ids)
        .map(|((run, judged), id)| {
            let id = &id[..short.unwrap_or(id.len())];
            let status = Judged::added_to(judged.as_ref(), status(run));
            (id, status, time::age(journals::now().since(run.created)), &run.goal)
        })
        .collect();
    let width =
        |column: fn(&(&str, String, String, &String)) -> usize| rows.iter().map(column).max().unwrap_or(0);
    let (wide, wide_age) = (width(|row| row.1.len()), width(|row| row.2.len()));
    let line = rows.iter().map(|(id, status, age, goal)| {
        let before = format!("{id}  {status:wide$}  {age:>wide_age$}  ");
        let room = columns().saturating_sub(before.len() + 1).max(20);
        format!("{before}{}", one_line(goal, room))
    });
    line.collect()
}

/// `waiting (approval)`, and `waiting (answered)` once somebody has answered.
pub(super) fn status(run: &RunRecord) -> String {
    let state = pick::state(run).to_possible_value();
    let state = state.as_ref().map_or("unknown", |value| value.get_name());
    if pick::is_answered(run) {
        return format!("{state} (answered)");
    }
    match run.reason.filter(|reason| reason.to_string() != state) {
        Some(reason) => format!("{state} ({reason})"),
        None => state.to_owned(),
    }
}

/// How wide a line may be; where nobody looks, wide enough for most goals.
fn columns() -> usize {
    let terminal = std::io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
    terminal.map_or(200, |(width, _)| usize::from(width.0))
}
