//! Tests against fixtures outside the repository.

mod fixtures;
mod json_repair;
mod json_schema_suite;
