//! What is told of an error: a class with few values, and a line.
//!
//! Events have errors as a line of text, so the class is read off how the core words its own errors. A line may quote a
//! tool's arguments or a model's answer, so it is content; without content the class has a line of its own.

use agentic_core::{Reason, StepKind};
use tracing::Span;

/// Marks a span as failed.
pub(super) fn record(span: &Span, class: &str, line: Option<&str>) {
    span.record("error.type", class);
    span.record("otel.status_code", "ERROR");
    span.record("otel.status_description", line.unwrap_or_else(|| describe(class)));
}

/// The class of a step's error.
pub(super) fn of_step(kind: Option<StepKind>, error: &str) -> String {
    let class = match kind {
        _ if error.starts_with("the run was cancelled (requested)") => "cancelled",
        _ if error.starts_with("the run was cancelled (") => "timed_out",
        Some(StepKind::Model | StepKind::Embed) if error.starts_with("model `") => return of_model(error),
        Some(StepKind::Model) if error.starts_with("guardrail `") => "guardrail",
        _ if is_budget(error) => "budget_exhausted",
        Some(StepKind::Model | StepKind::Embed) => "model_error",
        Some(StepKind::Tool) => "tool_error",
        _ => "_OTHER",
    };
    class.into()
}

/// The class of an agent's error.
pub(super) fn of_agent(error: &str) -> String {
    let class = match error {
        "cancelled" => "cancelled",
        _ if error.starts_with("the time limit ") => "timed_out",
        _ if error.starts_with("no answer after ") => "turn_limit",
        _ if error.starts_with("stopped in a loop: ") => "loop_detected",
        _ if error.starts_with("the answer was cut after ") => "output_limit",
        _ if error.starts_with("the model's output can't be used: ") => "invalid_output",
        _ if error.starts_with("guardrail `") => "guardrail",
        _ if error.starts_with("model `") => return of_model(error),
        _ if is_budget(error) => "budget_exhausted",
        _ => "_OTHER",
    };
    class.into()
}

/// The class of a run's end.
pub(super) fn of_run(reason: Option<Reason>) -> String {
    reason.map_or_else(|| "_OTHER".into(), |reason| reason.to_string())
}

/// The status that a model's server answered with, if it did.
fn of_model(error: &str) -> String {
    let status = error.split_once("`: HTTP ").and_then(|(_, rest)| rest.split_once(": "));
    match status {
        Some((status, _)) if status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit()) => {
            status.into()
        }
        _ => "model_error".into(),
    }
}

fn is_budget(error: &str) -> bool {
    error.starts_with("budget of ") && error.contains(" is exhausted: ")
}

/// A line that holds nothing of the run.
fn describe(class: &str) -> &'static str {
    match class {
        "approval" => "a person was needed",
        "budget_exhausted" => "a limit of the budget was reached",
        "cancelled" => "the run was cancelled",
        "guardrail" => "a guardrail blocked it",
        "invalid_input" => "the goal or the settings can't be used",
        "invalid_output" => "what the model wrote can't be used",
        "loop_detected" => "the same calls gave the same results again and again",
        "model_error" => "the model failed",
        "output_limit" => "the model's answer was cut at its output limit",
        "timed_out" => "the time limit was reached",
        "tool_error" => "the tool failed",
        "turn_limit" => "no answer after all turns",
        _ if class.bytes().all(|byte| byte.is_ascii_digit()) => "the model's server answered with an error",
        _ => "it failed",
    }
}

#[cfg(test)]
mod tests {
    use agentic_core::{
        AgentError, BudgetError, CancelReason, Gate, ModelError, ModelErrorKind, Partial, Resource,
        StepError, StepKind, ToolError,
    };

    use super::{of_agent, of_step};

    fn budget(what: Resource) -> BudgetError {
        BudgetError { what, limit: 5, spent: 5, reserved: 0, asked: 1 }
    }

    #[test]
    fn the_errors_of_the_core_have_their_classes() {
        let model = |status| {
            let error = ModelError::new(ModelErrorKind::Unavailable, "a:b", "overloaded: try again");
            if let Some(status) = status { error.with_status(status) } else { error }
        };
        let blocked = ("secrets".to_owned(), Gate::Output, "x".to_owned());
        let steps: [(StepKind, StepError, &str); 8] = [
            (StepKind::Tool, StepError::Cancelled(CancelReason::Requested), "cancelled"),
            (StepKind::Tool, StepError::Cancelled(CancelReason::TimedOut), "timed_out"),
            (StepKind::Model, budget(Resource::Tokens).into(), "budget_exhausted"),
            (StepKind::Model, model(None).into(), "model_error"),
            (StepKind::Embed, model(Some(503)).into(), "503"),
            (StepKind::Tool, ToolError::failed("model `x`: HTTP 500: no").into(), "tool_error"),
            (StepKind::Effect, ToolError::failed("no").into(), "_OTHER"),
            (
                StepKind::Model,
                StepError::Blocked {
                    guardrail: blocked.0.clone(),
                    gate: blocked.1,
                    reason: blocked.2.clone(),
                },
                "guardrail",
            ),
        ];
        for (kind, error, class) in steps {
            assert_eq!(of_step(Some(kind), &error.to_string()), class, "{error}");
        }
        let partial = Box::<Partial>::default;
        let agents = [
            (AgentError::TurnLimit { turns: 1, partial: partial() }, "turn_limit"),
            (AgentError::LoopDetected { what: "x".into(), partial: partial() }, "loop_detected"),
            (AgentError::Budget { limit: budget(Resource::Tokens), partial: partial() }, "budget_exhausted"),
            (AgentError::Budget { limit: budget(Resource::WallTimeMs), partial: partial() }, "timed_out"),
            (AgentError::Cancelled { reason: CancelReason::Requested, partial: partial() }, "cancelled"),
            (AgentError::Cancelled { reason: CancelReason::TimedOut, partial: partial() }, "timed_out"),
            (AgentError::InvalidOutput { message: "x".into(), partial: partial() }, "invalid_output"),
            (AgentError::OutputLimit { tokens: 5, partial: partial() }, "output_limit"),
            (AgentError::Model { error: model(Some(429)), partial: partial() }, "429"),
            (
                AgentError::Blocked {
                    guardrail: blocked.0,
                    gate: blocked.1,
                    reason: blocked.2,
                    partial: partial(),
                },
                "guardrail",
            ),
            (AgentError::invalid_input("x"), "_OTHER"),
        ];
        for (error, class) in agents {
            assert_eq!(of_agent(&error.to_string()), class, "{error}");
        }
    }
}
