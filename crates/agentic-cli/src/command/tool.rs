//! `agentic tool`: which tools there are, and calling one.

use std::sync::{Mutex, PoisonError};

use agentic::core::{Cancellation, Goal, Partial, ToolCall, ToolResult};
use agentic::tools::builtin::{self, BUILTINS, Settings};
use agentic::tools::{ActionExecutor, ActionHistory, Callable, ToolRegistry};
use agentic::{Agent, AgentError, Ephemeral, Outcome, RunContext};
use async_trait::async_trait;

use crate::agents;
use crate::args::ToolCommand;
use crate::exit::{self, Failure};
use crate::render;

pub(crate) async fn tool(command: ToolCommand, interrupt: &Cancellation) -> Result<u8, Failure> {
    match command {
        ToolCommand::List => {
            let width = BUILTINS.iter().map(|tool| tool.name.len()).max().unwrap_or(0);
            for tool in BUILTINS {
                let mark = if tool.default { "*" } else { " " };
                let summary = tool.description.split(". ").next().unwrap_or_default();
                render::result(&format!("{mark} {:width$}  {summary}", tool.name));
            }
            render::note("* in the default set; name others with --tool");
            Ok(exit::OK)
        }
        ToolCommand::Call { name, arguments, workdir, yes } => {
            let settings = agents::tool_settings(&workdir.unwrap_or_else(|| ".".into()))?;
            call(name, arguments, &settings, yes, interrupt).await
        }
    }
}

/// Calls a tool as an agent would: arguments checked, approval asked, output bounded, and what it started ended if the
/// call is cancelled.
async fn call(
    name: String,
    arguments: String,
    settings: &Settings,
    yes: bool,
    interrupt: &Cancellation,
) -> Result<u8, Failure> {
    let tool = builtin::by_name(&name, settings).map_err(Failure::usage)?;
    let registry = ToolRegistry::new([Callable::Tool(tool)]).map_err(Failure::usage)?;
    let call = ToolCall { id: "call".into(), name, arguments };
    let one = OneCall { executor: ActionExecutor::new(registry), call, result: Mutex::default() };
    let run = agents::approvals(Ephemeral::new(), yes).cancellation(interrupt.clone());
    let report = run.run(&one, "one call").await;
    if interrupt.is_cancelled() {
        return Err(Failure::cancelled());
    }
    report.result.map_err(Failure::tool)?;
    let Some(result) = one.result.into_inner().unwrap_or_else(PoisonError::into_inner) else {
        return Err(Failure::tool("the tool gave no result"));
    };
    if result.is_error {
        return Err(Failure::tool(result.content.strip_prefix("error: ").unwrap_or(&result.content)));
    }
    render::result(&result.content);
    Ok(exit::OK)
}

/// An agent that makes one call, so that the call is driven, watched and cancelled as a run is.
#[derive(Debug)]
struct OneCall {
    executor: ActionExecutor,
    call: ToolCall,
    result: Mutex<Option<ToolResult>>,
}

#[async_trait]
impl Agent for OneCall {
    fn name(&self) -> &str {
        "tool-call"
    }

    async fn run(&self, _: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let calls = std::slice::from_ref(&self.call);
        let results = self.executor.execute(cx, &mut ActionHistory::new(), calls).await;
        let mut results = results.map_err(|error| AgentError::from_step(error, Partial::default()))?;
        *self.result.lock().unwrap_or_else(PoisonError::into_inner) = results.pop();
        Ok(Outcome::default())
    }
}
