//! `agentic tool`: which tools there are, and calling one.

use std::path::PathBuf;

use agentic::Ephemeral;
use agentic::core::ToolCall;
use agentic::tools::builtin::{self, BUILTINS};
use agentic::tools::{ActionExecutor, ActionHistory, Callable, ToolRegistry};

use crate::agents;
use crate::args::ToolCommand;
use crate::exit::{self, Failure};
use crate::render;

pub(crate) async fn tool(command: ToolCommand) -> Result<u8, Failure> {
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
        ToolCommand::Call { name, arguments, workdir, yes } => call(name, arguments, workdir, yes).await,
    }
}

/// Calls a tool as an agent would: arguments checked, approval asked, output bounded.
async fn call(name: String, arguments: String, workdir: Option<PathBuf>, yes: bool) -> Result<u8, Failure> {
    let settings = agents::tool_settings(&workdir.unwrap_or_else(|| ".".into()))?;
    let tool = builtin::by_name(&name, &settings).map_err(Failure::usage)?;
    let registry = ToolRegistry::new([Callable::Tool(tool)]).map_err(Failure::usage)?;
    let cx = agents::approvals(Ephemeral::new(), yes).context();
    let call = ToolCall { id: "call".into(), name, arguments };
    let results = ActionExecutor::new(registry).execute(&cx, &mut ActionHistory::new(), &[call]).await;
    let Some(result) = results.map_err(Failure::failed)?.pop() else {
        return Err(Failure::failed("the tool gave no result"));
    };
    if result.is_error {
        let message = result.content.strip_prefix("error: ").unwrap_or(&result.content);
        return Err(Failure::failed(message));
    }
    render::result(&result.content);
    Ok(exit::OK)
}
