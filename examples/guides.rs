//! The guides' programs, compiled and, where they need no model, run as documentation tests.
//!
#![doc = include_str!("../docs/guides/first-agent.md")]
#![doc = include_str!("../docs/guides/durability.md")]
#![doc = include_str!("../docs/guides/guardrails.md")]
#![doc = include_str!("../docs/guides/observability.md")]
#![doc = include_str!("../docs/guides/budgets.md")]
#![doc = include_str!("../docs/guides/memory.md")]
#![doc = include_str!("../docs/guides/planning.md")]
#![doc = include_str!("../docs/guides/reflection.md")]
#![doc = include_str!("../docs/guides/running-code.md")]
