#![doc = include_str!("../README.md")]

#[allow(unused_extern_crates, reason = "the code that `#[tool]` writes names this crate, here as everywhere")]
extern crate self as agentic_tools;

#[cfg(feature = "builtin")]
pub mod builtin;
pub mod react;

mod agent;
mod executor;
#[cfg(feature = "macros")]
mod function;
mod guardrail;
mod history;
mod into_tool;
mod loop_guard;
mod quotes;
mod registry;
mod render;
#[cfg(any(feature = "builtin", feature = "macros"))]
mod schema;

// The agents.
pub use agent::{AgentBuilder, BuildError, Buildable, FunctionCallingAgent, ReActAgent, ToolAgent};

// What runs tools.
pub use executor::{ActionExecutor, ExecutorOptions};
pub use history::{Action, ActionHistory, ActionResult};
pub use loop_guard::{LoopGuard, LoopGuardOptions, LoopVerdict};
pub use registry::{Callable, RegistryError, ToolRegistry};

// Guardrails.
pub use guardrail::{AllowTools, ModelJudge};
#[cfg(feature = "guardrails")]
pub use guardrail::{NoSecrets, PatternError, Redact};

// Making tools.
/// Makes a tool of an async function.
#[cfg(feature = "macros")]
pub use agentic_macros::tool;
pub use into_tool::IntoTool;
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
