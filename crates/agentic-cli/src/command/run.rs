//! `agentic run`: one goal, one answer.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use agentic::core::{Cancellation, Goal, Messages, Spend};
use agentic::{Agent, AgentError, Outcome, RunContext};
use async_trait::async_trait;

use crate::agents::{self, AnyAgent};
use crate::args::{Output, Run};
use crate::config::Settings;
use crate::exit::{self, Failure};
use crate::interrupt;
use crate::render::{self, JsonLines, Live};

pub(crate) async fn run(args: Run, interrupt: &Cancellation) -> Result<u8, Failure> {
    let output = args.output;
    match start(args, interrupt).await {
        Err(failure) if output == Output::Json => {
            render::failed_before_the_run(&failure);
            Err(failure)
        }
        ended => ended,
    }
}

async fn start(args: Run, interrupt: &Cancellation) -> Result<u8, Failure> {
    let goal = match args.goal.as_str() {
        "-" => interrupt::unless_raised(interrupt, piped()).await?,
        _ => args.goal,
    };
    if goal.trim().is_empty() {
        return Err(Failure::usage("the goal is empty; say what is to be achieved"));
    }
    let settings = Settings::of(args.agent)?;
    let agent = Whole(interrupt::unless_raised(interrupt, agents::open(&settings)).await?);
    let goal = Goal::new(goal);
    let run = agents::run(&settings, &Spend::default(), Duration::ZERO).cancellation(interrupt.clone());
    match args.output {
        Output::Json => {
            let report = run.events(Arc::new(JsonLines)).run(&agent, goal).await;
            Ok(exit::code(&report))
        }
        Output::Text => {
            let live = Arc::new(Live::new().of_a_task());
            let report = run.events(live.clone()).run(&agent, goal).await;
            live.finish(&report);
            Ok(exit::code(&report))
        }
    }
}

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

/// An agent on a conversation of its own.
#[derive(Debug)]
struct Whole(AnyAgent);

#[async_trait]
impl Agent for Whole {
    fn name(&self) -> &str {
        self.0.name()
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        self.0.reply(&mut Messages::new(), goal, cx).await
    }
}
