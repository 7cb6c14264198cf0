//! `agentic runs`: what became of runs, and going on with them.

mod answer;
mod compare;
mod copies;
mod judged;
mod list;
mod remove;
mod resume;
mod revoke;
mod show;
mod watch;

use agentic::core::Cancellation;
use serde_json::Value;

use self::answer::Scope;
use crate::args::{Output, RunsCommand};
use crate::exit::Failure;
use crate::interrupt::unless_raised as left;
use crate::render;

pub(crate) async fn runs(command: RunsCommand, interrupt: &Cancellation) -> Result<u8, Failure> {
    use RunsCommand as C;
    match command {
        // These end in their own way when they are interrupted.
        C::Resume { run, yes } => resume::resume(&run, yes, interrupt).await,
        C::Fork(fork) => copies::fork(fork, interrupt).await,
        C::List(list) => left(interrupt, list::list(&list)).await,
        C::Show(run) => left(interrupt, show::show(&run)).await,
        C::Watch(run) => left(interrupt, watch::watch(&run)).await,
        C::Cancel(run) => left(interrupt, answer::cancel(&run)).await,
        C::Approve { question, edit, always, always_same } => {
            let scope = Scope::of(always, always_same);
            left(interrupt, answer::approve(&question, edit.as_deref(), scope)).await
        }
        C::Deny { question, reason, always } => {
            left(interrupt, answer::deny(&question, reason, Scope::of(always, false))).await
        }
        C::Revoke { run, tool } => left(interrupt, revoke::revoke(&run, &tool)).await,
        C::Resolve { question, became } => left(interrupt, answer::resolve(&question, became)).await,
        C::Replay { run, printed } => left(interrupt, compare::replay(&run, printed.output)).await,
        C::Diff { left: one, right, printed } => {
            left(interrupt, compare::diff(&one, &right, printed.output)).await
        }
        C::Export { run, file, printed } => {
            left(interrupt, copies::export(&run, &file, printed.output)).await
        }
        C::Import { file, printed } => left(interrupt, copies::import(&file, printed.output)).await,
        C::Rm { runs, ended_before, printed } => {
            left(interrupt, remove::remove(&runs, ended_before, printed.output)).await
        }
    }
}

/// What was done: words for people, or JSON.
fn done(output: Output, words: &str, json: &Value) {
    match output {
        Output::Text => render::result(words),
        Output::Json => render::json_line(json),
    }
}
