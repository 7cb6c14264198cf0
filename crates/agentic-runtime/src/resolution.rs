//! What a person says of an effect of which a crash left open whether it happened.

use agentic_core::Json;
use serde::{Deserialize, Serialize};

/// What became of an effect of which a crash left open whether it happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Resolution {
    /// It happened, with this result.
    Done(Json),
    /// It happened and failed, or must be taken for failed: the agent gets this message.
    Failed(String),
    /// It did not happen: it is started again.
    NotDone,
}
