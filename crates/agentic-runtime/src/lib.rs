#![doc = include_str!("../README.md")]

mod approver;
mod bundle;
mod diff;
mod divergence;
mod driven;
mod engine;
mod ephemeral;
mod fork;
mod journal;
mod replay;
mod report;
mod resolution;
mod rules;
mod runtime;
mod sources;
mod store;
#[cfg(feature = "tracing")]
mod telemetry;
mod watch;

pub use approver::{Answer, ApproveAll, Approver, DenyAll};
pub use bundle::Bundle;
pub use diff::{Difference, Differs, Side, diff};
pub use divergence::Divergence;
pub use engine::GRACE;
pub use ephemeral::{Ephemeral, RunContextExt};
pub use fork::{Fork, ForkEffects};
pub use journal::{AgentResult, Begin, ENTRY_FORMAT, Entry, EntryKind, Seq};
pub use replay::replay;
pub use report::{RunError, RunReport};
pub use resolution::Resolution;
pub use runtime::{
    AgentSource, NoAgent, Run, RunOptions, Runtime, RuntimeBuilder, RuntimeError, RuntimeErrorKind, Worker,
    WorkerOptions,
};
pub use sources::SystemSources;
pub use store::{
    Append, Claim, Commit, JournalError, JournalErrorKind, JournalStore, Lease, MemoryStore, NewRun, Post,
    Posted, Release, RunFilter, RunRecord, Wait, Which,
};
#[cfg(feature = "sqlite")]
pub use store::{Durability, SqliteOptions, SqliteStore};
#[cfg(feature = "tracing")]
pub use telemetry::TracingSink;
