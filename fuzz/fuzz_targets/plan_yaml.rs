//! Plans and criteria that people write: never a panic, errors on one line, a plan that is read is one.
#![no_main]

use agentic_core::{Criterion, PlanError};
use agentic_plan::{PlanFileError, read_criteria, read_plan};
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/agentic-plan/tests/it/lawful.rs"]
mod lawful;

fuzz_target!(|text: &str| {
    match read_plan(text) {
        Ok(plan) => {
            assert_eq!(plan.version(), 1);
            lawful::check(&plan, &mut lawful::Dice::of(text));
        }
        Err(PlanFileError::Plan(PlanError::Status { .. } | PlanError::NoTask { .. })) => {
            panic!("nothing is worked on in a file")
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
    match read_criteria(text) {
        Ok(criteria) => {
            let written = serde_json::to_string(&criteria).expect("criteria are written");
            let again: Vec<Criterion> = serde_json::from_str(&written).expect("what was written is read");
            assert_eq!(again, criteria);
            assert_eq!(read_criteria(&written).expect("JSON is YAML"), criteria);
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
});
