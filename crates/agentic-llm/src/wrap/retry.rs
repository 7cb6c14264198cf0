//! Tries again what may succeed later.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    ChatModel, Embedder, EmbedderInfo, Embeddings, ModelContext, ModelError, ModelInfo, ModelRequest,
    ModelStream, Timestamp,
};
use async_trait::async_trait;
use futures_util::future::{Either, select};
use futures_util::{StreamExt as _, stream};

/// How often and how long [`Retry`] tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Attempts in all, the first one included. Default: 4.
    pub attempts: u32,
    /// The longest first wait; it doubles with each attempt. Default: 0.5 s.
    pub first_wait: Duration,
    /// The longest wait, unless the provider asks for a longer one. Default: 30 s.
    pub longest_wait: Duration,
    /// No attempt starts later than this after the first. Default: 2 minutes.
    pub total_time: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 4,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
            total_time: Duration::from_secs(120),
        }
    }
}

impl RetryPolicy {
    /// The same policy with this many attempts in all, at least one.
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The same policy with these limits on one wait.
    pub fn with_waits(mut self, first: Duration, longest: Duration) -> Self {
        (self.first_wait, self.longest_wait) = (first, longest);
        self
    }

    /// The same policy with this limit on all attempts together.
    pub fn with_total_time(mut self, time: Duration) -> Self {
        self.total_time = time;
        self
    }

    /// How long to wait after `attempt` (from 1) failed: exponential backoff with full jitter ("Exponential
    /// Backoff And Jitter", AWS Architecture Blog, 2015), but never less than the provider asks for.
    fn wait(&self, attempt: u32, error: &ModelError, random: u64) -> Duration {
        let doubled = self.first_wait.saturating_mul(1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX));
        let most = doubled.min(self.longest_wait);
        // 53 bits are all that a float holds.
        let share = (random >> 11) as f64 / (1_u64 << 53) as f64;
        let jittered = most.mul_f64(share);
        match error.retry_after() {
            // A little jitter on top, or all who were refused come back at the same moment.
            Some(after) => after.saturating_add(jittered.min(after / 4)),
            None => jittered,
        }
    }

    /// Waits for the next attempt. `false` if there is none.
    pub(crate) async fn wait_after(
        &self,
        attempt: u32,
        error: &ModelError,
        began: Timestamp,
        mcx: &ModelContext,
    ) -> bool {
        if !error.is_retryable() || attempt >= self.attempts {
            return false;
        }
        let wait = self.wait(attempt, error, mcx.random());
        let spent = mcx.now().since(began);
        let too_late = spent.saturating_add(wait) > self.total_time;
        if too_late || mcx.time_left().is_some_and(|left| left <= wait) {
            return false;
        }
        let (model, kind) = (error.model(), error.kind());
        tracing::debug!(model, ?kind, attempt, ?wait, "a model call failed and is tried again");
        let sleep = std::pin::pin!(mcx.sleep(wait));
        let cancelled = std::pin::pin!(mcx.cancelled());
        matches!(select(sleep, cancelled).await, Either::Left(_)) && !mcx.is_cancelled()
    }
}

/// A chat or embedding model that tries again when the one inside fails with a retryable error
/// ([`ModelError::is_retryable`]).
///
/// It tries again only as long as nothing came of an attempt: once an event was given, what was paid for and shown
/// can't be taken back, so an error ends the stream. It gives up, with the last error, after the policy's attempts or time, when the step's deadline comes before the next
/// attempt, and at once when the run is cancelled. Waiting and jitter come from the effect context, so tests
/// need no real time.
///
/// Of an embedding model a whole call is tried again. (One behind an endpoint tries its requests again by itself, so that a
/// long list does not begin anew.)
///
/// The response's usage is that of the attempt that succeeded: those before it ended before their first event, and
/// cost nothing that anybody told.
#[derive(Clone, Debug)]
pub struct Retry<M> {
    model: Arc<M>,
    policy: RetryPolicy,
}

impl<M> Retry<M> {
    /// Tries `model` again by the default policy.
    pub fn new(model: M) -> Self {
        Self { model: Arc::new(model), policy: RetryPolicy::default() }
    }

    /// The same model with this policy.
    pub fn with_policy(mut self, policy: RetryPolicy) -> Self {
        self.policy = policy;
        self
    }
}

#[async_trait]
impl<M: ChatModel> ChatModel for Retry<M> {
    fn info(&self) -> &ModelInfo {
        self.model.info()
    }

    async fn stream(&self, request: ModelRequest, mcx: ModelContext) -> Result<ModelStream, ModelError> {
        let began = mcx.now();
        let mut attempt = 1;
        loop {
            // An error as the first event and an error of the call are the same thing.
            let error = match self.model.stream(request.clone(), mcx.clone()).await {
                Ok(mut events) => match events.next().await {
                    Some(Err(error)) => error,
                    first => return Ok(stream::iter(first).chain(events).boxed()),
                },
                Err(error) => error,
            };
            if !self.policy.wait_after(attempt, &error, began, &mcx).await {
                return Err(error);
            }
            attempt += 1;
        }
    }
}

#[async_trait]
impl<E: Embedder> Embedder for Retry<E> {
    fn info(&self) -> &EmbedderInfo {
        self.model.info()
    }

    async fn embed(&self, texts: Arc<[String]>, mcx: ModelContext) -> Result<Embeddings, ModelError> {
        let began = mcx.now();
        let mut attempt = 1;
        loop {
            match self.model.embed(texts.clone(), mcx.clone()).await {
                Ok(embeddings) => return Ok(embeddings),
                Err(error) if self.policy.wait_after(attempt, &error, began, &mcx).await => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests;
