#![doc = include_str!("../README.md")]

mod again;
mod consistency;
mod critic;
mod equal_compute;
mod lessons;
mod llm_reflector;
mod refinement;
mod self_correction;
mod share;
mod signal;
mod spend;

// What looks back.
pub use critic::CriticAgent;
pub use llm_reflector::LlmReflector;
pub use signal::{SchemaReflector, ToolReflector};

// Agents around agents, which do it again and better.
pub use refinement::{Iteration, IterativeRefinementAgent, Refined, Stopped};
pub use self_correction::{Corrected, SelfCorrectionAgent, Try};

// What is learned beyond one run.
pub use lessons::Lessons;

// Whether it was worth it.
pub use consistency::SelfConsistencyAgent;
pub use equal_compute::{Compared, Comparison, EqualCompute, Wraps};
pub use share::Share;
