//! agentic-llm
