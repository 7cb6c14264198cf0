//! The program as a user runs it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod bad_input;
mod bad_runs;
mod budgets;
mod care;
mod commands;
mod copies;
mod durable;
mod journals;
mod memory;
mod plans;
mod rules;
mod runs;
mod support;
