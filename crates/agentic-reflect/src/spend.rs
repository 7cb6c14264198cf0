//! What a loop took: all that was taken in its scope, whoever took it.

use agentic_core::{AgentError, Outcome, RunContext};

/// The same, after what was taken in the account of this scope.
pub(crate) fn with_spend(
    result: Result<Outcome, AgentError>,
    cx: &RunContext,
) -> Result<Outcome, AgentError> {
    let spend = cx.spent();
    match result {
        Ok(mut outcome) => {
            outcome.spend = spend;
            Ok(outcome)
        }
        Err(error) => Err(error.with_spend(spend)),
    }
}
