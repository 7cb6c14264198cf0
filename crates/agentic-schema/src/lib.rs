//! agentic-schema
pub mod lenient;
