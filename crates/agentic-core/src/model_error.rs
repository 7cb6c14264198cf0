//! How a model call fails.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A failed call of a chat or embedding model.
///
/// `Display` is one line: the model, what failed, what to do. It never holds a key or a prompt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelError(Box<Inner>);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Inner {
    kind: ModelErrorKind,
    model: String,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after: Option<Duration>,
    #[serde(skip)]
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What went wrong, by what a caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ModelErrorKind {
    /// The key is missing, wrong or lacks a right: mend the key.
    Authentication,
    /// Too many requests: wait, see [`ModelError::retry_after`].
    RateLimited,
    /// The account has no credit left.
    QuotaExhausted,
    /// Prompt and output don't fit the model's context: shorten.
    ContextOverflow,
    /// The provider refuses the request as malformed.
    InvalidRequest,
    /// No such model or endpoint.
    NotFound,
    /// The endpoint can't be reached.
    Unreachable,
    /// The provider has a fault or is overloaded: try again.
    Unavailable,
    /// No answer in time: try again.
    TimedOut,
    /// The answer broke off: try again.
    Interrupted,
    /// The answer is not what the protocol says.
    InvalidResponse,
    /// The request's content was refused by the provider's filter.
    Refused,
    /// The model can't do what was asked (tools, pictures, a schema).
    Unsupported,
    /// The model's files are missing or damaged.
    Unloadable,
}

impl ModelError {
    /// An error of this kind on `model`; `message` says what failed and what to do.
    pub fn new(kind: ModelErrorKind, model: impl Into<String>, message: impl Into<String>) -> Self {
        let (model, message) = (model.into(), message.into());
        Self(Box::new(Inner { kind, model, message, status: None, retry_after: None, source: None }))
    }

    /// The same error with the HTTP status that came.
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// The same error with the provider's word on when to try again.
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// The same error with another message, and without its cause.
    pub(crate) fn with_message(mut self, message: impl Into<String>) -> Self {
        (self.0.message, self.0.source) = (message.into(), None);
        self
    }

    /// The same error with its cause.
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ModelErrorKind {
        self.0.kind
    }

    /// The model's id.
    pub fn model(&self) -> &str {
        &self.0.model
    }

    /// What failed, as the adapter or the provider says it.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The HTTP status, if the provider answered with one.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// How long the provider asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The same in a line without the [message](Self::message), which may quote what was asked or answered.
    pub fn outline(&self) -> String {
        let Inner { kind, model, status, .. } = &*self.0;
        let status = status.map(|status| format!("HTTP {status}: ")).unwrap_or_default();
        format!("model `{model}`: {status}{kind}")
    }

    /// Whether the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        use ModelErrorKind as K;
        matches!(self.0.kind, K::RateLimited | K::Unreachable | K::Unavailable | K::TimedOut | K::Interrupted)
    }
}

impl fmt::Display for ModelErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { model, message, status, retry_after, .. } = &*self.0;
        write!(f, "model `{model}`: ")?;
        if let Some(status) = status {
            write!(f, "HTTP {status}: ")?;
        }
        f.write_str(message)?;
        if let Some(after) = retry_after {
            write!(f, " (try again in {:.1} s)", after.as_secs_f64())?;
        }
        Ok(())
    }
}

impl Error for ModelError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

/// Equal in everything but the cause, which a recorded error no longer has.
impl PartialEq for ModelError {
    fn eq(&self, other: &Self) -> bool {
        let view = |error: &Self| {
            let inner = &error.0;
            (inner.kind, inner.model.clone(), inner.message.clone(), inner.status, inner.retry_after)
        };
        view(self) == view(other)
    }
}
