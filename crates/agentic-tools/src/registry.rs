//! The tools that an agent may call, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use agentic_core::{Agent, ScopedTool, Tool, ToolSet, ToolSpec};
use agentic_schema::{Schema, SchemaError};
use serde_json::json;
use thiserror::Error;

/// The tools that an agent may call, by name: immutable, checked when it is made.
#[derive(Debug, Default)]
pub struct ToolRegistry {
    entries: BTreeMap<String, Entry>,
    set: ToolSet,
}

/// One tool and its compiled schema.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) callable: Callable,
    pub(crate) spec: Arc<ToolSpec>,
    pub(crate) schema: Schema,
}

/// What a model can call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Callable {
    /// A tool: one effect.
    Tool(Arc<dyn Tool>),
    /// A tool that is made of steps: a scope with effects of its own.
    Scoped(Arc<dyn ScopedTool>),
    /// Another agent: a scope with effects of its own.
    Agent {
        /// The agent.
        agent: Arc<dyn Agent>,
        /// When to call it, for the model.
        description: String,
    },
}

/// Why tools can't be registered together.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Two have the same name.
    #[error("two tools are called `{0}`; rename one of them")]
    Duplicate(String),
    /// A name that models don't take.
    #[error("`{0}` is no name for a tool: 1 to 64 letters, digits, `_` and `-`")]
    Name(String),
    /// The arguments' schema is not one.
    #[error("parameters of tool `{tool}`: {error}")]
    Schema {
        /// The tool.
        tool: String,
        /// What is wrong with it.
        error: SchemaError,
    },
}

impl ToolRegistry {
    /// A registry of these, in this order.
    ///
    /// # Errors
    /// [`RegistryError`] for names that are taken or not allowed and for invalid schemas.
    pub fn new(callables: impl IntoIterator<Item = Callable>) -> Result<Self, RegistryError> {
        let mut entries = BTreeMap::new();
        let mut specs = Vec::new();
        for callable in callables {
            let spec = callable.spec();
            let name = spec.name.clone();
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if !(1..=64).contains(&name.len()) || !name.chars().all(allowed) {
                return Err(RegistryError::Name(name));
            }
            let schema = Schema::compile(&spec.parameters)
                .map_err(|error| RegistryError::Schema { tool: name.clone(), error })?;
            specs.push(spec.clone());
            if entries.insert(name.clone(), Entry { callable, spec, schema }).is_some() {
                return Err(RegistryError::Duplicate(name));
            }
        }
        Ok(Self { entries, set: ToolSet::new(specs) })
    }

    /// The specifications, as a model request takes them.
    pub fn tool_set(&self) -> &ToolSet {
        &self.set
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// What is registered under this name.
    pub fn get(&self, name: &str) -> Option<&Callable> {
        self.entries.get(name).map(|entry| &entry.callable)
    }

    /// Whether one of the tools wants what the model says it has read to be checked.
    pub(crate) fn checks_quotes(&self) -> bool {
        self.entries.values().any(|entry| entry.spec.policy.quotes)
    }

    /// The entry for a name as a model wrote it: exact, or else the only one that differs in case and separators.
    pub(crate) fn find(&self, name: &str) -> Option<&Entry> {
        let same = |known: &str| loose(known).eq(loose(name));
        self.entries.get(name).or_else(|| {
            let mut alike = self.entries.iter().filter(|(known, _)| same(known));
            alike.next().filter(|_| alike.next().is_none()).map(|(_, entry)| entry)
        })
    }
}

/// A name without what models get wrong about it.
fn loose(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase())
}

impl Callable {
    fn spec(&self) -> Arc<ToolSpec> {
        match self {
            Self::Tool(tool) => tool.spec().clone(),
            Self::Scoped(tool) => tool.spec().clone(),
            Self::Agent { agent, description } => {
                let parameters = json!({
                    "type": "object",
                    "properties": {"goal": {"type": "string", "description": "What it is to achieve, with all it needs to know."}},
                    "required": ["goal"],
                    "additionalProperties": false,
                });
                Arc::new(ToolSpec::new(agent.name(), description, parameters))
            }
        }
    }
}
