//! Plans are made, executed, mended and verified.

mod durable;
mod executor;
mod failures;
mod files;
mod planners;
mod schedule;
mod verifying;
mod worker;
