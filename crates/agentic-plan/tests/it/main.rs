//! Plans are made, executed, mended and verified.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod durable;
mod executor;
mod failures;
mod files;
mod planners;
mod schedule;
mod verifying;
mod worker;
