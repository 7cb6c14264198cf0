//! What every implementation of a trait must do.
//!
//! Each suite is a set of plain async functions that take a run context and the thing to test, and panic with what
//! is wrong. A third party's model or tool is tested by the same functions as ours.

pub mod model;
pub mod tool;
