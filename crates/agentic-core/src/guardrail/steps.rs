//! Steps under guardrails: what is asked and given, and the verdicts on it.

use std::sync::Arc;

use serde_json::Value;

use super::answer::say;
use super::guards::note;
use super::{Gate, Guards, Passage, Stop, result};
use crate::approval::{Approval, Decision};
use crate::context::RunContext;
use crate::id::StepId;
use crate::model::ModelResponse;
use crate::step::{Step, StepError};
use crate::tool::Tool;

/// A tool call that is made if it may be, and whose result is given if it may be.
pub(crate) fn guarded_tool(
    cx: &RunContext,
    guards: &Arc<Guards>,
    id: StepId,
    tool: &Arc<dyn Tool>,
    arguments: Value,
) -> Step<Value> {
    let name: Arc<str> = tool.spec().name.as_str().into();
    let judge = cx.judging(&format!("tool:{name}"));
    let (within, guards, tool, step) = (cx.clone(), guards.clone(), tool.clone(), id.clone());
    cx.composed(id, async move {
        let mut call = Passage::new(Gate::ToolCall, arguments).of_tool(name.clone());
        guards.admit(&mut call, &within, &judge, false).await.map_err(of_tool)?;
        let result = match within.call_tool(step, &tool, call.content, Some(&guards)).await {
            Ok(value) => Ok(value),
            Err(StepError::Tool(error)) => Err(error),
            Err(error) => return Err(error),
        };
        if !guards.judges_at(Gate::ToolResult) {
            return Ok(result?);
        }
        let mut passage = result::passage(&name, &result);
        let judged = guards.judge_in(&mut passage, &judge, false).await;
        note(&within, &passage, &judged);
        let result = if judged.map_err(of_tool)? { result::replaced(result, &passage) } else { result };
        Ok(result?)
    })
}

/// What is not called, or blocked, is the model's to read.
fn of_tool(stop: Stop) -> StepError {
    match stop {
        Stop::Blocked(blocked) => blocked.denied().into(),
        Stop::Step(error) => error,
    }
}

/// A model's answer that is given if it may be. It was screened inside of its step.
pub(crate) fn judged_answer(
    cx: &RunContext,
    guards: &Arc<Guards>,
    step: Step<ModelResponse>,
) -> Step<ModelResponse> {
    let judge = cx.judging("model");
    let (within, guards) = (cx.clone(), guards.clone());
    cx.composed(step.id().clone(), async move {
        let mut response = step.await?;
        let said = response.text();
        if said.is_empty() {
            return Ok(response);
        }
        let mut passage = Passage::new(Gate::Output, said);
        let judged = guards.judge_in(&mut passage, &judge, true).await;
        note(&within, &passage, &judged);
        match judged {
            Ok(true) => say(&mut response, passage.text()),
            Ok(false) => {}
            Err(Stop::Blocked(blocked)) => return Err(blocked.into()),
            Err(Stop::Step(error)) => return Err(error),
        }
        Ok(response)
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
