//! `agentic tool`: which tools there are, and calling one.

use std::sync::{Arc, Mutex, PoisonError};

use agentic::core::{Cancellation, Goal, Partial, ToolCall, ToolErrorKind, ToolSpec};
use agentic::tools::builtin::{self, BUILTINS, Settings};
use agentic::tools::{Action, ActionExecutor, ActionHistory, ActionResult, Callable, ToolRegistry};
use agentic::{Agent, AgentError, Ephemeral, Outcome, RunContext};
use async_trait::async_trait;
use serde_json::Value;

use crate::agents;
use crate::args::ToolCommand;
use crate::exit::{self, Failure};
use crate::render;

pub(crate) async fn tool(command: ToolCommand, interrupt: &Cancellation) -> Result<u8, Failure> {
    match command {
        ToolCommand::List => {
            let width = BUILTINS.iter().map(|tool| tool.name.len()).max().unwrap_or(0);
            let settings = Settings::new(".");
            for tool in BUILTINS {
                let mark = if tool.default { "*" } else { " " };
                let summary = tool.description.split(". ").next().unwrap_or_default().trim_end_matches('.');
                render::result(&format!("{mark} {:width$}  {summary}", tool.name));
                let tool = tool.open(&settings).map_err(Failure::failed)?;
                let asks = if tool.spec().policy.approval { "; asks before each call" } else { "" };
                render::result(&format!("  {:width$}  takes {}{asks}", "", takes(tool.spec())));
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
    let takes = takes(tool.spec());
    let registry = ToolRegistry::new([Callable::Tool(tool)]).map_err(Failure::usage)?;
    let call = ToolCall { id: "call".into(), name, arguments };
    let one = OneCall { executor: ActionExecutor::new(registry), call, done: Mutex::default() };
    let run = agents::approvals(Ephemeral::new(), yes).cancellation(interrupt.clone());
    let report = run.run(&one, "one call").await;
    if interrupt.is_cancelled() {
        return Err(Failure::cancelled());
    }
    report.result.map_err(Failure::tool)?;
    let Some(action) = one.done.into_inner().unwrap_or_else(PoisonError::into_inner) else {
        return Err(Failure::tool("the tool gave no result"));
    };
    match action.result {
        ActionResult::Ok { .. } => {
            render::result(&action.shown);
            Ok(exit::OK)
        }
        ActionResult::Failed { kind } => {
            let message = action.shown.strip_prefix("error: ").unwrap_or(&action.shown);
            Err(match kind {
                ToolErrorKind::InvalidArguments => {
                    Failure::usage(format!("{message}; `{}` takes {takes}", action.tool))
                }
                _ => Failure::tool(message),
            })
        }
    }
}

/// A tool's arguments: `path (string), depth? (integer)`.
fn takes(tool: &ToolSpec) -> String {
    let list = |name: &str| tool.parameters[name].as_array().into_iter().flatten().filter_map(Value::as_str);
    let required: Vec<_> = list("required").collect();
    let properties = tool.parameters["properties"].as_object();
    let arguments: Vec<_> = properties
        .into_iter()
        .flatten()
        .map(|(name, schema)| {
            let mark = if required.contains(&name.as_str()) { "" } else { "?" };
            match &schema["type"] {
                Value::String(kind) => format!("{name}{mark} ({kind})"),
                Value::Array(kinds) => {
                    let kinds: Vec<_> =
                        kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect();
                    format!("{name}{mark} ({})", kinds.join(" or "))
                }
                _ => format!("{name}{mark}"),
            }
        })
        .collect();
    if arguments.is_empty() { "nothing".into() } else { arguments.join(", ") }
}

/// An agent that makes one call, so that the call is driven, watched and cancelled as a run is.
#[derive(Debug)]
struct OneCall {
    executor: ActionExecutor,
    call: ToolCall,
    done: Mutex<Option<Arc<Action>>>,
}

#[async_trait]
impl Agent for OneCall {
    fn name(&self) -> &str {
        "tool-call"
    }

    async fn run(&self, _: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let calls = std::slice::from_ref(&self.call);
        let mut history = ActionHistory::new();
        let results = self.executor.execute(cx, &mut history, calls).await;
        results.map_err(|error| AgentError::from_step(error, Partial::default()))?;
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) = history.actions().first().cloned();
        Ok(Outcome::default())
    }
}
