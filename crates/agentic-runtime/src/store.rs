//! Where journals are kept, and who works on which run.

mod error;
mod memory;
mod record;
mod shared;
#[cfg(feature = "sqlite")]
mod sqlite;
mod types;

use std::fmt::Debug;

use agentic_core::{RunId, Timestamp, async_trait};

pub use error::{JournalError, JournalErrorKind};
pub use memory::MemoryStore;
#[cfg(feature = "sqlite")]
pub use sqlite::{Durability, SqliteOptions, SqliteStore};
pub use types::{
    Append, Claim, Commit, Lease, NewRun, Post, Posted, Release, RunFilter, RunRecord, Wait, Which,
};

use crate::journal::{Entry, Seq};

/// Keeps the journals of runs, and knows which process works on which run.
///
/// # The contract
/// - One call, one transaction: it happens as a whole or not at all, whenever the process or the machine stops. What
///   was answered with `Ok` is durable.
/// - A run's journal only grows, by entries whose places follow each other.
/// - A run is owned by whoever [claimed](Self::claim) it last. Each claim raises the run's epoch; an append, a renewal
///   or a release with an older epoch is refused with [`JournalErrorKind::Fenced`] and changes nothing, however clocks
///   jump and however long its sender was asleep.
/// - A run that has ended is never claimed, appended to or changed again; it can be read and deleted.
///
/// `agentic_testkit::conformance::journal_store` tests whether a store keeps it.
#[async_trait]
pub trait JournalStore: Debug + Send + Sync + 'static {
    /// Accepts a run: `pending`, or `waiting` if it says so. Durable when this returns.
    ///
    /// # Errors
    /// [`Exists`](JournalErrorKind::Exists) if there is a run with this id, [`Invalid`](JournalErrorKind::Invalid) if its
    /// entries are out of order.
    async fn create(&self, run: NewRun) -> Result<(), JournalError>;

    /// What is known of a run.
    ///
    /// # Errors
    /// [`NotFound`](JournalErrorKind::NotFound).
    async fn run(&self, run: RunId) -> Result<RunRecord, JournalError>;

    /// The runs that fit, the youngest first.
    ///
    /// # Errors
    /// If the store can't be read.
    async fn list(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, JournalError>;

    /// The entries of a run after this place, in order; all of them after `Seq(0)`. Only what is durable.
    ///
    /// # Errors
    /// [`NotFound`](JournalErrorKind::NotFound), [`Format`](JournalErrorKind::Format) if a newer version wrote them,
    /// [`Corrupt`](JournalErrorKind::Corrupt).
    async fn load(&self, run: RunId, after: Seq) -> Result<Vec<Entry>, JournalError>;

    /// Takes a run away: its journal, what was posted to it, and payloads that no other run has.
    ///
    /// # Errors
    /// [`NotFound`](JournalErrorKind::NotFound); [`Busy`](JournalErrorKind::Busy) while somebody's lease holds.
    async fn delete(&self, run: RunId, now: Timestamp) -> Result<(), JournalError>;

    // ----------------------------------------------------------------------------------------- ownership

    /// The queues in which a run could be [claimed](Self::claim) now, in any order.
    ///
    /// # Errors
    /// If the store can't be read.
    async fn due_queues(&self, now: Timestamp) -> Result<Vec<String>, JournalError>;

    /// Takes a run to work on it. Free to be taken are runs that are `pending`, those that wait and whose time has
    /// come, and those whose owner has not renewed its lease in time; [`Which::Run`] also takes one that waits for
    /// something else. Counts the attempt, makes the run `running`, and raises its epoch.
    ///
    /// Gives `None` if there is none for [`Which::Next`].
    ///
    /// # Errors
    /// For [`Which::Run`] [`NotFound`](JournalErrorKind::NotFound), [`Busy`](JournalErrorKind::Busy) if another owns
    /// it, [`Ended`](JournalErrorKind::Ended).
    async fn claim(&self, claim: &Claim) -> Result<Option<Lease>, JournalError>;

    /// Keeps leases until `until`. Gives the runs whose lease was lost.
    ///
    /// # Errors
    /// If the store can't be written.
    async fn renew(&self, leases: &[Lease], until: Timestamp) -> Result<Vec<RunId>, JournalError>;

    /// Adds entries to a run's journal. The order of calls is the order of the entries; this returns at once, and
    /// [`Append::done`] is told later, perhaps on another thread, once for each call and in the order of the calls.
    ///
    /// What is durable of a run is always a beginning of its journal: if an append fails, those that go on from it fail
    /// too, and none of them consumes anything.
    ///
    /// It is told [`NotFound`](JournalErrorKind::NotFound), [`Fenced`](JournalErrorKind::Fenced),
    /// [`Unseen`](JournalErrorKind::Unseen) if they end the run and something was posted that its owner has not
    /// [seen](Append::seen), [`Invalid`](JournalErrorKind::Invalid) if there are no entries, if they don't go on from what
    /// the journal has, or if what is to be consumed is not there; or that the store can't be written.
    fn append(&self, append: Append);

    /// Gives a run back, as `pending` or `waiting`. If something was posted to it that its owner has not
    /// [seen](Release::seen), it can be claimed at once, whatever `release` says.
    ///
    /// # Errors
    /// [`NotFound`](JournalErrorKind::NotFound), [`Fenced`](JournalErrorKind::Fenced) if the lease is not the run's last,
    /// or is over.
    async fn release(&self, lease: &Lease, release: Release) -> Result<(), JournalError>;

    // -------------------------------------------------------------------------------------- from outside

    /// Leaves something for whoever works on the run, durably; a run that waits can be claimed from now on.
    ///
    /// # Errors
    /// [`NotFound`](JournalErrorKind::NotFound), [`Ended`](JournalErrorKind::Ended),
    /// [`Exists`](JournalErrorKind::Exists) if something with this key was posted to the run before, even if it has
    /// been consumed since.
    async fn post(&self, run: RunId, post: Post) -> Result<(), JournalError>;

    /// What was posted to this run and not consumed, in the order of posting.
    ///
    /// # Errors
    /// [`NotFound`](JournalErrorKind::NotFound).
    async fn posted(&self, run: RunId) -> Result<Vec<Posted>, JournalError>;

    /// The runs of this owner to which something was posted that is not consumed.
    ///
    /// # Errors
    /// If the store can't be read.
    async fn posted_to(&self, owner: &str) -> Result<Vec<RunId>, JournalError>;
}
