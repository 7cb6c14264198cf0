//! The command line `agentic`.

mod agents;
mod approve;
mod args;
mod arguments;
mod care;
mod command;
mod config;
mod durable;
mod exhausted;
mod exit;
mod interrupt;
mod journals;
mod memories;
mod models;
mod pick;
mod plans;
mod raises;
mod recipe;
mod render;
mod rules;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command};
use crate::exit::Failure;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return args::refused(error),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::failed(format!("can't start: {error}")).report(),
    };
    let ended = runtime.block_on(dispatch(args));
    // A model that is still loading must not hold up the end.
    runtime.shutdown_background();
    match ended {
        Ok(code) => match render::lost() {
            Some(why) if code == exit::OK => Failure::failed(why).report(),
            _ => ExitCode::from(code),
        },
        Err(failure) => failure.report(),
    }
}

async fn dispatch(args: Args) -> Result<u8, Failure> {
    let interrupt = interrupt::listen();
    match args.command {
        Command::Run(run) => command::run::run(run, &interrupt).await,
        Command::Plan(plan) => command::plan::plan(plan, &interrupt).await,
        Command::Runs(runs) => command::runs::runs(runs.command, &interrupt).await,
        Command::Chat(chat) => command::chat::chat(chat, &interrupt).await,
        Command::Memory(memory) => command::memory::memory(memory.command, &interrupt).await,
        Command::Model(model) => {
            interrupt::unless_raised(&interrupt, command::model::model(model.command)).await
        }
        Command::Tool(tool) => command::tool::tool(tool.command, &interrupt).await,
        Command::Doctor => interrupt::unless_raised(&interrupt, command::doctor::doctor()).await,
        Command::Completions { shell } => command::completions::completions(shell),
    }
}
