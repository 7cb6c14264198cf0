//! What both measurements share: the default embedding model, watched, and how figures are made and printed.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measuring program reads the clock and prints"
)]

mod figures;
mod model;

pub use figures::{Bars, Times, mean, ndcg};
pub use model::{Watched, default_model};

/// Anything that goes wrong.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;
