//! How the ephemeral driver keeps the contract of `agentic_core::Driver`.

mod budget;
mod cancel;
mod delivery;
mod support;
