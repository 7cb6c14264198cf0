#![doc = include_str!("../README.md")]

mod executor;
#[cfg(feature = "yaml")]
mod file;
mod hierarchical_planner;
mod llm_planner;
mod render;
mod search_planner;
mod static_planner;
mod streaming_planner;
mod verify;

// Where plans come from.
#[cfg(feature = "yaml")]
pub use file::{PlanFileError, read_criteria, read_plan};
pub use hierarchical_planner::HierarchicalPlanner;
pub use llm_planner::LlmPlanner;
pub use search_planner::{
    Ended, Evaluator, Found, LlmThoughts, Proposer, SearchError, SearchPlanner, SearchState, Thought, Worth,
};
pub use static_planner::StaticPlanner;
pub use streaming_planner::StreamingPlanner;

// What makes them happen.
pub use executor::{Executed, OnFailure, PlanExecutor};

// What says that a goal is met.
pub use verify::{OUTPUT, Verifier, VerifyingAgent, is_unknown};

// How people see them.
pub use render::{Mermaid, Tree, mark};
