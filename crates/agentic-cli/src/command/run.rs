//! `agentic run`: one goal, one answer.

use std::sync::Arc;

use agentic::core::{CancelReason, Cancellation, EventSink, Goal, Messages};
use agentic::runtime::RunReport;
use agentic::{Agent, AgentError, Ephemeral, Outcome, RunContext};
use async_trait::async_trait;

use crate::agents::{self, AnyAgent};
use crate::args::{Output, Run};
use crate::config::Settings;
use crate::exit::{self, Failure};
use crate::render::{self, JsonLines, Live};

pub(crate) async fn run(args: Run) -> Result<u8, Failure> {
    let output = args.output;
    match start(args).await {
        Err(failure) if output == Output::Json => {
            render::failed_before_the_run(&failure);
            Err(failure)
        }
        ended => ended,
    }
}

async fn start(args: Run) -> Result<u8, Failure> {
    if args.goal.trim().is_empty() {
        return Err(Failure::usage("the goal is empty; say what is to be achieved"));
    }
    let settings = Settings::of(args.agent)?;
    let agent = agents::open(&settings).await?;
    let goal = Goal::new(args.goal);
    match args.output {
        Output::Json => {
            let report = attend(agents::run(&settings), &Whole(agent), goal, Arc::new(JsonLines)).await;
            Ok(exit::code(&report))
        }
        Output::Text => {
            let live = Arc::new(Live::new());
            let report = attend(agents::run(&settings), &Whole(agent), goal, live.clone()).await;
            live.finish(&report);
            Ok(exit::code(&report))
        }
    }
}

/// Runs an agent; the first Ctrl-C cancels the run cleanly, the second ends the program.
pub(crate) async fn attend(
    run: Ephemeral,
    agent: &dyn Agent,
    goal: Goal,
    events: Arc<dyn EventSink>,
) -> RunReport {
    let cancellation = Cancellation::new();
    let cancel = cancellation.clone();
    let watch = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            cancel.cancel(CancelReason::Requested);
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(i32::from(exit::CANCELLED));
            }
        }
    });
    let report = run.events(events).cancellation(cancellation).run(agent, goal).await;
    watch.abort();
    report
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
