//! Tests of the crate as its users see it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "these are tests"
)]

#[cfg(feature = "local")]
mod local_engine;
#[cfg(feature = "local")]
mod local_model;
#[cfg(feature = "onnx")]
mod onnx_bad_input;
#[cfg(feature = "onnx")]
mod onnx_model;
