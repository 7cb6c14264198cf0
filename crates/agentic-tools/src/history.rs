//! What was done: the actions of one run, in order.

use std::sync::Arc;

use agentic_core::{Spend, Timestamp, ToolErrorKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One action: a tool call and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Action {
    /// The tool.
    pub tool: String,
    /// The arguments that it was called with; as the model wrote them if they could not be used.
    pub arguments: Value,
    /// What was mended in the arguments, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mended: Vec<String>,
    /// When it was decided.
    pub at: Timestamp,
    /// What came of it.
    pub result: ActionResult,
    /// What the model got to read.
    pub shown: String,
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionResult {
    /// It went well.
    Ok {
        /// Bytes of the result that were cut off.
        cut_bytes: u64,
    },
    /// It failed.
    Failed {
        /// How.
        kind: ToolErrorKind,
    },
}

/// The actions of one run, in the order of the calls, and what the agents among them spent.
///
/// It is local to a run: it is rebuilt from the returned outcomes when the run is resumed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActionHistory {
    actions: Vec<Arc<Action>>,
    spend: Spend,
    said: Vec<String>,
}

impl ActionHistory {
    /// A history without actions.
    pub fn new() -> Self {
        Self::default()
    }

    /// The actions, in order.
    pub fn actions(&self) -> &[Arc<Action>] {
        &self.actions
    }

    /// Takes down what the user said, or what is known from earlier: tools that check what the model says it has read
    /// (`ToolPolicy::check_quotes`) look here too.
    pub fn note(&mut self, said: impl Into<String>) {
        self.said.push(said.into());
    }

    /// What was taken down by [`note`](Self::note), in order.
    pub fn said(&self) -> &[String] {
        &self.said
    }

    /// What tools and the agents called as tools spent.
    pub fn spend(&self) -> Spend {
        self.spend
    }

    pub(crate) fn push(&mut self, action: Action, spend: Spend) {
        self.actions.push(Arc::new(action));
        self.add(spend);
    }

    /// Adds what was spent on a call that is no action, because it ended the agent's work.
    pub(crate) fn add(&mut self, spend: Spend) {
        self.spend += spend;
    }
}
