//! Project automation: `cargo xtask`, in Rust in place of shell scripts.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a program for people prints

mod accept;
mod amount;
mod ci;
mod demo;
mod features;
mod flags;
mod integration;
mod invoices;
mod metadata;
mod notices;
mod outside;
mod process;
mod setup;
mod stopwatch;
mod test;
mod tidy;
mod toolchain;
mod workspace;

use std::process::ExitCode;

use crate::flags::Command;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    match flags::parse(std::env::args_os())? {
        Command::Help => print!("{}", flags::HELP),
        Command::Setup => setup::install_missing()?,
        Command::Demo => return demo::demo(),
        Command::Run { args } => return demo::run(&args),
        Command::Test(options) => test::run(&options)?,
        Command::Ci(options) => ci::run(&options)?,
        Command::Features => features::check()?,
        Command::Tidy => tidy::run()?,
        Command::Notices => notices::write()?,
        Command::IntegrationMemory { kinds } => integration::memory(&kinds)?,
        Command::Accept(row) => accept::run(&row)?,
    }
    Ok(ExitCode::SUCCESS)
}
