//! Tools, what runs them, and the agents that call them.

pub mod react;

mod agent;
mod executor;
mod history;
mod into_tool;
mod loop_guard;
mod registry;
mod render;

pub use agent::{AgentBuilder, BuildError, FunctionCallingAgent, ReActAgent};
pub use executor::{ActionExecutor, ExecutorOptions};
pub use history::{Action, ActionHistory, ActionResult};
pub use into_tool::IntoTool;
pub use loop_guard::{LoopGuard, LoopGuardOptions, LoopVerdict};
pub use registry::{Callable, RegistryError, ToolRegistry};
