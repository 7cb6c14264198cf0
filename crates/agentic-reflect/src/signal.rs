//! Reflections without a model: what something outside says.

use std::fmt;
use std::sync::Arc;

use agentic_core::{
    AgentError, Goal, Reflection, Reflector, RunContext, StepError, Tool, ToolErrorKind, ToolSpec,
    async_trait, passes, value_text,
};
use agentic_schema::{Schema, SchemaError, check_arguments, lenient};
use serde_json::Value;

type Arguments = dyn Fn(&Goal, &str) -> Value + Send + Sync;

/// Calls a tool on what was done, and takes what it says: tests, a compiler, any command with an exit code.
///
/// It is good if the tool gives what it [has to](Self::gives); unless that is said, anything without an `exit_code` other than 0.
/// Then there is no retry; else, and where the tool [found](ToolErrorKind::is_finding) that it is not or took too long, there is, and what
/// to do better is what the tool says: its `stdout` and `stderr` where it has some, else all it gives, cut to its last
/// 2,000 bytes, for errors end with what matters.
///
/// Where the tool's policy wants [approval](agentic_core::ToolPolicy::approval), it is asked for as when an agent calls it. A call that
/// is not allowed, or whose arguments are none of the tool, is an error: nobody has reflected.
#[derive(Clone)]
pub struct ToolReflector {
    tool: Arc<dyn Tool>,
    arguments: Arc<Arguments>,
    /// Null for anything that is well.
    gives: Value,
}

impl fmt::Debug for ToolReflector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolReflector").field("tool", &self.tool).finish_non_exhaustive()
    }
}

impl ToolReflector {
    /// This tool, called with the arguments that this makes of a goal and of what was done.
    pub fn new(
        tool: Arc<dyn Tool>,
        arguments: impl Fn(&Goal, &str) -> Value + Send + Sync + 'static,
    ) -> Self {
        Self { tool, arguments: Arc::new(arguments), gives: Value::Null }
    }

    /// It is good only if the tool gives this: of an object the fields that are named here, of anything else all; null is nothing in
    /// particular. An `exit_code` other than 0 is none that is good, unless it is named. Tests that run
    /// in the same process as the code they test can be ended by it with code 0; a mark that they print last can't be missing then:
    /// `{"stdout": "passed\n"}`.
    #[must_use]
    pub fn gives(mut self, value: impl Into<Value>) -> Self {
        self.gives = value.into();
        self
    }
}

#[async_trait]
impl Reflector for ToolReflector {
    async fn reflect(
        &self,
        goal: &Goal,
        action: &str,
        _: &str,
        cx: &RunContext,
    ) -> Result<Reflection, AgentError> {
        let spec = self.tool.spec();
        let ToolSpec { name, policy, .. } = &**spec;
        let arguments = (self.arguments)(goal, action);
        check_arguments(spec, &arguments).map_err(StepError::from)?;
        let mut call = cx.admit(name, arguments).await?;
        if let Some(edited) = call.allowed(policy).await? {
            call = cx.admit(name, edited).await?;
        }
        // A guardrail or a person may have given others.
        check_arguments(spec, call.arguments()).map_err(StepError::from)?;
        match call.make(&self.tool).await {
            Ok(given) => {
                let problem =
                    (!passes(&given, &self.gives)).then(|| format!("`{name}` says: {}", said(&given)));
                Ok(found(action, said(&given), problem))
            }
            // It was asked, and this is its answer; tests that never end are one too.
            Err(StepError::Tool(error))
                if error.kind().is_finding() || error.kind() == ToolErrorKind::TimedOut =>
            {
                Ok(found(action, error.to_string(), Some(format!("`{name}` failed: {error}"))))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What a tool says, in words.
fn said(given: &Value) -> String {
    const MOST: usize = 2_000;
    let streams =
        ["stdout", "stderr"].map(|name| given.get(name).and_then(Value::as_str).unwrap_or_default());
    let text = match streams.iter().any(|stream| !stream.trim().is_empty()) {
        true => streams.concat(),
        false => value_text(given).into_owned(),
    };
    let text = text.trim();
    match text.len() > MOST {
        true => format!("…{}", &text[text.ceil_char_boundary(text.len() - MOST)..]),
        false => text.to_owned(),
    }
}

/// Checks what was done against a JSON Schema, and takes what is wrong with it.
///
/// What was done may be JSON in any form that models write: in a code fence, with prose around it.
#[derive(Clone, Debug)]
pub struct SchemaReflector {
    schema: Arc<Schema>,
}

impl SchemaReflector {
    /// This schema.
    ///
    /// # Errors
    /// [`SchemaError`] if it is none.
    pub fn new(schema: &Value) -> Result<Self, SchemaError> {
        Ok(Self { schema: Arc::new(Schema::compile(schema)?) })
    }
}

#[async_trait]
impl Reflector for SchemaReflector {
    async fn reflect(
        &self,
        _: &Goal,
        action: &str,
        result: &str,
        _: &RunContext,
    ) -> Result<Reflection, AgentError> {
        let problem = match lenient::parse(action) {
            Ok(value) => self.schema.validate(&value).err().map(|invalid| invalid.to_string()),
            Err(error) => Some(error.to_string()),
        };
        Ok(found(action, result.to_owned(), problem.map(|problem| format!("it is not valid: {problem}"))))
    }
}

/// What is found from outside: nothing, or this problem.
fn found(action: &str, result: String, problem: Option<String>) -> Reflection {
    let good = problem.is_none();
    Reflection {
        action: action.to_owned(),
        result,
        assessment: problem.clone().unwrap_or_else(|| "it is good".to_owned()),
        made_progress: good,
        should_retry: !good,
        improvement: problem,
    }
}
