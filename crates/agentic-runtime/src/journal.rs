//! The journal of a run: what happened, in the order in which the agent was told.

mod entry;
mod event;

pub use entry::{AgentResult, Begin, ENTRY_FORMAT, Entry, EntryKind, Seq};
