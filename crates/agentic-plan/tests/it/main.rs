//! Plans are made, executed, mended and verified.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod durable;
mod executor;
mod failures;
mod false_done;
mod files;
#[path = "../../examples/game24/game.rs"]
mod game;
mod hierarchical;
mod lawful;
mod planners;
mod random;
mod replan;
mod schedule;
mod search;
mod shares;
mod streaming;
mod verifying;
mod worker;
