//! A call at the gates of tools.

use std::sync::Arc;

use serde_json::Value;

use super::{Gate, Guards, Passage, Stop, result};
use crate::approval::{Approval, Decision};
use crate::context::RunContext;
use crate::id::StepId;
use crate::step::{Step, StepError};
use crate::tool::{Tool, ToolError, ToolErrorKind, ToolPolicy};

/// A call whose arguments have passed the guardrails, for those who do more about a call than to
/// [make it](RunContext::tool): they check what a guardrail put in the arguments' place, ask a person, or call an agent as
/// a tool. Made by [`RunContext::admit`].
#[derive(Debug)]
#[must_use = "the call is not made yet"]
pub struct AdmittedCall {
    gates: Gates,
    arguments: Value,
    replaced_by: Option<String>,
}

impl AdmittedCall {
    /// The arguments that have passed.
    pub fn arguments(&self) -> &Value {
        &self.arguments
    }

    /// The guardrail that put them in the place of others. Whether they keep to the tool's schema, nobody has checked.
    pub fn replaced_by(&self) -> Option<&str> {
        self.replaced_by.as_deref()
    }

    /// Asks a person whether the call may be made. Arguments that they give instead have to be admitted, too.
    pub fn ask(&self) -> Step<Decision> {
        let Gates { cx, tool, .. } = &self.gates;
        cx.ask(cx.step_id("approve"), Approval::of_tool(&**tool, self.arguments.clone()))
    }

    /// [Asks](Self::ask) whether the call may be made, where this policy of its tool [wants](ToolPolicy::approval) that. Gives the
    /// arguments that were given instead, if they were: these have to be admitted, too.
    ///
    /// # Errors
    /// [`StepError::Tool`], `denied`, if it may not; else as [`RunContext::approve`].
    ///
    /// # Cancel safety
    /// As a [`Step`].
    pub async fn allowed(&self, policy: &ToolPolicy) -> Result<Option<Value>, StepError> {
        if !policy.approval {
            return Ok(None);
        }
        match self.ask().await? {
            Decision::Approve => Ok(None),
            Decision::Edit { arguments } => Ok(Some(arguments)),
            Decision::Deny { reason } => {
                Err(ToolError::new(ToolErrorKind::Denied, format!("not allowed: {reason}")).into())
            }
        }
    }

    /// Calls the tool; what it gives passes the guardrails.
    ///
    /// The step fails as [`RunContext::tool`] does, and as invalid if the call was admitted for a tool of another name.
    pub fn make(self, tool: &Arc<dyn Tool>) -> Step<Value> {
        let cx = self.gates.cx.clone();
        let id = cx.tool_id(tool);
        let (admitted, name) = (&*self.gates.tool, &*tool.spec().name);
        if admitted != name {
            let message = format!("not called: it was admitted as a call of `{admitted}`, not of `{name}`");
            return Step::failed(cx.driver().clone(), id, ToolError::invalid(message).into());
        }
        if self.gates.hold.is_none() {
            return cx.call_tool(id, tool, self.arguments, None);
        }
        let (step, tool) = (id.clone(), tool.clone());
        cx.composed(id, async move { self.made(step, &tool).await })
    }

    pub(crate) async fn made(self, step: StepId, tool: &Arc<dyn Tool>) -> Result<Value, StepError> {
        let Self { gates, arguments, .. } = self;
        let guards = gates.hold.as_ref().map(|(guards, _)| guards);
        match gates.cx.call_tool(step, tool, arguments, guards).await {
            Ok(value) => gates.give(Ok(value)).await,
            Err(StepError::Tool(error)) => gates.give(Err(error)).await,
            Err(error) => Err(error),
        }
    }

    /// What came of the call, made by other means than [`make`](Self::make), as the guardrails let it pass.
    ///
    /// # Errors
    /// The call's, [`StepError::Tool`] if it is blocked, and [`StepError::Budget`] or [`StepError::Cancelled`] of a
    /// guardrail that judges.
    ///
    /// # Cancel safety
    /// As a [`Step`].
    pub async fn give(self, result: Result<Value, ToolError>) -> Result<Value, StepError> {
        self.gates.give(result).await
    }
}

/// The gates that a call passes.
#[derive(Debug)]
pub(crate) struct Gates {
    cx: RunContext,
    tool: Arc<str>,
    /// The guardrails that hold there, and the scope in which they judge.
    hold: Option<(Arc<Guards>, RunContext)>,
}

impl Gates {
    /// The gates of this tool's calls, where these guardrails hold. Takes the ordinal of their scope now.
    pub(crate) fn of(cx: &RunContext, tool: &str, guards: Option<Arc<Guards>>) -> Self {
        let hold = guards.map(|guards| (guards, cx.judging(&format!("tool:{tool}"))));
        Self { cx: cx.clone(), tool: tool.into(), hold }
    }

    pub(crate) async fn admit(self, arguments: Value) -> Result<AdmittedCall, StepError> {
        let mut passage = Passage::new(Gate::ToolCall, arguments).of_tool(self.tool.clone());
        if let Some((guards, judge)) = &self.hold {
            guards.admit(&mut passage, &self.cx, judge, false).await.map_err(of_tool)?;
        }
        let Passage { content: arguments, replaced_by, .. } = passage;
        Ok(AdmittedCall { gates: self, arguments, replaced_by })
    }

    /// What the call gave. It may have been screened inside of its step, but not if it comes from elsewhere: from a person
    /// who says what became of it, from a fork, from an agent.
    async fn give(&self, result: Result<Value, ToolError>) -> Result<Value, StepError> {
        let Some((guards, judge)) = &self.hold else { return Ok(result?) };
        let (mut passage, error) = result::passage(&self.tool, result);
        guards.admit(&mut passage, &self.cx, judge, false).await.map_err(of_tool)?;
        Ok(result::passed(passage, error)?)
    }
}

/// What is not called, or blocked, is the model's to read.
fn of_tool(stop: Stop) -> StepError {
    match stop {
        Stop::Blocked(blocked) => blocked.denied().into(),
        Stop::Step(error) => error,
    }
}
