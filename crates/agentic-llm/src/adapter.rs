//! Model adapters: one file each.

#[cfg(feature = "local")]
pub mod local;
