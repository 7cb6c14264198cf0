//! agentic-tools
