//! agentic-runtime
