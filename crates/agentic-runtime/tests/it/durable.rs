//! Durable runs: crashed at every write, repeated from their journals.

mod changes;
mod copies;
mod crashes;
mod exhausted;
mod foreign;
mod golden;
mod handing_back;
mod others;
mod owners;
mod rules;
