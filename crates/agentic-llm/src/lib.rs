//! agentic-llm

pub mod toolcall;
