//! agentic-schema
pub mod dialect;
pub mod lenient;
pub mod partial;
mod repair;
mod validate;

pub use repair::{Change, ChangeKind, Repaired, repair};
pub use validate::{Draft, Invalid, Schema, SchemaError, SchemaOptions, Violation};
