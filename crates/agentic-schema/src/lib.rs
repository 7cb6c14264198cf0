//! agentic-schema
