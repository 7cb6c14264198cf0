#![doc = include_str!("../README.md")]

mod approver;
mod driven;
mod ephemeral;
mod journal;
mod report;
mod sources;
mod store;
mod watch;

pub use approver::{ApproveAll, Approver, DenyAll};
pub use ephemeral::{Ephemeral, GRACE, RunContextExt};
pub use journal::{AgentResult, Begin, ENTRY_FORMAT, Entry, EntryKind, Seq};
pub use report::RunReport;
pub use sources::SystemSources;
pub use store::{
    Append, Claim, Commit, JournalError, JournalErrorKind, JournalStore, Lease, MemoryStore, NewRun, Post,
    Posted, Release, RunFilter, RunRecord, Wait, Which,
};
#[cfg(feature = "sqlite")]
pub use store::{Durability, SqliteOptions, SqliteStore};
