//! agentic-llm

pub mod adapter;
pub mod toolcall;
