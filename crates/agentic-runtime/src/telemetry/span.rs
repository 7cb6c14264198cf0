//! Making spans, and writing numbers into them.

use agentic_core::{Spend, Timestamp};
use serde::Serialize;
use tracing::Span;

/// A span of an agent: of the run's, whose parent is the current span, or of a nested one with a parent.
macro_rules! agent_span {
    ($agent:expr, $run:expr, $scope:expr $(, parent: $parent:expr)?) => {
        tracing::info_span!(
            target: "agentic",
            $(parent: $parent,)?
            "invoke_agent",
            "otel.name" = $crate::telemetry::span::named("invoke_agent", $agent),
            "otel.kind" = "internal",
            "otel.status_code" = tracing::field::Empty,
            "otel.status_description" = tracing::field::Empty,
            "error.type" = tracing::field::Empty,
            "gen_ai.operation.name" = "invoke_agent",
            "gen_ai.agent.name" = $agent,
            "gen_ai.conversation.id" = tracing::field::display($run),
            "gen_ai.usage.input_tokens" = tracing::field::Empty,
            "gen_ai.usage.output_tokens" = tracing::field::Empty,
            "gen_ai.usage.cache_read.input_tokens" = tracing::field::Empty,
            "gen_ai.usage.reasoning.output_tokens" = tracing::field::Empty,
            "gen_ai.input.messages" = tracing::field::Empty,
            "gen_ai.output.messages" = tracing::field::Empty,
            "agentic.run.id" = tracing::field::display($run),
            "agentic.scope" = $scope,
            "agentic.attempt" = tracing::field::Empty,
            "agentic.outcome" = tracing::field::Empty,
            "agentic.reason" = tracing::field::Empty,
            "agentic.verdict" = tracing::field::Empty,
            "agentic.cost.usd" = tracing::field::Empty,
            "agentic.model_calls" = tracing::field::Empty,
            "agentic.tool_calls" = tracing::field::Empty,
            "agentic.turns" = tracing::field::Empty,
            "agentic.started_at" = tracing::field::Empty,
            "agentic.ended_at" = tracing::field::Empty,
        )
    };
}

/// A span of a step, with the fields that all have and these.
macro_rules! step_span {
    ($static:literal, $name:expr, $kind:literal, $parent:expr, $about:expr, { $($fields:tt)* }) => {
        tracing::info_span!(
            target: "agentic",
            parent: $parent,
            $static,
            "otel.name" = $name,
            "otel.kind" = $kind,
            "otel.status_code" = tracing::field::Empty,
            "otel.status_description" = tracing::field::Empty,
            "error.type" = tracing::field::Empty,
            "agentic.run.id" = tracing::field::display($about.run),
            "agentic.step.id" = $about.step.as_str(),
            "agentic.step.kind" = $crate::telemetry::span::word(&$about.kind),
            "agentic.step.class" = $about.class.as_ref().map($crate::telemetry::span::word),
            "agentic.attempt" = tracing::field::Empty,
            "agentic.outcome" = tracing::field::Empty,
            "agentic.cost.usd" = tracing::field::Empty,
            "agentic.started_at" = $crate::telemetry::span::millis($about.started),
            "agentic.ended_at" = tracing::field::Empty,
            $($fields)*
        )
    };
}

pub(super) use {agent_span, step_span};

/// `operation name`, or the operation alone.
pub(super) fn named(operation: &str, name: Option<&str>) -> String {
    match name {
        Some(name) if !name.is_empty() => format!("{operation} {name}"),
        _ => operation.into(),
    }
}

/// How a value with few forms is written.
pub(super) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// A whole number as OpenTelemetry has it.
pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Milliseconds since 1970.
pub(super) fn millis(at: Timestamp) -> i64 {
    number(at.as_millis())
}

/// Writes tokens and money down, where there are any.
pub(super) fn record_spend(span: &Span, spend: &Spend) {
    let usage = &spend.usage;
    if usage.input_tokens > 0 || usage.output_tokens > 0 {
        span.record("gen_ai.usage.input_tokens", number(usage.input_tokens));
        span.record("gen_ai.usage.output_tokens", number(usage.output_tokens));
    }
    if usage.cached_input_tokens > 0 {
        span.record("gen_ai.usage.cache_read.input_tokens", number(usage.cached_input_tokens));
    }
    if usage.reasoning_tokens > 0 {
        span.record("gen_ai.usage.reasoning.output_tokens", number(usage.reasoning_tokens));
    }
    // Without a known price it is not free: it is unknown.
    if spend.cost.0 > 0 {
        span.record("agentic.cost.usd", spend.cost.dollars());
    }
}
