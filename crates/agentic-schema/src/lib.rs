//! agentic-schema
pub mod lenient;
mod validate;

pub use validate::{Draft, Invalid, Schema, SchemaError, SchemaOptions, Violation};
