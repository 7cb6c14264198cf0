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
    let is_object = arguments.trim_start().starts_with('{');
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
                ToolErrorKind::InvalidArguments if !is_object => Failure::usage(format!(
                    "the arguments are no JSON object, for example {{\"NAME\": \"VALUE\"}}; `{}` takes {takes}",
                    action.tool
                )),
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
    let arguments = fields(&tool.parameters);
    if arguments.is_empty() { "nothing".into() } else { arguments }
}

/// The properties of an object's schema.
fn fields(schema: &Value) -> String {
    let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    let properties = schema["properties"].as_object().into_iter().flatten();
    let field = |(name, schema): (&String, &Value)| {
        let mark = if required.iter().any(|required| required == name) { "" } else { "?" };
        format!("{name}{mark} ({})", kind(schema))
    };
    properties.map(field).collect::<Vec<_>>().join(", ")
}

fn kind(schema: &Value) -> String {
    let kinds: Vec<_> = match &schema["type"] {
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect()
        }
        kind => kind.as_str().into_iter().collect(),
    };
    match kinds[..] {
        [] => "any value".into(),
        ["array"] => format!("list of {}", kind(&schema["items"])),
        ["object"] if schema["properties"].is_object() => format!("{{{}}}", fields(schema)),
        _ => kinds.join(" or "),
    }
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
