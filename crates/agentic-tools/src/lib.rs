#![doc = include_str!("../README.md")]

#[allow(unused_extern_crates, reason = "the code that `#[tool]` writes names this crate, here as everywhere")]
extern crate self as agentic_tools;

#[cfg(feature = "builtin")]
pub mod builtin;
#[cfg(feature = "macros")]
mod function;
mod into_tool;
#[cfg(any(feature = "builtin", feature = "macros"))]
mod schema;

pub use into_tool::IntoTool;

/// Makes a tool of an async function.
#[cfg(feature = "macros")]
pub use agentic_macros::tool;
/// Schemas from types: what the arguments' types of a tool derive `JsonSchema` with.
#[cfg(feature = "macros")]
pub use schemars;

/// What the code that `#[tool]` writes needs; not for use by hand, and outside the promise of stability.
#[cfg(feature = "macros")]
#[doc(hidden)]
pub mod __private {
    pub use crate::function::{
        ArgumentValues, ArgumentsSchema, FnTool, ViaDisplay, ViaInto, give, give_checked,
    };
    pub use agentic_core::{EffectClass, Tool, ToolPolicy, ToolSpec};
    pub use std::sync::Arc;
}
