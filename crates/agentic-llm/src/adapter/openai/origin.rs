//! Where answers come from, and typed errors for all that can go wrong there.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::{ModelError, ModelErrorKind as Kind};
use serde_json::Value;

use super::text::{page_text, shorten};
use crate::secret::Secret;
use crate::transport::{TransportError, root_cause};

/// The model and the endpoint, as errors name them.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// The model's id.
    pub(super) id: Arc<str>,
    /// Host and port.
    pub(super) host: String,
    /// The key, to keep it out of messages.
    pub(super) key: Option<Secret>,
    /// The environment variable that a person can put the key into.
    pub(super) key_name: Arc<str>,
}

/// What an error body says.
#[derive(Debug, Default)]
struct Said {
    message: String,
    /// `code` and `type`, lower case.
    labels: Vec<String>,
    /// A `code` that is a number.
    status: Option<u16>,
}

impl Origin {
    /// An error on this model. The message must come from us, not from the server.
    pub(super) fn error(&self, kind: Kind, message: impl Into<String>) -> ModelError {
        ModelError::new(kind, &*self.id, message)
    }

    /// The server answered with an HTTP error.
    pub(super) fn http(&self, status: u16, body: &[u8], retry_after: Option<Duration>) -> ModelError {
        let said = self.read(body);
        let kind = classify(&said, Some(status));
        let mut error = self.error(kind, self.sentence(kind, Some(status), said.message)).with_status(status);
        if let Some(after) = retry_after {
            error = error.with_retry_after(after);
        }
        error
    }

    /// The server put an error into an answer that began well.
    pub(super) fn in_band(&self, json: &str) -> ModelError {
        let said = self.read(json.as_bytes());
        let kind = classify(&said, said.status);
        let error = self.error(kind, self.sentence(kind, said.status, said.message));
        match said.status.filter(|status| (400..600).contains(status)) {
            Some(status) => error.with_status(status),
            None => error,
        }
    }

    /// The connection failed.
    pub(super) fn transport(&self, error: TransportError) -> ModelError {
        let (host, cause) = (&self.host, self.clean(&root_cause(&error).to_string()));
        let (kind, message) = match error {
            TransportError::Setup(_) => (
                Kind::InvalidRequest,
                format!("can't connect to {host}: {cause}; check the certificates and the proxy settings"),
            ),
            TransportError::Connect(_) => (
                Kind::Unreachable,
                format!(
                    "can't reach {host}: {cause}; check that the server runs and that the base URL is right"
                ),
            ),
            TransportError::TimedOut => (
                Kind::TimedOut,
                format!("{host} sent nothing for too long; try again, or raise the idle timeout"),
            ),
            TransportError::Failed(_) => {
                (Kind::Interrupted, format!("the connection to {host} failed: {cause}; try again"))
            }
            TransportError::Interrupted(_) => {
                (Kind::Interrupted, format!("the answer of {host} broke off: {cause}; try again"))
            }
        };
        self.error(kind, message).with_source(error)
    }

    /// Text of a server as it may be shown: one line, short, without the key.
    pub(super) fn clean(&self, text: &str) -> String {
        let text = match &self.key {
            Some(key) => key.redact(text),
            None => text.to_owned(),
        };
        // Servers repeat a refused key half masked; what is left of it is nobody's business either.
        let words = text.split_whitespace().map(|word| if word.contains("***") { "[key]" } else { word });
        shorten(&words.collect::<Vec<_>>().join(" "), MESSAGE_CHARS)
    }

    fn read(&self, body: &[u8]) -> Said {
        let mut said = Said::default();
        match serde_json::from_slice::<Value>(body) {
            Ok(json) => said.read(&json),
            Err(_) => said.message = page_text(&String::from_utf8_lossy(body)),
        }
        said.message = self.clean(&said.message);
        said
    }

    fn sentence(&self, kind: Kind, status: Option<u16>, said: String) -> String {
        let said = if said.is_empty() { "the server gives no reason".to_owned() } else { said };
        let said = said.trim_end_matches('.');
        match kind {
            Kind::Authentication if status == Some(407) => {
                format!("{said}; the proxy wants a user and a password: http://USER:PASSWORD@HOST")
            }
            Kind::Authentication => format!("{said}; check the key ({})", self.key_name),
            Kind::QuotaExhausted => format!("{said}; the account needs credit"),
            Kind::ContextOverflow => format!("{said}; shorten the conversation or the output limit"),
            Kind::NotFound => format!("{said}; check the model's name and the base URL ({})", self.host),
            _ => said.to_owned(),
        }
    }
}

/// The longest text of a server in a message, in characters.
const MESSAGE_CHARS: usize = 400;

impl Said {
    /// Reads the forms that servers give errors: `{"error":{…}}`, `{"error":"…"}`, `{"message":…}`,
    /// `{"detail":…}`, a text, and any of them in a list.
    fn read(&mut self, json: &Value) {
        match json {
            Value::String(text) if self.message.is_empty() => self.message.clone_from(text),
            Value::Array(items) => items.iter().take(3).for_each(|item| self.read(item)),
            Value::Object(fields) => {
                for name in ["code", "type", "status", "raw_status_code"] {
                    match &fields.get(name) {
                        Some(Value::String(label)) => {
                            self.status = self.status.or_else(|| label.parse().ok());
                            self.labels.push(label.to_lowercase());
                        }
                        Some(Value::Number(number)) => {
                            let status = number.as_u64().and_then(|status| u16::try_from(status).ok());
                            self.status = self.status.or(status);
                        }
                        _ => {}
                    }
                }
                for name in ["error", "errors", "message", "msg", "detail"] {
                    if let Some(value) = fields.get(name) {
                        self.read(value);
                    }
                }
                // A gateway wraps what the provider behind it said.
                if let Some(Value::String(raw)) = fields.get("metadata").and_then(|data| data.get("raw")) {
                    let inner =
                        serde_json::from_str::<Value>(raw).unwrap_or_else(|_| Value::from(raw.as_str()));
                    let mut behind = Self::default();
                    behind.read(&inner);
                    self.labels.append(&mut behind.labels);
                    if !behind.message.is_empty() {
                        self.message = format!("{}: {}", self.message, behind.message);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Words by which servers that have no code for it say that prompt and output don't fit the context.
const OVERFLOW: &[&str] = &[
    "maximum context length",
    "context length exceeded",
    "exceeds the context",
    "exceed the context",
    "exceeds the available context",
    "context window",
    "prompt is too long",
    "input is too long",
    "reduce the length of the messages",
];

/// Sorts an error by its code, else by its status. The words of the message are looked at for one thing only:
/// many servers have no code for a context that is too long.
fn classify(said: &Said, status: Option<u16>) -> Kind {
    let labelled = |wanted: &[&str]| said.labels.iter().any(|label| wanted.contains(&label.as_str()));
    let message = said.message.to_lowercase();
    let client_side = status.is_none_or(|status| (400..500).contains(&status));
    if labelled(&["insufficient_quota", "billing_hard_limit_reached", "billing_not_active"]) {
        return Kind::QuotaExhausted;
    }
    if labelled(&["context_length_exceeded", "exceed_context_size_error"]) || status == Some(413) {
        return Kind::ContextOverflow;
    }
    if client_side && status != Some(429) && OVERFLOW.iter().any(|words| message.contains(words)) {
        return Kind::ContextOverflow;
    }
    if labelled(&["content_filter", "content_policy_violation", "responsibleaipolicyviolation"]) {
        return Kind::Refused;
    }
    match status {
        Some(401 | 403 | 407) => Kind::Authentication,
        Some(402) => Kind::QuotaExhausted,
        Some(404) => Kind::NotFound,
        Some(408 | 504) => Kind::TimedOut,
        Some(409 | 425) => Kind::Unavailable,
        Some(429) => Kind::RateLimited,
        Some(501) => Kind::Unsupported,
        Some(500..600) => Kind::Unavailable,
        _ if labelled(&["invalid_api_key", "authentication_error", "permission_denied"]) => {
            Kind::Authentication
        }
        _ if labelled(&["model_not_found", "not_found_error"]) => Kind::NotFound,
        _ if labelled(&["rate_limit_exceeded", "rate_limit_error", "rate_limited"]) => Kind::RateLimited,
        Some(400..500) => Kind::InvalidRequest,
        _ if labelled(&["invalid_request_error"]) => Kind::InvalidRequest,
        // An error within an answer that began well: the server's fault, until it says otherwise.
        _ => Kind::Unavailable,
    }
}

#[cfg(test)]
mod tests;
