//! Tests of the crate as its users see it.

#[cfg(feature = "local")]
mod local_engine;
#[cfg(feature = "local")]
mod local_model;
