#![doc = include_str!("../README.md")]
// A test kit's job is to panic when something is wrong.
#![allow(clippy::panic, clippy::expect_used)]

pub mod conformance;
pub mod durability;

mod fixtures;
mod hashing;
mod log;
mod rule_model;
mod scripted;
mod sources;

pub use fixtures::{fixture, json_lines};
pub use hashing::HashingEmbedder;
pub use log::EventLog;
pub use rule_model::{RuleModel, Says};
pub use scripted::ScriptedModel;
pub use sources::FakeSources;
