//! Building the agent that the settings ask for.

use std::sync::Arc;
use std::time::Duration;

use agentic::core::{
    AgentError, Budget, Goal, Messages, NanoUsd, Outcome, RunContext, Sampling, Spend, Tool,
};
use agentic::tools::builtin::{self, Settings as ToolSettings};
use agentic::tools::{AgentBuilder, Buildable, FunctionCallingAgent, ReActAgent};
use agentic::{ChatModel, Ephemeral};

use crate::approve::{ApproveAll, TerminalApprover, Unattended};
use crate::args::AgentKind;
use crate::config::Settings;
use crate::exit::Failure;

/// Either kind of agent.
#[derive(Clone, Debug)]
pub(crate) enum AnyAgent {
    FunctionCalling(FunctionCallingAgent),
    React(ReActAgent),
}

impl AnyAgent {
    /// Goes on with a conversation.
    pub(crate) async fn reply(
        &self,
        conversation: &mut Messages,
        goal: Goal,
        cx: &RunContext,
    ) -> Result<Outcome, AgentError> {
        match self {
            Self::FunctionCalling(agent) => agent.reply(conversation, goal, cx).await,
            Self::React(agent) => agent.reply(conversation, goal, cx).await,
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::FunctionCalling(agent) => agentic::Agent::name(agent),
            Self::React(agent) => agentic::Agent::name(agent),
        }
    }
}

/// The agent that the settings ask for. Tools are opened before the model: they fail faster.
pub(crate) async fn open(settings: &Settings) -> Result<AnyAgent, Failure> {
    let tools = tools(settings)?;
    let model = crate::models::open(&settings.model).await?;
    Ok(match settings.agent {
        AgentKind::FunctionCalling => {
            AnyAgent::FunctionCalling(build(FunctionCallingAgent::builder(), model, tools, settings)?)
        }
        AgentKind::React => AnyAgent::React(build(ReActAgent::builder(), model, tools, settings)?),
    })
}

fn tools(settings: &Settings) -> Result<Vec<Arc<dyn Tool>>, Failure> {
    let scope = tool_settings(&settings.workdir)?;
    if settings.tools.is_empty() {
        return builtin::defaults(&settings.workdir).map_err(Failure::usage);
    }
    let mut names = settings.tools.clone();
    names.sort();
    names.dedup();
    names.iter().map(|name| builtin::by_name(name.trim(), &scope).map_err(Failure::usage)).collect()
}

/// Settings for tools that work in this folder.
pub(crate) fn tool_settings(workdir: &std::path::Path) -> Result<ToolSettings, Failure> {
    if !workdir.is_dir() {
        let what = if workdir.exists() {
            "not a folder; name the folder that it is in"
        } else {
            "no such folder; name an existing one"
        };
        return Err(Failure::usage(format!("--workdir {}: {what}", workdir.display())));
    }
    Ok(ToolSettings::new(workdir))
}

fn build<A: Buildable>(
    builder: AgentBuilder<A>,
    model: Arc<dyn ChatModel>,
    tools: Vec<Arc<dyn Tool>>,
    settings: &Settings,
) -> Result<A, Failure> {
    let mut sampling = Sampling::default();
    sampling.temperature = settings.temperature;
    sampling.seed = settings.seed;
    let mut builder = builder.model(model).tools(tools).sampling(sampling);
    if let Some(turns) = settings.max_turns {
        builder = builder.max_turns(turns);
    }
    builder.build().map_err(Failure::usage)
}

/// A run with the approvals of the settings, and what is left of their budget after this was spent.
pub(crate) fn run(settings: &Settings, spent: &Spend, time: Duration) -> Ephemeral {
    let tokens = spent.usage.input_tokens.saturating_add(spent.usage.output_tokens);
    let mut budget = Budget::unlimited();
    budget.tokens = settings.budget_tokens.map(|limit| limit.saturating_sub(tokens));
    budget.cost = settings
        .budget_usd
        .and_then(NanoUsd::from_dollars)
        .map(|limit| NanoUsd(limit.0.saturating_sub(spent.cost.0)));
    budget.wall_time = settings.timeout.map(|limit| limit.saturating_sub(time));
    approvals(Ephemeral::new().budget(budget), settings.yes)
}

/// A run whose approvals are answered by `--yes`, else by a person at the terminal, else denied.
pub(crate) fn approvals(run: Ephemeral, yes: bool) -> Ephemeral {
    match TerminalApprover::new() {
        _ if yes => run.approver(ApproveAll),
        Some(person) => run.approver(person),
        None => run.approver(Unattended),
    }
}
