#![doc = include_str!("../README.md")]

mod approver;
mod driven;
mod ephemeral;
mod report;
mod sources;
mod watch;

pub use approver::{ApproveAll, Approver, DenyAll};
pub use ephemeral::{Ephemeral, GRACE, RunContextExt};
pub use report::RunReport;
pub use sources::SystemSources;
