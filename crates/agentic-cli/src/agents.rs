//! Building the agent that the settings ask for.

use std::sync::Arc;
use std::time::Duration;

use agentic::core::{
    Agent, AgentError, Budget, Goal, Messages, NanoUsd, Outcome, RunContext, Sampling, Spend, Tool,
};
use agentic::runtime::RuntimeBuilder;
use agentic::tools::builtin::{self, Settings as ToolSettings};
use agentic::tools::{AgentBuilder, Buildable, FunctionCallingAgent, ReActAgent};
use agentic::{ChatModel, Ephemeral};
use async_trait::async_trait;

use crate::approve::{Calls, TerminalApprover, Unattended};
use crate::args::AgentKind;
use crate::care::CareRecipe;
use crate::config::Settings;
use crate::exit::Failure;
use crate::memories::Memories;
use crate::plans::PlanRecipe;
use crate::recipe::{self, Recipe};

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
}

#[async_trait]
impl Agent for AnyAgent {
    fn name(&self) -> &str {
        match self {
            Self::FunctionCalling(agent) => agent.name(),
            Self::React(agent) => agent.name(),
        }
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        self.reply(&mut Messages::new(), goal, cx).await
    }
}

/// An agent with what it remembers, if it remembers anything, and what stands around it.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    pub(crate) agent: AnyAgent,
    pub(crate) memories: Option<Memories>,
    /// What plans its goals and looks to its outcomes, with this agent, without anything around it, within.
    around: Option<Arc<dyn Agent>>,
}

#[async_trait]
impl Agent for Worker {
    fn name(&self) -> &str {
        self.agent.name()
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        if let Some(around) = &self.around {
            return around.run(goal, cx).await;
        }
        match &self.memories {
            Some(memories) => memories.around(self.agent.clone(), None).run(goal, cx).await,
            None => self.agent.run(goal, cx).await,
        }
    }
}

/// The agent that the settings ask for, with these [tools](tools), and what it is made of. Memory is opened before the model: it
/// fails faster.
pub(crate) async fn open(
    settings: &Settings,
    tools: Vec<Arc<dyn Tool>>,
    plan: Option<PlanRecipe>,
    care: CareRecipe,
) -> Result<(Worker, Recipe), Failure> {
    let mut memory = settings.memory.clone();
    let memories = match &mut memory {
        Some(memory) => Some(memory.open().await.map_err(|failure| failure.of("--memory"))?),
        None => None,
    };
    let address = recipe::whole(&settings.model);
    let model = crate::models::open(&address).await.map_err(|failure| failure.of("--model"))?;
    has_a_price(settings.budget_usd.is_some(), &*model)?;
    let names = tools.iter().map(|tool| tool.spec().name.clone()).collect();
    let mut recipe = Recipe::new(settings, &address, model.info(), names, memory);
    (recipe.plan, recipe.care) = (plan, care);
    Ok((assemble(&recipe, model, tools, memories)?, recipe))
}

/// Where money is limited, a model needs a known price.
pub(crate) fn has_a_price(is_limited: bool, model: &dyn ChatModel) -> Result<(), Failure> {
    let info = model.info();
    if !is_limited || info.price.is_some() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "the price of {} is not known, so a budget of money can't be kept; write it into prices.toml beside the configuration, or limit the tokens instead",
        info.id
    )))
}

/// The agent of a recipe, with this model, these tools and this memory.
pub(crate) fn assemble(
    recipe: &Recipe,
    model: Arc<dyn ChatModel>,
    tools: Vec<Arc<dyn Tool>>,
    memories: Option<Memories>,
) -> Result<Worker, Failure> {
    let uses = memories.as_ref();
    let agent = match recipe.agent {
        AgentKind::FunctionCalling => AnyAgent::FunctionCalling(build(
            FunctionCallingAgent::builder(),
            model.clone(),
            tools.clone(),
            uses,
            recipe,
        )?),
        AgentKind::React => {
            AnyAgent::React(build(ReActAgent::builder(), model.clone(), tools.clone(), uses, recipe)?)
        }
    };
    let worker = Worker { agent, memories, around: None };
    if recipe.plan.is_none() && recipe.care.is_none() {
        return Ok(worker);
    }
    let within: Arc<dyn Agent> = match &recipe.plan {
        Some(plan) => Arc::new(plan.executor(&model, &tools, worker.clone())),
        None => recipe.care.verified(worker.clone(), &model, &tools),
    };
    let around = Some(recipe.care.around(within, &model));
    Ok(Worker { around, ..worker })
}

/// The tools that the settings ask for.
pub(crate) fn tools(settings: &Settings) -> Result<Vec<Arc<dyn Tool>>, Failure> {
    let scope = tool_settings(&settings.workdir)?;
    if settings.tools.is_empty() {
        return builtin::defaults(&settings.workdir).map_err(Failure::usage);
    }
    let mut names: Vec<_> = settings.tools.iter().map(|name| name.trim()).collect();
    names.sort_unstable();
    names.dedup();
    let open = |name| builtin::by_name(name, &scope).map_err(|error| Failure::usage(error).of("--tool"));
    names.into_iter().map(open).collect()
}

/// Settings for tools that work in this folder.
pub(crate) fn tool_settings(workdir: &std::path::Path) -> Result<ToolSettings, Failure> {
    if !workdir.is_dir() {
        let what = if workdir.exists() {
            "not a folder; name the folder that it is in"
        } else {
            "no such folder; name an existing one"
        };
        let given = crate::args::variable("--workdir").unwrap_or_else(|| "--workdir".into());
        return Err(Failure::usage(format!("{given} {}: {what}", workdir.display())));
    }
    Ok(ToolSettings::new(workdir))
}

fn build<A: Buildable>(
    builder: AgentBuilder<A>,
    model: Arc<dyn ChatModel>,
    tools: Vec<Arc<dyn Tool>>,
    memories: Option<&Memories>,
    recipe: &Recipe,
) -> Result<A, Failure> {
    let mut sampling = Sampling::default();
    sampling.temperature = recipe.temperature;
    sampling.seed = recipe.seed;
    let mut builder = builder.model(model).tools(tools).sampling(sampling);
    if let Some(memories) = memories {
        builder = builder.scoped_tools(memories.tools());
    }
    if let Some(turns) = recipe.max_turns {
        builder = builder.max_turns(turns);
    }
    builder.build().map_err(Failure::usage)
}

/// What is left of the settings' budget after this was spent.
pub(crate) fn budget(settings: &Settings, spent: &Spend, time: Duration) -> Budget {
    let tokens = spent.usage.input_tokens.saturating_add(spent.usage.output_tokens);
    let mut budget = Budget::unlimited();
    budget.tokens = settings.budget_tokens.map(|limit| limit.saturating_sub(tokens));
    budget.cost = settings
        .budget_usd
        .and_then(NanoUsd::from_dollars)
        .map(|limit| NanoUsd(limit.0.saturating_sub(spent.cost.0)));
    budget.wall_time = settings.timeout.map(|limit| limit.saturating_sub(time));
    budget
}

/// A run that is not kept, whose calls are approved by `--yes`; what else is asked is answered by a person at the
/// terminal, else denied.
pub(crate) fn approvals(run: Ephemeral, yes: bool) -> Ephemeral {
    match TerminalApprover::new() {
        person if yes => run.approver(Calls(person)),
        Some(person) => run.approver(person),
        None => run.approver(Unattended),
    }
}

/// Durable runs whose calls are approved by `--yes`; what else is asked is answered by a person at the terminal, else
/// they wait.
pub(crate) fn waiting_approvals(runtime: RuntimeBuilder, yes: bool) -> RuntimeBuilder {
    match TerminalApprover::new() {
        person if yes => runtime.approver(Calls(person)),
        Some(person) => runtime.approver(person),
        None => runtime,
    }
}
