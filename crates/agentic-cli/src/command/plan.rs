//! `agentic plan`: a goal as tasks, shown or executed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agentic::core::{Budgeted, Cancellation, Goal, Plan, Planner, Spend};
use agentic::plan::{Mermaid, StaticPlanner, Tree};
use agentic::runtime::RunReport;
use agentic::{Agent, AgentError, ChatModel, Ephemeral, Outcome, RunContext};
use async_trait::async_trait;

use crate::args::{self, Output};
use crate::care::CareRecipe;
use crate::command::run::{self, Start};
use crate::config::Settings;
use crate::exit::{self, Failure};
use crate::plans::{self, PlanRecipe};
use crate::render::{self, Live};
use crate::{agents, exhausted, interrupt, recipe};

pub(crate) async fn plan(args: args::Plan, interrupt: &Cancellation) -> Result<u8, Failure> {
    let output = args.output;
    match start(args, interrupt).await {
        Err(failure) if output == Output::Json => {
            render::failed_before_the_run(&failure);
            Err(failure)
        }
        ended => ended,
    }
}

async fn start(args: args::Plan, interrupt: &Cancellation) -> Result<u8, Failure> {
    let written = args.file.as_deref().map(plans::read).transpose()?;
    written.as_ref().map_or(Ok(()), plans::check)?;
    let mut goal = written.as_ref().map(|plan| plan.goal().clone()).unwrap_or_default();
    match args.goal {
        // Of the file's goal the words alone are others.
        Some(ref text) => goal.text.clone_from(text),
        None if written.is_none() => {
            let what = "there is no goal; say what is to be achieved, or name a file with a plan by --file";
            return Err(Failure::usage(what));
        }
        None => {}
    }
    if written.is_none() && is_file_of_plan(&goal.text) {
        let name = goal.text;
        return Err(Failure::usage(format!(
            "the goal `{name}` is a file; take the plan from it with --file {name}"
        )));
    }
    if goal.text.trim().is_empty() {
        return Err(Failure::usage("the goal is empty; say what is to be achieved"));
    }
    if args.max_tasks.is_some() && written.is_some() && !args.plans_again() {
        return Err(Failure::usage(
            "--max-tasks is for plans that the model makes; with --file it makes one only if --execute plans again after a failure",
        ));
    }
    if args.execute {
        let plan = Some(PlanRecipe::new(written, &args));
        let start = Start {
            agent: args.agent,
            goal,
            when_exhausted: args.exhaustion.when_exhausted,
            care: args.care,
            ephemeral: args.ephemeral,
            plan,
        };
        return run::start(start, args.output, interrupt).await;
    }
    if !CareRecipe::of(&args.care)?.0.is_none() {
        return Err(Failure::usage(
            "--criteria, --reflect and --refine are for a plan that is executed; add --execute",
        ));
    }
    if args.mermaid && args.output == Output::Json {
        return Err(Failure::usage("a Mermaid flowchart is text; leave out --mermaid or --output json"));
    }
    let plan = match written {
        // As it would be executed.
        Some(plan) => StaticPlanner::of(plan).planned(&goal).map_err(Failure::usage)?,
        None => {
            let recipe = PlanRecipe::new(None, &args);
            let settings = Settings::of(args.agent)?;
            let tools = agents::tools(&settings)?;
            let address = recipe::whole(&settings.model);
            let model = interrupt::unless_raised(interrupt, crate::models::open(&address)).await;
            let model = model.map_err(|failure| failure.of("--model"))?;
            let asked = args.exhaustion.when_exhausted.unwrap_or_else(|| settings.when_exhausted.clone());
            let (when, _) = interrupt::unless_raised(interrupt, exhausted::open(&asked, &settings)).await?;
            let planner = Budgeted::new(Plans(recipe.planner(&model, &tools)), when);
            match made(&planner, &model, goal, &settings, interrupt).await? {
                Ok(plan) => plan,
                Err(report) => {
                    if args.output == Output::Json {
                        render::failed(&report);
                    }
                    return Ok(exit::code(&report));
                }
            }
        }
    };
    match args.output {
        Output::Json => render::json_line(&serde_json::to_value(&plan).map_err(Failure::failed)?),
        Output::Text if args.mermaid => render::result(Mermaid(&plan).to_string().trim_end()),
        Output::Text => render::result(&Tree(&plan).to_string()),
    }
    Ok(exit::OK)
}

/// Whether somebody has named a file where the goal is expected.
fn is_file_of_plan(goal: &str) -> bool {
    let path = Path::new(goal);
    let ends = path.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|known| end == *known));
    ends && path.is_file()
}

/// The plan of a model, or how the run ended that made none.
async fn made(
    planner: &Budgeted<Plans>,
    model: &Arc<dyn ChatModel>,
    goal: Goal,
    settings: &Settings,
    interrupt: &Cancellation,
) -> Result<Result<Plan, Box<RunReport>>, Failure> {
    agents::has_a_price(settings.budget_usd.is_some(), &**model)?;
    let live = Arc::new(Live::new(None).quiet());
    let budget = agents::budget(settings, &Spend::default(), Duration::ZERO);
    let run = agents::approvals(Ephemeral::new().budget(budget), settings.yes);
    let report = run.cancellation(interrupt.clone()).events(live.clone()).run(planner, goal).await;
    let Ok(outcome) = &report.result else {
        live.finish(&report);
        return Ok(Err(Box::new(report)));
    };
    live.stop();
    serde_json::from_value(outcome.output.clone()).map(Ok).map_err(Failure::failed)
}

/// A planner as an agent, whose outcome is the plan.
#[derive(Clone, Debug)]
struct Plans(Arc<dyn Planner>);

#[async_trait]
impl Agent for Plans {
    fn name(&self) -> &str {
        "planner"
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let plan = self.0.plan(&goal, "", cx).await?;
        let plan =
            serde_json::to_value(&plan).map_err(|error| AgentError::invalid_input(error.to_string()))?;
        Ok(Outcome::new(plan, Spend::default()))
    }
}
