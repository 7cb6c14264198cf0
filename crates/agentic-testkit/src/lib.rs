//! agentic-testkit
