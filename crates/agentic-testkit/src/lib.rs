#![doc = include_str!("../README.md")]
// A test kit's job is to panic when something is wrong.
#![allow(clippy::panic, clippy::expect_used)]

pub mod conformance;
pub mod durability;
#[cfg(feature = "qdrant-server")]
pub mod qdrant_server;

mod fixtures;
mod log;
mod rule_model;
mod scripted;
mod sources;

pub use fixtures::{fixture, json_lines};
pub use log::EventLog;
#[cfg(feature = "qdrant-server")]
pub use qdrant_server::QdrantServer;
pub use rule_model::{RuleModel, Says};
pub use scripted::ScriptedModel;
pub use sources::FakeSources;
