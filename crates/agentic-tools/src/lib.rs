//! agentic-tools

pub mod react;
