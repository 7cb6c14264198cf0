//! The agents that call tools: in turns, one model call, its tool calls, again; or one tool without a model.

mod builder;
mod function_calling;
mod opening;
mod react;
mod tool;
mod work;

pub use builder::{AgentBuilder, BuildError, Buildable};
pub use function_calling::FunctionCallingAgent;
pub use react::ReActAgent;
pub use tool::ToolAgent;
