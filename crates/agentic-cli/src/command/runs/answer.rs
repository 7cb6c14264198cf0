//! `agentic runs approve`, `deny`, `resolve` and `cancel`: what comes to a run from outside.

use agentic::Runtime;
use agentic::core::{Approval, ApprovalRule, Decision, Json, RunStatus};
use agentic::runtime::{Resolution, RunRecord, Wait};
use serde_json::{Value, json};

use super::done;
use crate::args::{Became, One, Question, State};
use crate::durable::failed;
use crate::exit::{self, Failure};
use crate::recipe::Recipe;
use crate::render::{self, one_line};
use crate::{arguments, pick, raises, rules};

/// What an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// This question.
    Once,
    /// Each question of the tool.
    Always,
    /// Each question of the tool with the same arguments.
    AlwaysSame,
}

impl Scope {
    pub(super) fn of(always: bool, same: bool) -> Self {
        match (always, same) {
            (_, true) => Self::AlwaysSame,
            (true, _) => Self::Always,
            _ => Self::Once,
        }
    }
}

pub(super) async fn approve(args: &Question, edit: Option<&str>, scope: Scope) -> Result<u8, Failure> {
    let decision = match edit {
        None => Decision::Approve,
        Some(text) => Decision::Edit { arguments: object(text)? },
    };
    let rule = |approval: &Approval| rules::allowing(approval, scope == Scope::AlwaysSame);
    decide(args, decision, scope, rule, "approved").await
}

pub(super) async fn deny(args: &Question, reason: String, scope: Scope) -> Result<u8, Failure> {
    let rule = |approval: &Approval| Some(ApprovalRule::deny(approval.tool.as_deref()?, &reason));
    decide(args, Decision::Deny { reason: reason.clone() }, scope, rule, "denied").await
}

async fn decide(
    args: &Question,
    decision: Decision,
    scope: Scope,
    rule: impl Fn(&Approval) -> Option<ApprovalRule>,
    did: &str,
) -> Result<u8, Failure> {
    let (runtime, run) = pick::existing(&args.run.run).await?;
    let asked = open(&runtime, &run, args, |wait| matches!(wait, Wait::Approval { .. })).await?;
    let Wait::Approval { step, digest, approval } = &asked else { return Err(nothing(&run)) };
    if scope == Scope::Once {
        let hint = raises::check(approval, &decision).map_err(Failure::usage)?;
        check(&runtime, &run, approval, &decision).await?;
        runtime.decide(run.id, step, *digest, decision, user()).await.map_err(failed)?;
        told(args, &run, did, step.as_str());
        hint.iter().for_each(|hint| render::note(hint));
        return Ok(exit::OK);
    }
    let rule = rule(approval).ok_or_else(|| {
        Failure::usage(format!(
            "step `{step}` asks for no tool's call that a rule could be about; answer it once"
        ))
    })?;
    // The rule answers this question too: there is no moment in which one is given without the other.
    runtime.give_rule(run.id, rule.clone(), user()).await.map_err(failed)?;
    let json = json!({ "run": run.id, "did": did, "step": step, "rule": rule });
    done(
        args.run.printed.output,
        &format!("{did} always: {}; {}", one_line(&rule.to_string(), 200), next(&run)),
        &json,
    );
    Ok(exit::OK)
}

/// Whether the arguments are some of the tool that asks, as far as it is one of ours: other programs have others.
async fn check(
    runtime: &Runtime,
    run: &RunRecord,
    asked: &Approval,
    decision: &Decision,
) -> Result<(), Failure> {
    let (Some(tool), Decision::Edit { arguments }) = (&asked.tool, decision) else { return Ok(()) };
    let journal = runtime.journal(run.id).await.map_err(failed)?;
    match Recipe::of_journal(run.id, &journal) {
        Ok(recipe) if recipe.tools.contains(tool) => {
            arguments::check(tool, arguments).map_err(Failure::usage)
        }
        _ => Ok(()),
    }
}

pub(super) async fn resolve(args: &Question, became: Became) -> Result<u8, Failure> {
    let resolution = match became {
        Became { done: Some(text), .. } => Resolution::Done(
            Json::parse(text).map_err(|error| Failure::usage(format!("--done is not JSON: {error}")))?,
        ),
        Became { failed: Some(message), .. } => Resolution::Failed(message),
        Became { .. } => Resolution::NotDone,
    };
    let (runtime, run) = pick::existing(&args.run.run).await?;
    let asked = open(&runtime, &run, args, |wait| matches!(wait, Wait::UnknownEffect { .. })).await?;
    let Wait::UnknownEffect { step, .. } = &asked else { return Err(nothing(&run)) };
    runtime.resolve(run.id, step, resolution, user()).await.map_err(failed)?;
    told(args, &run, "resolved", step.as_str());
    Ok(exit::OK)
}

/// The open question of this kind: the one that is named, or the only one.
async fn open(
    runtime: &Runtime,
    run: &RunRecord,
    args: &Question,
    kind: impl Fn(&Wait) -> bool,
) -> Result<Wait, Failure> {
    let mut open = runtime.questions(run.id).await.map_err(failed)?;
    open.retain(kind);
    let steps: Vec<_> = open.iter().filter_map(Wait::step).map(|step| format!("`{step}`")).collect();
    let steps = steps.join(", ");
    match &args.step {
        Some(named) => {
            let found =
                open.into_iter().find(|wait| wait.step().is_some_and(|step| step.as_str() == named.trim()));
            let steps = if steps.is_empty() { "nothing".into() } else { steps };
            found.ok_or_else(|| {
                Failure::usage(format!("step `{named}` of run {} does not ask this; open: {steps}", run.id))
            })
        }
        None if open.len() > 1 => {
            Err(Failure::usage(format!("run {} asks in several steps: {steps}; name one", run.id)))
        }
        None => open.into_iter().next().ok_or_else(|| nothing(run)),
    }
}

fn nothing(run: &RunRecord) -> Failure {
    let status = super::list::status(run);
    let next = match pick::state(run) {
        State::Pending | State::Interrupted => {
            format!(", and asks when it goes on: agentic runs resume {}", run.id)
        }
        _ => String::new(),
    };
    Failure::failed(format!("run {} does not ask this; it is {status}{next}", run.id))
}

fn told(args: &Question, run: &RunRecord, did: &str, step: &str) {
    let json = json!({ "run": run.id, "did": did, "step": step });
    done(args.run.printed.output, &format!("{did}; {}", next(run)), &json);
}

/// How the run goes on.
fn next(run: &RunRecord) -> String {
    if pick::state(run) == State::Running {
        return "the process that works on it goes on".into();
    }
    format!("go on with: agentic runs resume {}", run.id)
}

pub(super) async fn cancel(args: &One) -> Result<u8, Failure> {
    let (runtime, run) = pick::existing(&args.run).await?;
    if run.status.has_ended() {
        return Err(Failure::failed(format!("run {} has ended: {}", run.id, super::list::status(&run))));
    }
    runtime.cancel(run.id).await.map_err(failed)?;
    let status = runtime.run(run.id).await.map_err(failed)?.status;
    let words = match status {
        RunStatus::Cancelled => format!("run {} is cancelled", run.id),
        RunStatus::Completed | RunStatus::Failed => format!("run {} has ended by itself: {status}", run.id),
        _ => format!("run {} ends at its next step", run.id),
    };
    done(args.printed.output, &words, &json!({ "run": run.id, "did": "cancelled", "status": status }));
    Ok(exit::OK)
}

fn object(text: &str) -> Result<Value, Failure> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Failure::usage("--edit takes the arguments as a JSON object")),
        Err(error) => Err(Failure::usage(format!("--edit is not JSON: {error}"))),
    }
}

/// Who answers, for those who read the run later.
pub(super) fn user() -> Option<String> {
    ["USER", "USERNAME"].iter().find_map(|name| std::env::var(name).ok()).filter(|name| !name.is_empty())
}
