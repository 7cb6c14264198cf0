//! What has no span of its own: events, in the span where they belong.

use agentic_core::{Event, EventKind};

use super::failure;
use super::run::RunSpans;
use super::span::{number, word};

/// An event with this message and these fields.
macro_rules! say {
    ($level:ident, $place:expr, $run:expr, $message:literal, { $($key:literal = $value:expr),* $(,)? }) => {
        tracing::event!(
            target: "agentic",
            parent: &$place,
            tracing::Level::$level,
            { "agentic.run.id" = tracing::field::display($run), $($key = $value),* },
            $message
        )
    };
}

impl RunSpans {
    /// Tells what has no span of its own, in the span where it belongs.
    pub(super) fn tell(&self, event: &Event) {
        let (run, content) = (event.run, self.content);
        match &event.kind {
            EventKind::RunStarted { agent, .. } if self.is_new() => {
                say!(INFO, self.place(""), run, "run accepted", { "gen_ai.agent.name" = agent.as_str() });
            }
            EventKind::RunResumed { attempt } => {
                let attempt = i64::from(*attempt);
                say!(INFO, self.place(""), run, "run resumed", { "agentic.attempt" = attempt });
            }
            EventKind::RunForked { from } => {
                let from = from.to_string();
                say!(INFO, self.place(""), run, "run forked", { "agentic.forked_from" = from });
            }
            EventKind::StepRestarted { step, attempt, lost } => {
                say!(WARN, self.inside(step), run, "step restarted", {
                    "agentic.step.id" = step.as_str(),
                    "agentic.attempt" = i64::from(*attempt),
                    "agentic.lost.input_tokens" = number(lost.usage.input_tokens),
                    "agentic.lost.output_tokens" = number(lost.usage.output_tokens),
                });
            }
            EventKind::StepRefused { step, kind, error, error_class } => {
                say!(WARN, self.inside(step), run, "step refused", {
                    "agentic.step.id" = step.as_str(),
                    "agentic.step.kind" = word(kind),
                    "error.type" = error_class.map(failure::word),
                    "error.message" = content.then_some(error.as_str()),
                });
            }
            EventKind::StepDropped { step, .. } => {
                say!(INFO, self.inside(step), run, "step dropped", { "agentic.step.id" = step.as_str() });
            }
            EventKind::StepLate { step, kind, result, error, error_class } => {
                let error = error.as_deref();
                say!(INFO, self.inside(step), run, "step ended late", {
                    "agentic.step.id" = step.as_str(),
                    "agentic.step.kind" = word(kind),
                    "error.type" = error_class.map(failure::word),
                    "error.message" = error.filter(|_| content),
                    "gen_ai.tool.call.result" = (content && !result.is_null()).then(|| result.to_string()),
                });
            }
            EventKind::MessageReceived { mailbox, content: said } => {
                say!(INFO, self.place(""), run, "message received", {
                    "agentic.mailbox" = mailbox.as_str(),
                    "agentic.content" = content.then(|| said.to_string()),
                });
            }
            EventKind::RuleGiven { rule, by } => {
                say!(INFO, self.place(""), run, "rule given", {
                    "gen_ai.tool.name" = rule.tool.as_str(),
                    "agentic.content" = content.then(|| rule.to_string()),
                    "agentic.approval.by" = by.as_deref().filter(|_| content),
                });
            }
            EventKind::RuleRevoked { rule, by } => {
                say!(INFO, self.place(""), run, "rule revoked", {
                    "gen_ai.tool.name" = rule.tool.as_str(),
                    "agentic.content" = content.then(|| rule.to_string()),
                    "agentic.approval.by" = by.as_deref().filter(|_| content),
                });
            }
            EventKind::CancelRequested { reason } => {
                let reason = word(reason);
                say!(INFO, self.place(""), run, "cancellation requested", { "agentic.reason" = reason });
            }
            EventKind::VersionChosen { change, version } => {
                say!(DEBUG, self.place(""), run, "version chosen", {
                    "agentic.change" = change.as_str(),
                    "agentic.version" = i64::from(*version),
                });
            }
            EventKind::Note { text } => {
                say!(INFO, self.place(&event.scope), run, "note", {
                    "agentic.scope" = event.scope.as_str(),
                    "agentic.content" = content.then_some(text.as_str()),
                });
            }
            EventKind::Custom { name, data } => {
                say!(INFO, self.place(&event.scope), run, "custom event", {
                    "agentic.scope" = event.scope.as_str(),
                    "agentic.event" = name.as_str(),
                    "agentic.content" = content.then(|| data.to_string()),
                });
            }
            _ => {}
        }
    }
}
