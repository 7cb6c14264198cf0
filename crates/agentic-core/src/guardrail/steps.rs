//! Steps under guardrails: what is asked and given, and the verdicts on it.

use std::sync::Arc;

use super::answer::{say, screen_answer};
use super::guards::note;
use super::{Gate, Guards, Passage, Stop};
use crate::approval::{Approval, Decision};
use crate::context::RunContext;
use crate::id::StepId;
use crate::message::Part;
use crate::model::ModelResponse;
use crate::step::{Step, StepError};

/// A model's answer that is given if it may be. It may have been screened inside of its step, but not if it comes from
/// elsewhere, as a fork's does.
pub(crate) fn guarded_answer(
    cx: &RunContext,
    guards: Arc<Guards>,
    step: Step<ModelResponse>,
) -> Step<ModelResponse> {
    let judge = guards.judges_at(Gate::Output).then(|| cx.judging("model"));
    let within = cx.clone();
    cx.composed(step.id().clone(), async move {
        let mut response = step.await?;
        screen_answer(&guards, &mut response)?;
        let Some(judge) = judge else { return Ok(response) };
        for part in &mut response.message.parts {
            if let Part::Reasoning { text, signature } = part
                && !text.is_empty()
            {
                let mut passage = Passage::new(Gate::Output, std::mem::take(text));
                if judged(&guards, &mut passage, &within, &judge, false).await? {
                    *signature = None;
                }
                *text = passage.text();
            }
        }
        let said = response.text();
        if !said.is_empty() {
            let mut passage = Passage::new(Gate::Output, said);
            if judged(&guards, &mut passage, &within, &judge, true).await? {
                say(&mut response, passage.text());
            }
        }
        Ok(response)
    })
}

/// Judges what a model says. Whether something was replaced.
async fn judged(
    guards: &Guards,
    passage: &mut Passage,
    cx: &RunContext,
    judge: &RunContext,
    comes_again: bool,
) -> Result<bool, StepError> {
    let judged = guards.judge_in(passage, judge, comes_again).await;
    note(cx, passage, &judged);
    judged.map_err(|stop| match stop {
        Stop::Blocked(blocked) => blocked.into(),
        Stop::Step(error) => error,
    })
}

/// A question whether a tool may be called: a person is asked what the guardrails let pass, and nothing else.
pub(crate) fn guarded_approval(
    cx: &RunContext,
    guards: &Arc<Guards>,
    id: StepId,
    tool: String,
    mut approval: Approval,
) -> Step<Decision> {
    let judge = cx.judging("approve");
    let (within, guards, step) = (cx.clone(), guards.clone(), id.clone());
    cx.composed(id, async move {
        let mut call = Passage::new(Gate::ToolCall, approval.arguments.take()).of_tool(tool.as_str());
        let replaced = match guards.admit(&mut call, &within, &judge, true).await {
            Ok(replaced) => replaced,
            Err(Stop::Blocked(blocked)) => {
                return Ok(Decision::Deny { reason: blocked.denied().message().to_owned() });
            }
            Err(Stop::Step(error)) => return Err(error),
        };
        let arguments = call.content;
        if !replaced {
            approval.arguments = arguments;
            return within.ask(step, approval).await;
        }
        // The question may quote what was replaced.
        let asked = Approval::of_tool(tool, arguments.clone());
        let approval = Approval { expires_after: approval.expires_after, ..asked };
        Ok(match within.ask(step, approval).await? {
            Decision::Approve => Decision::Edit { arguments },
            decision => decision,
        })
    })
}
