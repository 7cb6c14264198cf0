//! Tests against fixtures outside the repository.

mod bfcl;
mod fixtures;
mod json_repair;
mod json_schema_suite;
