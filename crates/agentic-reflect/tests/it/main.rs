//! Agents look back and do it better.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod actors;
mod correcting;
mod critiques;
mod durable;
mod equal_compute;
mod lessons;
mod refining;
mod reflexion;
mod signals;
