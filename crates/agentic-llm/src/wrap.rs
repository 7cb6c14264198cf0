//! Models around models: each implements `ChatModel` and holds another one.

mod rate_limit;
mod retry;
mod text_calls;

pub use rate_limit::{RateLimit, RateLimits};
pub use retry::{Retry, RetryPolicy};
pub use text_calls::TextCalls;

#[cfg(test)]
mod harness;
