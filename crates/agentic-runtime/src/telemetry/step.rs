//! The span of one step.

use std::sync::Arc;

use agentic_core::{
    Approval, Decision, EffectClass, ErrorClass, FinishReason, ModelResponse, RunId, Spend, StepId, StepKind,
    Timestamp, path_name,
};
use serde::Deserialize;
use serde_json::Value;
use tracing::Span;
use tracing::field::Empty;

use super::span::{millis, named, number, record_spend, step_span};
use super::{content, failure};

/// What is known of a step when its span begins.
#[derive(Debug)]
pub(super) struct About<'a> {
    pub(super) run: RunId,
    pub(super) step: &'a StepId,
    pub(super) kind: StepKind,
    pub(super) class: Option<EffectClass>,
    /// The model, tool or effect; none for questions, whose name is what is asked.
    pub(super) name: Option<&'a str>,
    pub(super) attempt: Option<u32>,
    pub(super) started: Timestamp,
}

/// A step that has not ended.
#[derive(Debug)]
pub(super) struct OpenStep {
    pub(super) span: Span,
    attempt: Option<u32>,
    /// The adapter's scheme, which is no part of a model's name.
    scheme: Option<Box<str>>,
    /// When the attempt began.
    began: Timestamp,
    streams: bool,
}

/// How a step ended.
#[derive(Debug)]
pub(super) struct End<'a> {
    pub(super) kind: StepKind,
    pub(super) result: &'a Value,
    pub(super) error: Option<&'a str>,
    pub(super) class: Option<ErrorClass>,
    pub(super) spend: &'a Spend,
    pub(super) at: Timestamp,
}

impl OpenStep {
    pub(super) fn new(parent: &Span, about: &About<'_>) -> Self {
        let span = open(parent, about);
        let scheme = about.name.and_then(|name| name.split_once(':')).map(|(scheme, _)| scheme.into());
        Self { span, scheme, attempt: about.attempt, began: about.started, streams: false }
    }

    /// A step of which only the id is known: it began in another process.
    pub(super) fn unseen(parent: &Span, run: RunId, step: &StepId, kind: StepKind, at: Timestamp) -> Self {
        let name = name_of(step);
        let name = matches!(kind, StepKind::Tool | StepKind::Effect).then_some(name.as_str());
        Self::new(parent, &About { run, step, kind, class: None, name, attempt: None, started: at })
    }

    /// It starts again.
    pub(super) fn again(&mut self, attempt: u32, at: Timestamp) {
        (self.attempt, self.began, self.streams) = (Some(attempt), at, false);
    }

    /// A piece of the answer came.
    pub(super) fn streams(&mut self, at: Timestamp) {
        if !std::mem::replace(&mut self.streams, true) {
            self.span.record("gen_ai.request.stream", true);
            self.span.record("gen_ai.response.time_to_first_chunk", at.since(self.began).as_secs_f64());
        }
    }

    pub(super) fn arguments(&self, arguments: &Value) {
        if !arguments.is_null() && !self.span.is_disabled() {
            self.span.record("gen_ai.tool.call.arguments", arguments.to_string());
        }
    }

    pub(super) fn question(&self, approval: &Approval, with_content: bool) {
        self.span.record("gen_ai.tool.name", approval.tool.as_deref());
        if with_content {
            self.span.record("agentic.approval.question", approval.question.as_str());
            self.arguments(&approval.arguments);
        }
    }

    /// A person answered.
    pub(super) fn decided(self, decision: &Decision, by: Option<&str>, with_content: bool, at: Timestamp) {
        let word = match decision {
            Decision::Approve => "approve",
            Decision::Edit { .. } => "edit",
            Decision::Deny { .. } => "deny",
        };
        self.span.record("agentic.approval.decision", word);
        if with_content {
            self.span.record("agentic.approval.by", by);
        }
        self.end("completed", Some(at));
    }

    /// Its effect ended.
    pub(super) fn finish(self, end: &End<'_>, with_content: bool) {
        let span = &self.span;
        if span.is_disabled() {
            return;
        }
        record_spend(span, end.spend);
        if let Some(error) = end.error {
            failure::record(span, end.class, with_content.then_some(error));
            return self.end("failed", Some(end.at));
        }
        match end.kind {
            StepKind::Model => answered(span, end.result, self.scheme.as_deref(), with_content),
            StepKind::Embed => {
                let first = end.result.pointer("/vectors/0").and_then(Value::as_array);
                let dimensions = first.map(|vector| number(vector.len() as u64));
                span.record("gen_ai.embeddings.dimension.count", dimensions);
            }
            _ if !with_content || end.result.is_null() => {}
            StepKind::Tool => {
                span.record("gen_ai.tool.call.result", end.result.to_string());
            }
            _ => {
                span.record("agentic.result", end.result.to_string());
            }
        }
        self.end("completed", Some(end.at));
    }

    /// Ends the span.
    pub(super) fn end(self, outcome: &str, at: Option<Timestamp>) {
        self.span.record("agentic.outcome", outcome);
        self.span.record("agentic.attempt", self.attempt.map(i64::from));
        self.span.record("agentic.ended_at", at.map(millis));
    }
}

/// What an answer is known by, without what it says.
#[derive(Deserialize)]
struct Label {
    finish: FinishReason,
    #[serde(default)]
    model: Arc<str>,
}

fn answered(span: &Span, result: &Value, scheme: Option<&str>, with_content: bool) {
    let label = if with_content {
        let Ok(response) = ModelResponse::deserialize(result) else { return };
        span.record("gen_ai.output.messages", content::answer(&response));
        Label { finish: response.finish, model: response.model }
    } else {
        let Ok(label) = Label::deserialize(result) else { return };
        label
    };
    // An array, which spans of `tracing` don't have: its text.
    let reasons = Value::from(vec![content::finish(&label.finish)]);
    span.record("gen_ai.response.finish_reasons", reasons.to_string());
    if !label.model.is_empty() {
        let bare = scheme.and_then(|scheme| label.model.strip_prefix(scheme)?.strip_prefix(':'));
        span.record("gen_ai.response.model", bare.unwrap_or(&label.model));
    }
}

/// A model's id is its adapter's scheme and its name.
fn provider_and_model(id: Option<&str>) -> (&str, Option<&str>) {
    match id {
        Some(id) => id.split_once(':').map_or(("_OTHER", Some(id)), |(scheme, name)| (scheme, Some(name))),
        None => ("_OTHER", None),
    }
}

/// What the last part of a step's id calls it: a tool, an effect.
fn name_of(step: &StepId) -> String {
    let path = step.as_str();
    let last = path.rsplit_once('/').map_or(path, |(_, last)| last);
    let name = path_name(last);
    name.strip_prefix("tool:").unwrap_or(&name).to_owned()
}

/// What the last part of a step's id says of its kind. An effect of an agent's own may have any name, also one of these.
pub(super) fn kind_of(step: &StepId) -> StepKind {
    let path = step.as_str();
    let last = path.rsplit_once('/').map_or(path, |(_, last)| last);
    match last.split_once('@').map_or(last, |(name, _)| name) {
        "model" => StepKind::Model,
        "embed" => StepKind::Embed,
        "approve" => StepKind::Approval,
        "sleep" => StepKind::Sleep,
        "receive" => StepKind::Receive,
        name if name.starts_with("tool:") => StepKind::Tool,
        _ => StepKind::Effect,
    }
}

fn open(parent: &Span, about: &About<'_>) -> Span {
    match about.kind {
        StepKind::Model => {
            let (provider, model) = provider_and_model(about.name);
            step_span!("chat", named("chat", model), "client", parent, about, {
                "gen_ai.operation.name" = "chat",
                "gen_ai.provider.name" = provider,
                "gen_ai.conversation.id" = tracing::field::display(about.run),
                "gen_ai.request.model" = model,
                "gen_ai.request.stream" = Empty,
                "gen_ai.response.model" = Empty,
                "gen_ai.response.finish_reasons" = Empty,
                "gen_ai.response.time_to_first_chunk" = Empty,
                "gen_ai.usage.input_tokens" = Empty,
                "gen_ai.usage.output_tokens" = Empty,
                "gen_ai.usage.cache_read.input_tokens" = Empty,
                "gen_ai.usage.reasoning.output_tokens" = Empty,
                "gen_ai.output.messages" = Empty,
            })
        }
        StepKind::Embed => {
            let (provider, model) = provider_and_model(about.name);
            step_span!("embeddings", named("embeddings", model), "client", parent, about, {
                "gen_ai.operation.name" = "embeddings",
                "gen_ai.provider.name" = provider,
                "gen_ai.request.model" = model,
                "gen_ai.embeddings.dimension.count" = Empty,
                "gen_ai.usage.input_tokens" = Empty,
                "gen_ai.usage.output_tokens" = Empty,
                "gen_ai.usage.cache_read.input_tokens" = Empty,
            })
        }
        StepKind::Tool => {
            step_span!("execute_tool", named("execute_tool", about.name), "internal", parent, about, {
                "gen_ai.operation.name" = "execute_tool",
                "gen_ai.tool.name" = about.name,
                "gen_ai.tool.type" = "function",
                "gen_ai.tool.call.arguments" = Empty,
                "gen_ai.tool.call.result" = Empty,
            })
        }
        StepKind::Approval => {
            step_span!("approval", "approval", "internal", parent, about, {
                "gen_ai.tool.name" = Empty,
                "gen_ai.tool.call.arguments" = Empty,
                "agentic.approval.question" = Empty,
                "agentic.approval.decision" = Empty,
                "agentic.approval.by" = Empty,
            })
        }
        StepKind::Sleep => step_span!("sleep", "sleep", "internal", parent, about, {}),
        StepKind::Receive => {
            step_span!("receive", named("receive", about.name), "internal", parent, about, {
                "agentic.mailbox" = about.name,
                "agentic.result" = Empty,
            })
        }
        _ => {
            step_span!("effect", named("effect", about.name), "internal", parent, about, {
                "agentic.effect" = about.name,
                "agentic.result" = Empty,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use agentic_core::{StepId, StepKind};

    use super::{kind_of, name_of, provider_and_model};

    #[test]
    fn an_id_tells_kind_and_name() {
        let step = |id: &str| serde_json::from_value::<StepId>(id.into()).unwrap();
        for (id, kind, name) in [
            ("model", StepKind::Model, "model"),
            ("a/turn@3/model@2", StepKind::Model, "model"),
            ("a/tool:read@1", StepKind::Tool, "read"),
            ("a/b%2Fc%40d%25e@7", StepKind::Effect, "b/c@d%e"),
        ] {
            assert_eq!((kind_of(&step(id)), name_of(&step(id)).as_str()), (kind, name), "{id}");
        }
    }

    #[test]
    fn a_model_has_a_provider() {
        assert_eq!(provider_and_model(Some("openai:gpt-5:x")), ("openai", Some("gpt-5:x")));
        assert_eq!(provider_and_model(Some("gpt-5")), ("_OTHER", Some("gpt-5")));
        assert_eq!(provider_and_model(None), ("_OTHER", None));
    }
}
