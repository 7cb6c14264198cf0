//! Plans as they are kept, with tasks anywhere in their lives: never a panic, a plan that is read is one and comes to its end.
#![no_main]

use agentic_core::Plan;
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/agentic-plan/tests/it/lawful.rs"]
mod lawful;

fuzz_target!(|text: &str| {
    if let Ok(plan) = serde_json::from_str::<Plan>(text) {
        lawful::check(&plan, &mut lawful::Dice::of(text));
    }
});
