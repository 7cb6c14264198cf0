//! The agents that call tools in turns: one model call, its tool calls, again.

mod builder;
mod function_calling;
mod opening;
mod react;
mod work;

pub use builder::{AgentBuilder, BuildError, Buildable};
pub use function_calling::FunctionCallingAgent;
pub use react::ReActAgent;
