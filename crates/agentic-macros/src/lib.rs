//! agentic-macros
