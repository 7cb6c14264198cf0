#![doc = include_str!("../README.md")]

pub mod adapter;
#[cfg(feature = "catalog")]
pub mod catalog;
mod ids;
mod open;
#[cfg(feature = "openai")]
mod prices;
mod secret;
#[cfg(feature = "sse")]
pub mod sse;
pub mod toolcall;
#[cfg(feature = "openai")]
mod transport;
pub mod wrap;

// Models by address.
pub use open::{
    DEFAULT_EMBEDDER, Environment, OpenError, open, open_embedder, open_embedder_with, open_with,
};
#[cfg(feature = "openai")]
pub use prices::{PriceList, PriceListError, PricedModel};
pub use secret::Secret;

// Models around models.
pub use wrap::{Cached, RateLimit, RateLimits, Retry, RetryPolicy, TextCalls};
