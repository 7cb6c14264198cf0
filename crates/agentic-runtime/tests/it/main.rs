//! How the ephemeral driver keeps the contract of `agentic_core::Driver`, and how stores keep that of `JournalStore`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod budget;
mod cancel;
mod delivery;
mod durable;
mod exhausted;
mod guardrails;
mod rules;
mod stores;
mod support;
#[cfg(feature = "tracing")]
mod telemetry;
