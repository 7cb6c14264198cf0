//! The tools as an agent uses them: through a run context.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cloned_ref_to_slice_refs,
    reason = "these are tests"
)]

mod agents;
mod calculator_and_time;
#[cfg(all(target_os = "linux", any(target_arch = "aarch64", target_arch = "x86_64")))]
mod code;
mod files;
mod functions;
mod http;
mod jail;
#[cfg(unix)]
mod shell;
mod support;
mod table;
mod ui;
