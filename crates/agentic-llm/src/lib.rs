//! Chat models and embedders for the `agentic` workspace, and the models themselves.
//!
//! | module | feature | holds |
//! |---|---|---|
//! | `catalog` | `catalog` | which models are known, where they come from, where they lie on this machine |

#[cfg(feature = "catalog")]
pub mod catalog;
