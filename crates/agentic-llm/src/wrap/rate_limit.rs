//! Keeps to a provider's limits before the provider has to say no.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    ChatModel, ModelContext, ModelError, ModelEvent, ModelInfo, ModelRequest, ModelStream, Timestamp, Usage,
};
use async_trait::async_trait;
use futures_util::StreamExt as _;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

/// What [`RateLimit`] keeps to; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimits {
    /// Requests in a minute.
    pub requests_per_minute: Option<u32>,
    /// Input and output tokens in a minute.
    pub tokens_per_minute: Option<u64>,
    /// Requests at a time.
    pub concurrent: Option<usize>,
}

impl RateLimits {
    /// The same limits with at most this many requests a minute.
    pub fn with_requests_per_minute(mut self, requests: u32) -> Self {
        self.requests_per_minute = Some(requests);
        self
    }

    /// The same limits with at most this many tokens a minute.
    pub fn with_tokens_per_minute(mut self, tokens: u64) -> Self {
        self.tokens_per_minute = Some(tokens);
        self
    }

    /// The same limits with at most this many requests at a time.
    pub fn with_concurrent(mut self, requests: usize) -> Self {
        self.concurrent = Some(requests);
        self
    }
}

/// A model that is asked no faster than its limits allow: requests wait in the order in which they came.
///
/// Requests and tokens are token buckets, full at first, which hold one minute's worth. A request takes an upper
/// bound of its tokens (the prompt's, and the output limit if one is set) and gives back what it did not use, so
/// the limit is never passed, but large prompts wait longer than they might have to. A request larger than
/// a minute's worth takes the whole bucket.
///
/// Clones and all runs that use the model share the limits. Time comes from the effect context. A request that is
/// dropped while it waits leaves the queue and takes nothing.
#[derive(Clone, Debug)]
pub struct RateLimit<M> {
    model: Arc<M>,
    gate: Arc<Gate>,
}

#[derive(Debug)]
struct Gate {
    concurrent: Option<Arc<Semaphore>>,
    /// Held by the request that waits at the head of the queue. Tokio's mutex is fair.
    head: Mutex<()>,
    /// Locked for moments only.
    buckets: std::sync::Mutex<Buckets>,
}

#[derive(Debug)]
struct Buckets {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
}

/// Fills evenly up to one minute's worth.
#[derive(Debug)]
struct Bucket {
    per_minute: u64,
    /// What is in it, in sixty-thousandths, so that a millisecond fills a whole number. Below zero if a request
    /// took more than it had reserved.
    level: i128,
    at: Option<Timestamp>,
}

const MINUTE_MS: i128 = 60_000;

impl Bucket {
    fn new(per_minute: u64) -> Self {
        let per_minute = per_minute.max(1);
        Self { per_minute, level: i128::from(per_minute) * MINUTE_MS, at: None }
    }

    fn full(&self) -> i128 {
        i128::from(self.per_minute) * MINUTE_MS
    }

    fn fill(&mut self, now: Timestamp) {
        let passed = now.since(self.at.unwrap_or(now)).as_millis();
        // A clock that goes back fills nothing and takes nothing.
        self.at = Some(self.at.map_or(now, |at| at.max(now)));
        let passed = i128::try_from(passed).unwrap_or(i128::MAX).min(self.full());
        self.level =
            self.level.saturating_add(passed.saturating_mul(i128::from(self.per_minute))).min(self.full());
    }

    /// How long until `amount` is there.
    fn wait(&self, amount: u64) -> Duration {
        let missing = self.wanted(amount) - self.level;
        if missing <= 0 {
            return Duration::ZERO;
        }
        let millis = (missing + i128::from(self.per_minute) - 1) / i128::from(self.per_minute);
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    fn take(&mut self, amount: u64) {
        self.level -= self.wanted(amount);
    }

    fn wanted(&self, amount: u64) -> i128 {
        i128::from(amount.min(self.per_minute)) * MINUTE_MS
    }

    /// Books what was taken in place of what was reserved.
    fn settle(&mut self, reserved: u64, taken: u64) {
        let taken = i128::from(taken) * MINUTE_MS;
        self.level = (self.level + self.wanted(reserved) - taken).min(self.full());
    }
}

impl Gate {
    fn buckets(&self) -> std::sync::MutexGuard<'_, Buckets> {
        // Numbers, changed in one go.
        self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Waits for the request's turn.
    async fn enter(self: Arc<Self>, tokens: u64, mcx: &ModelContext) -> Pass {
        let permit = match &self.concurrent {
            // A semaphore that nobody closes always gives a permit.
            Some(semaphore) => semaphore.clone().acquire_owned().await.ok(),
            None => None,
        };
        let head = self.head.lock().await;
        loop {
            let wait = {
                let Buckets { requests, tokens: bucket } = &mut *self.buckets();
                let now = mcx.now();
                let of = |bucket: &mut Option<Bucket>, amount| {
                    bucket.as_mut().map_or(Duration::ZERO, |bucket| {
                        bucket.fill(now);
                        bucket.wait(amount)
                    })
                };
                let wait = of(requests, 1).max(of(bucket, tokens));
                if wait.is_zero() {
                    if let Some(bucket) = requests {
                        bucket.take(1);
                    }
                    if let Some(bucket) = bucket {
                        bucket.take(tokens);
                    }
                }
                wait
            };
            if wait.is_zero() {
                break;
            }
            mcx.sleep(wait).await;
        }
        drop(head);
        Pass { gate: self, reserved: tokens, taken: None, _permit: permit }
    }
}

/// A request that was let in.
#[derive(Debug)]
struct Pass {
    gate: Arc<Gate>,
    reserved: u64,
    /// What it took; `None` as long as nobody said, and then for ever if it failed.
    taken: Option<u64>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Pass {
    /// Notes what the request took.
    fn took(&mut self, usage: Usage) {
        self.taken = Some(usage.input_tokens.saturating_add(usage.output_tokens));
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        // Nobody knows what a failed request took: its reservation stands.
        if let (Some(taken), Some(bucket)) = (self.taken, &mut self.gate.buckets().tokens) {
            bucket.settle(self.reserved, taken);
        }
    }
}

impl<M: ChatModel> RateLimit<M> {
    /// Asks `model` no faster than these limits allow.
    pub fn new(model: M, limits: RateLimits) -> Self {
        let buckets = Buckets {
            requests: limits.requests_per_minute.map(|limit| Bucket::new(limit.into())),
            tokens: limits.tokens_per_minute.map(Bucket::new),
        };
        let concurrent =
            limits.concurrent.map(|limit| Arc::new(Semaphore::new(limit.clamp(1, Semaphore::MAX_PERMITS))));
        let gate = Gate { concurrent, head: Mutex::new(()), buckets: std::sync::Mutex::new(buckets) };
        Self { model: Arc::new(model), gate: Arc::new(gate) }
    }
}

#[async_trait]
impl<M: ChatModel> ChatModel for RateLimit<M> {
    fn info(&self) -> &ModelInfo {
        self.model.info()
    }

    async fn stream(&self, request: ModelRequest, mcx: ModelContext) -> Result<ModelStream, ModelError> {
        let prompt = request.token_bound(&self.info().id);
        let tokens = prompt.saturating_add(request.max_output_tokens.unwrap_or(0));
        let mut pass = self.gate.clone().enter(tokens, &mcx).await;
        let events = self.model.stream(request, mcx).await?;
        let events = events.map(move |event| {
            if let Ok(ModelEvent::Finished(response)) = &event {
                pass.took(response.usage);
            }
            event
        });
        Ok(events.boxed())
    }
}

#[cfg(test)]
mod tests;
