//! `agentic runs show`: what happened in a run.

use std::collections::BTreeMap;

use agentic::core::{Approval, ApprovalRule, Decision, Plan, Resource, RunStatus, StepId, StepKind};
use agentic::plan::Tree;
use agentic::runtime::{AgentResult, Entry, EntryKind, RunRecord};
use serde::Serialize;
use serde_json::Value;

use super::judged::Judged;
use super::list::{Line, status};
use crate::args::{One, Output};
use crate::durable::failed;
use crate::exit::{self, Failure};
use crate::recipe::Recipe;
use crate::render::timeline::{self, Timeline};
use crate::render::{self, indented, one_line, questions, time};
use crate::{journals, pick};

/// Characters of a piece of evidence, or of a task, that are shown.
const LINE: usize = 400;

#[derive(Serialize)]
struct Whole<'a> {
    record: Line<'a>,
    /// The run's plan as it came out.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Value>,
    /// The rules that hold, with those that were posted and not yet taken in.
    rules: &'a [ApprovalRule],
    /// Answers that were given and not yet taken in.
    answers: Vec<Answered<'a>>,
    entries: &'a [Entry],
}

#[derive(Serialize)]
struct Answered<'a> {
    step: &'a StepId,
    decision: &'a Decision,
}

pub(super) async fn show(args: &One) -> Result<u8, Failure> {
    let (runtime, record) = pick::existing(&args.run).await?;
    let entries = runtime.journal(record.id).await.map_err(failed)?;
    let rules = runtime.rules(record.id).await.map_err(failed)?;
    let answers = runtime.answers(record.id).await.map_err(failed)?;
    let judged = Judged::of(entries.last());
    let seen = timeline::of(&entries);
    if args.printed.output == Output::Json {
        let answers = answers.iter().map(|(step, decision)| Answered { step, decision }).collect();
        render::json_line(&Whole {
            record: Line::of(&record, judged.as_ref()),
            plan: seen.plan.as_ref().and_then(without_results),
            rules: &rules,
            answers,
            entries: &entries,
        });
        return Ok(exit::OK);
    }
    head(&record, judged.as_ref(), &seen);
    made_of(&record, &entries);
    rules.iter().for_each(|rule| render::result(&format!("rule     {}", one_line(&rule.to_string(), 400))));
    if let Some(plan) = &seen.plan {
        render::result("");
        Tree(plan).to_string().lines().for_each(|line| render::result(&indented(line, LINE)));
    }
    render::result("");
    seen.lines.iter().for_each(|line| render::result(line));
    let given = answers.iter().map(|(step, decision)| given(step, decision));
    let lines: Vec<_> = given.chain(asks(&record)).collect();
    if !lines.is_empty() {
        render::result("");
        lines.iter().for_each(|line| render::result(line));
    }
    end(&entries);
    Ok(exit::OK)
}

/// A plan as programs see it: what its tasks gave is in the entries alone.
fn without_results(plan: &Plan) -> Option<Value> {
    fn strip(tasks: Option<&mut Value>) {
        let tasks = tasks.and_then(Value::as_array_mut).into_iter().flatten();
        for task in tasks.filter_map(Value::as_object_mut) {
            task.remove("result");
            strip(task.get_mut("subtasks"));
        }
    }
    let mut plan = serde_json::to_value(plan).ok()?;
    strip(plan.get_mut("tasks"));
    Some(plan)
}

fn head(run: &RunRecord, judged: Option<&Judged>, seen: &Timeline) {
    let line = |name: &str, what: &str| render::result(&format!("{name:8} {what}"));
    line("run", &run.id.to_string());
    line("goal", &one_line(&run.goal, 1000));
    let planned = if seen.plan.is_some() { ", for each task of a plan" } else { "" };
    line("agent", &format!("{}{planned}", one_line(&run.agent, 200)));
    line("status", &Judged::added_to(judged, status(run)));
    for evidence in judged.iter().flat_map(|judged| &judged.evidence) {
        line("", &one_line(evidence, LINE));
    }
    let took = time::age(run.updated.since(run.created));
    let when = format!("{}, {} ago", time::utc(run.created), time::age(journals::now().since(run.created)));
    line("begun", &when);
    if run.status.has_ended() {
        line("took", &took);
    }
    // While it is at work, only its journal tells.
    let spend = if run.spend.tokens() > 0 || run.status.has_ended() { &run.spend } else { &seen.spend };
    line("spent", &timeline::spent(spend));
    if let Some(from) = run.forked_from {
        line("fork of", &from.to_string());
    }
}

/// What its agent is made of; a run that another program began does not say.
fn made_of(run: &RunRecord, entries: &[Entry]) {
    let Ok(recipe) = Recipe::of_journal(run.id, entries) else { return };
    render::result(&format!("model    {}", one_line(&recipe.model, 200)));
    render::result(&format!("tools    {}", one_line(&recipe.tools.join(", "), 400)));
    render::result(&format!("folder   {}", one_line(&recipe.workdir.display().to_string(), 400)));
    let limits = limits(entries);
    if !limits.is_empty() {
        render::result(&format!("limits   {limits}"));
    }
    if let Some(when) = recipe.when_exhausted.shown() {
        render::result(&format!("budget   when it is exhausted: {}", one_line(when, 200)));
    }
}

/// The limits of its budget, as high as they were raised.
fn limits(entries: &[Entry]) -> String {
    let Some(EntryKind::Started { budget, .. }) = entries.first().map(|entry| &entry.kind) else {
        return String::new();
    };
    let mut limits: Vec<_> =
        [Resource::Tokens, Resource::NanoUsd, Resource::ModelCalls, Resource::ToolCalls, Resource::Turns]
            .into_iter()
            .filter_map(|what| {
                let (limit, raised) = (budget.limit(what)?, raised(entries, what));
                let said =
                    if raised > 0 { format!(", raised from {}", what.limit(limit)) } else { String::new() };
                Some(format!("{}{said}", what.limit(limit.saturating_add(raised))))
            })
            .collect();
    limits.extend(budget.wall_time.map(|time| format!("{} s of time", time.as_secs_f64())));
    limits.join("; ")
}

/// By how much answers have raised a limit.
fn raised(entries: &[Entry], what: Resource) -> u64 {
    let mut asked: BTreeMap<&StepId, Approval> = BTreeMap::new();
    let mut sum = 0_u64;
    for entry in entries {
        match &entry.kind {
            EntryKind::Intent { step, kind: StepKind::Approval, asked: approval, .. } => {
                asked.extend(approval.read().ok().map(|approval| (step, approval)));
            }
            EntryKind::Outcome { step, value, .. } => {
                let Some(approval) = asked.remove(step) else { continue };
                let is_it = approval.arguments.get("what") == serde_json::to_value(what).ok().as_ref();
                let decision = value.read::<Decision>().ok().filter(|_| is_it);
                let by = decision.and_then(|decision| approval.raised_by(&decision));
                sum = sum.saturating_add(by.unwrap_or_default());
            }
            _ => {}
        }
    }
    sum
}

/// An answer that waits to be taken in.
fn given(step: &StepId, decision: &Decision) -> String {
    let what = match decision {
        Decision::Approve => "yes".into(),
        Decision::Edit { arguments } => format!("yes, with {arguments}"),
        Decision::Deny { reason } => format!("no: {reason}"),
    };
    format!("`{step}` was answered: {}", one_line(&what, 400))
}

/// What it asks, and how it goes on.
fn asks(run: &RunRecord) -> Vec<String> {
    match run.status {
        RunStatus::Waiting if pick::is_answered(run) => {
            vec![format!("what it waited for has come; go on with: agentic runs resume {}", run.id)]
        }
        RunStatus::Waiting => {
            let told = run.waits.iter().filter_map(|wait| match wait {
                agentic::runtime::Wait::Operator { message } => Some(message.clone()),
                _ => None,
            });
            told.chain(questions(run.id, &run.waits).0).collect()
        }
        RunStatus::Pending => vec![format!("go on with: agentic runs resume {}", run.id)],
        RunStatus::Running if pick::state(run) == crate::args::State::Interrupted => {
            vec![format!("its process is gone; go on with: agentic runs resume {}", run.id)]
        }
        RunStatus::Running => {
            let until = run.leased_until.map(|until| until.since(journals::now()).as_secs() + 1);
            let within = until.map(|seconds| format!("; if that is gone, it shows within {seconds} s"));
            vec![format!("a process works on it{}", within.unwrap_or_default())]
        }
        _ => Vec::new(),
    }
}

fn end(entries: &[Entry]) {
    let Some(EntryKind::Finished { error, result, .. }) = entries.last().map(|entry| &entry.kind) else {
        return;
    };
    render::result("");
    match (result.read::<AgentResult>(), error) {
        (Ok(Ok(outcome)), _) => render::result(&outcome.text()),
        (_, Some(error)) => render::result(&format!("error: {error}")),
        _ => {}
    }
}
