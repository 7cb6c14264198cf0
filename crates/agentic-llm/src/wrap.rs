//! Models around models: each implements `ChatModel` or `Embedder` and holds another one.

mod cached;
mod rate_limit;
mod retry;
mod text_calls;

pub use cached::Cached;
pub use rate_limit::{RateLimit, RateLimits};
pub use retry::{Retry, RetryPolicy};
pub use text_calls::TextCalls;

#[cfg(test)]
mod harness;
