//! Classes of errors, for those who count them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::agent::AgentError;
use crate::budget::{BudgetError, Resource};
use crate::cancel::CancelReason;
use crate::model_error::ModelError;
use crate::run::Reason;
use crate::step::StepError;

/// What kind of error it was, without a word of what was asked or answered.
///
/// As JSON it is a reason's word or a number: `"tool_error"`, `429`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ErrorClass {
    /// The status that a model's server answered with.
    Http(u16),
    /// All else.
    Reason(Reason),
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(status) => status.fmt(f),
            Self::Reason(reason) => reason.fmt(f),
        }
    }
}

impl From<&ModelError> for ErrorClass {
    fn from(error: &ModelError) -> Self {
        error.status().map_or(Self::Reason(Reason::ModelError), Self::Http)
    }
}

impl From<&StepError> for ErrorClass {
    fn from(error: &StepError) -> Self {
        match error {
            StepError::Model(error) => error.into(),
            error => Self::Reason(error.reason()),
        }
    }
}

impl From<&AgentError> for ErrorClass {
    fn from(error: &AgentError) -> Self {
        match error {
            AgentError::Model { error, .. } => error.into(),
            error => Self::Reason(error.reason()),
        }
    }
}

impl BudgetError {
    pub(crate) fn reason(&self) -> Reason {
        if self.what == Resource::WallTimeMs { Reason::TimedOut } else { Reason::BudgetExhausted }
    }
}

impl CancelReason {
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::Requested => Reason::Cancelled,
            Self::TimedOut => Reason::TimedOut,
        }
    }
}

impl StepError {
    /// Why a run that ends with this is not completed.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Model(_) => Reason::ModelError,
            Self::Tool(_) => Reason::ToolError,
            Self::Budget(limit) => limit.reason(),
            Self::Cancelled(reason) => reason.reason(),
            Self::Blocked { .. } => Reason::Guardrail,
            Self::Failed { .. } | Self::InsideEffect { .. } | Self::Decode { .. } | Self::Driver { .. } => {
                Reason::Internal
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Partial;
    use crate::guardrail::Gate;
    use crate::id::StepId;
    use crate::model_error::ModelErrorKind;
    use crate::tool::ToolError;

    #[test]
    fn an_error_has_the_class_of_what_failed() {
        let model = ModelError::new(ModelErrorKind::Unavailable, "a:b", "overloaded: try again");
        let limit = |what| BudgetError::new(what, 5, 5, 1);
        let blocked =
            StepError::Blocked { guardrail: "secrets".into(), gate: Gate::Output, reason: "x".into() };
        let failed = StepError::Failed { step: StepId::new("a"), message: "model `x`: HTTP 500: no".into() };
        for (error, class) in [
            (StepError::Model(model.clone()), "model_error"),
            (StepError::Model(model.clone().with_status(503)), "503"),
            (ToolError::failed("the run was cancelled (requested)").into(), "tool_error"),
            (limit(Resource::Tokens).into(), "budget_exhausted"),
            (limit(Resource::WallTimeMs).into(), "timed_out"),
            (StepError::Cancelled(CancelReason::Requested), "cancelled"),
            (StepError::Cancelled(CancelReason::TimedOut), "timed_out"),
            (blocked, "guardrail"),
            (failed, "internal"),
        ] {
            let of_step = ErrorClass::from(&error);
            assert_eq!(of_step.to_string(), class, "{error}");
            let json = serde_json::to_value(of_step).unwrap();
            assert_eq!(serde_json::from_value::<ErrorClass>(json).unwrap(), of_step);
            let of_agent = ErrorClass::from(&AgentError::from_step(error, Partial::default()));
            assert_eq!(of_agent, of_step, "the agent's is the same");
        }
    }
}
