#![doc = include_str!("../README.md")]

mod arguments;
pub mod dialect;
mod extract;
mod from_type;
pub mod lenient;
pub mod partial;
mod repair;
mod validate;

pub use arguments::check_arguments;
pub use extract::{ExtractError, ExtractOptions, Extracted, extract, extract_value, extract_with};
pub use from_type::{schema_for, strict_schema};
pub use repair::{Change, ChangeKind, Repaired, repair};
pub use validate::{Draft, Invalid, Schema, SchemaError, SchemaOptions, Violation};
