//! The ReAct text protocol (Yao et al. 2022, "ReAct: Synergizing Reasoning and Acting in Language Models"): thoughts,
//! actions and observations as labelled text, for models without a native tool interface.
//!
//! - [`parser`]: reads one reply of a model: a step to take, or an error that says what to write instead.
//! - [`stream`]: the same reply piece by piece, so that thoughts can be shown while they are written.
//! - [`transcript`]: splits a whole recorded run into its steps.

pub mod parser;
pub mod stream;
pub mod transcript;

#[cfg(test)]
mod fixture_tests;

pub use parser::{Action, ActionInput, Cut, ReactError, ReactParser, ReactStep, Reply, parse};
pub use stream::{ReactStream, StreamEvent};
pub use transcript::{Transcript, TranscriptStep, split_transcript};
