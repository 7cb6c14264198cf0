//! agentic-llm

pub mod adapter;
