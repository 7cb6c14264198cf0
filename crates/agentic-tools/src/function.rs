//! Tools made of functions: what the code that `#[tool]` writes stands on.

mod arguments;
mod error;

pub use arguments::{ArgumentValues, ArgumentsSchema};
pub use error::{ViaDisplay, ViaInto};

use std::fmt;
use std::sync::Arc;

use agentic_core::{EffectClass, EffectContext, Tool, ToolError, ToolSpec, async_trait};
use serde::Serialize;
use serde_json::Value;

type Future<T> = std::pin::Pin<Box<dyn std::future::Future<Output = Result<T, ToolError>> + Send>>;
type Call<T> = Box<dyn Fn(Value, EffectContext) -> Future<T> + Send + Sync>;

/// A tool that is a function.
pub struct FnTool {
    spec: Arc<ToolSpec>,
    effect: EffectClass,
    call: Call<Value>,
    check: Option<Call<Option<Value>>>,
}

impl FnTool {
    /// A tool that calls this function.
    pub fn new(
        spec: ToolSpec,
        effect: EffectClass,
        call: impl Fn(Value, EffectContext) -> Future<Value> + Send + Sync + 'static,
    ) -> Self {
        Self { spec: Arc::new(spec), effect, call: Box::new(call), check: None }
    }

    /// The same tool with a function that finds out what became of an earlier call.
    pub fn with_check(
        mut self,
        check: impl Fn(Value, EffectContext) -> Future<Option<Value>> + Send + Sync + 'static,
    ) -> Self {
        self.check = Some(Box::new(check));
        self
    }

    /// The tool as every tool is passed on.
    pub fn into_tool(self) -> Arc<dyn Tool> {
        Arc::new(self)
    }
}

impl fmt::Debug for FnTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnTool").field("name", &self.spec.name).field("effect", &self.effect).finish()
    }
}

#[async_trait]
impl Tool for FnTool {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.spec
    }

    fn effect(&self, _: &Value) -> EffectClass {
        self.effect
    }

    async fn call(&self, arguments: Value, ecx: EffectContext) -> Result<Value, ToolError> {
        (self.call)(arguments, ecx).await
    }

    async fn check(&self, arguments: &Value, ecx: EffectContext) -> Result<Option<Value>, ToolError> {
        match &self.check {
            Some(check) => check(arguments.clone(), ecx).await,
            None => Ok(None),
        }
    }
}

/// A function's value as the tool's result.
///
/// # Errors
/// If it has no JSON form.
pub fn give<T: Serialize>(value: T) -> Result<Value, ToolError> {
    serde_json::to_value(value).map_err(|error| {
        ToolError::failed(format!("the tool's result has no JSON form: {error}")).with_source(error)
    })
}

/// A checking function's value as the tool's earlier result.
///
/// # Errors
/// If it has no JSON form.
pub fn give_checked<T: Serialize>(value: Option<T>) -> Result<Option<Value>, ToolError> {
    value.map(give).transpose()
}
