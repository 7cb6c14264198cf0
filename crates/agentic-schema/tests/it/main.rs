//! Tests against fixtures outside the repository.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // helpers of tests

mod bfcl;
mod json_repair;
mod json_schema_suite;
