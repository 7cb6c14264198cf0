//! The memories and their stores, as others use them.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "these are tests")]

mod admission;
mod agents;
mod compaction;
mod consolidation;
mod copying;
mod crash;
mod episodic;
mod hierarchical;
mod junk;
mod locomo;
mod long_term;
mod postgres_tls;
mod races;
mod short_term;
mod stores;
mod tenancy;
