//! What can be handed to an agent as a tool.

use std::sync::Arc;

use agentic_core::Tool;

/// What can be handed to an agent as a tool: a value that implements [`Tool`], an `Arc` of one, or a function
/// that gives one, which is what `#[tool]` makes of an async function.
///
/// All functions made by `#[tool]` have one type, so `[weather, search]` is a list of tools. Tools of other types
/// are made alike by [`tools!`](crate::tools) or by hand: `[weather(), Arc::new(Calculator::new())]`.
///
/// `Via` only tells the compiler which of the two it is; it is never named.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tool",
    note = "a tool implements `Tool`, or is an async function with `#[tool(effect = \"…\")]`"
)]
pub trait IntoTool<Via> {
    /// The tool.
    fn into_tool(self) -> Arc<dyn Tool>;
}

mod via {
    #[derive(Debug)]
    pub struct Value;
    #[derive(Debug)]
    pub struct Function;
}

impl<T: Tool> IntoTool<via::Value> for T {
    fn into_tool(self) -> Arc<dyn Tool> {
        Arc::new(self)
    }
}

impl<F: FnOnce() -> Arc<dyn Tool>> IntoTool<via::Function> for F {
    fn into_tool(self) -> Arc<dyn Tool> {
        self()
    }
}

/// A list of tools of any kinds: `tools![weather, Calculator::new(), shared]` is an array of `Arc<dyn Tool>`.
#[macro_export]
macro_rules! tools {
    ($($tool:expr),* $(,)?) => {
        [$($crate::IntoTool::into_tool($tool)),*]
    };
}
