//! The types that journals, events and other programs read: their written form, and what they refuse.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod formats;
mod history;
mod plans;
