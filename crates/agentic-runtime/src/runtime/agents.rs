//! Finding the agent of a run again.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, PoisonError, RwLock};

use agentic_core::{Agent, RunId, async_trait};
use serde_json::Value;
use thiserror::Error;

use super::error::{RuntimeError, RuntimeErrorKind};

/// Makes agents by their names, for runs that this process did not start.
#[async_trait]
pub trait AgentSource: Debug + Send + Sync + 'static {
    /// The agent with this name, made with the configuration that the run was started with.
    ///
    /// # Errors
    /// [`NoAgent`], which says why there is none.
    async fn agent(&self, name: &str, config: &Value) -> Result<Arc<dyn Agent>, NoAgent>;
}

/// Why an agent can't be made: one line, with what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct NoAgent(pub String);

/// The agents that a runtime knows.
#[derive(Debug)]
pub(super) struct Agents {
    known: RwLock<HashMap<String, Arc<dyn Agent>>>,
    source: Option<Arc<dyn AgentSource>>,
}

impl Agents {
    pub(super) fn new(source: Option<Arc<dyn AgentSource>>) -> Self {
        Self { known: RwLock::default(), source }
    }

    pub(super) fn register(&self, agent: Arc<dyn Agent>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(agent.name().to_owned(), agent);
    }

    /// The agent of a run.
    pub(super) async fn find(
        &self,
        run: RunId,
        name: &str,
        config: &Value,
    ) -> Result<Arc<dyn Agent>, RuntimeError> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(agent) = known {
            return Ok(agent);
        }
        let unknown = |message| RuntimeError::new(RuntimeErrorKind::UnknownAgent, message);
        match &self.source {
            Some(source) => source
                .agent(name, config)
                .await
                .map_err(|error| unknown(format!("the agent `{name}` of run {run} can't be made: {error}"))),
            None => {
                let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
                let mut names: Vec<_> = known.keys().map(String::as_str).collect();
                names.sort_unstable();
                let names = if names.is_empty() { "none".into() } else { names.join(", ") };
                Err(unknown(format!(
                    "run {run} was begun by the agent `{name}`, which is not registered (known: {names}); register it first"
                )))
            }
        }
    }
}
