//! What every implementation of a trait must do.
//!
//! Each suite is a set of plain async functions that take the thing to test, and a run context if it needs one, and
//! panic with what is wrong. A third party's model, tool or store is tested by the same functions as ours.

pub mod embedder;
pub mod journal_store;
pub mod model;
pub mod tool;
pub mod vector_store;
