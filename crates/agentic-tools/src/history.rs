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
    told: Option<Vec<String>>,
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

    /// The same history, with everything that is known besides what its calls gave: what the user said, and what came
    /// of earlier calls.
    ///
    /// Only with it can tools that check what the model says it has read (`ToolPolicy::check_quotes`) tell that something
    /// is from nowhere; without it they check what is said to be from a place that was read.
    pub fn with_told(mut self, told: impl IntoIterator<Item = String>) -> Self {
        self.told = Some(told.into_iter().collect());
        self
    }

    /// What is known besides the actions, if all of it is.
    pub fn told(&self) -> Option<&[String]> {
        self.told.as_deref()
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
