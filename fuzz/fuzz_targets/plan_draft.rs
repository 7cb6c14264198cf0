//! Plans as models write them, within a reply: never a panic, no effect but the one call, a plan that is made is one.
#![no_main]

use std::cell::RefCell;

use agentic_core::{Goal, Planner as _, RunContext};
use agentic_plan::LlmPlanner;
use agentic_runtime::RunContextExt as _;
use agentic_testkit::ScriptedModel;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

#[path = "../../crates/agentic-plan/tests/it/lawful.rs"]
mod lawful;

thread_local! {
    static RUNTIME: RefCell<Runtime> =
        RefCell::new(Builder::new_current_thread().enable_time().build().expect("a runtime"));
}

fuzz_target!(|text: &str| {
    let model = ScriptedModel::new().says(text);
    let planner = LlmPlanner::new(model.clone()).agent("writer", "writes").tool("search", "searches").attempts(1);
    let planned = RUNTIME.with_borrow_mut(|runtime| {
        runtime.block_on(planner.plan(&Goal::new("Pack for Oslo"), "", &RunContext::ephemeral()))
    });
    assert_eq!(model.requests().len(), 1);
    if let Ok(plan) = planned {
        assert!(plan.tasks().iter().all(|task| task.agent.as_deref().is_none_or(|agent| agent == "writer")));
        assert!(plan.tasks().iter().filter_map(|task| task.tools.as_ref()).flatten().all(|tool| tool == "search"));
        lawful::check(&plan, &mut lawful::Dice::of(text));
    }
});
