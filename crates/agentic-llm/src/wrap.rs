//! Models around models: each implements `ChatModel` and holds another one.

mod rate_limit;
mod retry;

pub use rate_limit::{RateLimit, RateLimits};
pub use retry::{Retry, RetryPolicy};

#[cfg(test)]
mod harness;
