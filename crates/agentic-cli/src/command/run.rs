//! `agentic run`: one goal, one answer.

use std::io::Read as _;
use std::time::Duration;

use agentic::core::{Budgeted, Cancellation, Goal, Spend};
use agentic::{Ephemeral, RunOptions};

use crate::args::{AgentArgs, Care, Output, Run};
use crate::care::{self, CareRecipe, Has};
use crate::config::Settings;
use crate::exhausted::Exhausted;
use crate::exit::{self, Failure};
use crate::plans::PlanRecipe;
use crate::render::{self, Shown};
use crate::{agents, durable, exhausted, interrupt, journals};

pub(crate) async fn run(args: Run, interrupt: &Cancellation) -> Result<u8, Failure> {
    let output = args.output;
    match begin(args, interrupt).await {
        Err(failure) if output == Output::Json => {
            render::failed_before_the_run(&failure);
            Err(failure)
        }
        ended => ended,
    }
}

async fn begin(args: Run, interrupt: &Cancellation) -> Result<u8, Failure> {
    let goal = match args.goal.as_str() {
        "-" => interrupt::unless_raised(interrupt, piped()).await?,
        _ => args.goal,
    };
    if goal.trim().is_empty() {
        return Err(Failure::usage("the goal is empty; say what is to be achieved"));
    }
    let (goal, plan) = (Goal::new(goal), None);
    let Run { agent, exhaustion, care, ephemeral, output, .. } = args;
    let when_exhausted = exhaustion.when_exhausted;
    start(Start { agent, goal, when_exhausted, care, ephemeral, plan }, output, interrupt).await
}

/// A run that is to be started.
pub(crate) struct Start {
    pub(crate) agent: AgentArgs,
    pub(crate) goal: Goal,
    pub(crate) when_exhausted: Option<Exhausted>,
    pub(crate) care: Care,
    pub(crate) ephemeral: bool,
    /// How its goal is planned, if it is.
    pub(crate) plan: Option<PlanRecipe>,
}

/// Starts it and follows it to its end.
pub(crate) async fn start(start: Start, output: Output, interrupt: &Cancellation) -> Result<u8, Failure> {
    let settings = Settings::of(start.agent)?;
    let (care, criteria) = CareRecipe::of(&start.care)?;
    let mut goal = start.goal;
    goal.criteria.extend(criteria);
    let tools = agents::tools(&settings)?;
    let has = Has { tools: &tools, rules: &settings.rules, remembers: settings.memory.is_some() };
    care::check("", &goal.criteria, Some(has))?;
    if let Some(plan) = &start.plan {
        plan.check(has)?;
    }
    let asked = start.when_exhausted.unwrap_or_else(|| settings.when_exhausted.clone());
    let opened = agents::open(&settings, tools, start.plan, care);
    let (agent, mut recipe) = interrupt::unless_raised(interrupt, opened).await?;
    let (when, kept) = interrupt::unless_raised(interrupt, exhausted::open(&asked, &settings)).await?;
    let agent = Budgeted::new(agent, when);
    let unaided = Some(if settings.memory.is_some() { REMEMBERED } else { MADE_UP });
    recipe.when_exhausted = kept;
    let budget = agents::budget(&settings, &Spend::default(), Duration::ZERO);
    if start.ephemeral {
        let run = settings.rules.iter().cloned().fold(Ephemeral::new(), Ephemeral::rule);
        let run = agents::approvals(run.budget(budget), settings.yes);
        let shown = Shown::new(output, unaided);
        let report = run.cancellation(interrupt.clone()).events(shown.sink()).run(&agent, goal).await;
        shown.finish(&report);
        return Ok(exit::code(&report));
    }
    let store = journals::open().await.map_err(|failure| failure.and(OR_EPHEMERAL))?;
    let (runtime, shown) = durable::shown(agents::waiting_approvals(store, settings.yes), output, unaided);
    let options = RunOptions::default().with_budget(budget).with_config(recipe.to_config()?);
    let options = settings.rules.into_iter().fold(options, RunOptions::with_rule);
    let run = runtime.start_with(agent, goal, options).await;
    let run = run.map_err(|error| durable::failed(error).and(OR_EPHEMERAL))?;
    durable::follow(&runtime, &run, &shown, interrupt).await
}

/// What is said of an answer that was given without any tool.
const MADE_UP: &str = "no tool was used: nothing in this answer was looked up";
const REMEMBERED: &str = "nothing in this answer was looked up outside of the memory";

const OR_EPHEMERAL: &str = "or run with --ephemeral, which keeps nothing";

/// The goal from standard input. Safe to drop: a thread of its own waits for it.
async fn piped() -> Result<String, Failure> {
    let read = tokio::task::spawn_blocking(|| {
        let mut goal = Vec::new();
        std::io::stdin().lock().read_to_end(&mut goal).map(|_| goal)
    });
    let read = read.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    let goal =
        read.map_err(|error| Failure::usage(format!("can't read the goal from standard input: {error}")))?;
    Ok(String::from_utf8_lossy(&goal).into_owned())
}
