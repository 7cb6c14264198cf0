//! What is told of an error: its class, and a line.
//!
//! A line may quote a tool's arguments or a model's answer, so it is content; without content the class has a line of its
//! own.

use agentic_core::{ErrorClass, Reason};
use tracing::Span;

/// Marks a span as failed.
pub(super) fn record(span: &Span, class: Option<ErrorClass>, line: Option<&str>) {
    let class = class.unwrap_or(ErrorClass::Reason(Reason::Internal));
    span.record("error.type", word(class));
    span.record("otel.status_code", "ERROR");
    span.record("otel.status_description", line.unwrap_or_else(|| describe(class)));
}

/// The class as an attribute. What has none of its own is called as the conventions say.
pub(super) fn word(class: ErrorClass) -> String {
    match class {
        ErrorClass::Reason(Reason::Internal) => "_OTHER".into(),
        class => class.to_string(),
    }
}

/// A line that holds nothing of the run.
fn describe(class: ErrorClass) -> &'static str {
    let ErrorClass::Reason(reason) = class else { return "the model's server answered with an error" };
    match reason {
        Reason::Approval => "a person was needed",
        Reason::BudgetExhausted => "a limit of the budget was reached",
        Reason::Cancelled => "the run was cancelled",
        Reason::Guardrail => "a guardrail blocked it",
        Reason::InvalidInput => "the goal or the settings can't be used",
        Reason::InvalidOutput => "what the model wrote can't be used",
        Reason::LoopDetected => "the same calls gave the same results again and again",
        Reason::ModelError => "the model failed",
        Reason::OutputLimit => "the model's answer was cut at its output limit",
        Reason::TimedOut => "the time limit was reached",
        Reason::ToolError => "the tool failed",
        Reason::TurnLimit => "no answer after all turns",
        _ => "it failed",
    }
}
