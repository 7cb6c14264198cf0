//! `agentic completions`.

use clap::CommandFactory as _;

use crate::args::Args;
use crate::exit::{self, Failure};

pub(crate) fn completions(shell: clap_complete::Shell) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "agentic", &mut script);
    crate::render::raw(&script);
    Ok(exit::OK)
}
