//! A store that is shared is a store.

use std::sync::Arc;

use agentic_core::{RunId, Timestamp, async_trait};

use super::{
    Append, Claim, JournalError, JournalStore, Lease, NewRun, Post, Posted, Release, RunFilter, RunRecord,
};
use crate::journal::{Entry, Seq};

#[async_trait]
impl<S: JournalStore + ?Sized> JournalStore for Arc<S> {
    async fn create(&self, run: NewRun) -> Result<(), JournalError> {
        (**self).create(run).await
    }

    async fn run(&self, run: RunId) -> Result<RunRecord, JournalError> {
        (**self).run(run).await
    }

    async fn list(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, JournalError> {
        (**self).list(filter).await
    }

    async fn load(&self, run: RunId, after: Seq) -> Result<Vec<Entry>, JournalError> {
        (**self).load(run, after).await
    }

    async fn delete(&self, run: RunId, now: Timestamp) -> Result<(), JournalError> {
        (**self).delete(run, now).await
    }

    async fn due_queues(&self, now: Timestamp) -> Result<Vec<String>, JournalError> {
        (**self).due_queues(now).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Option<Lease>, JournalError> {
        (**self).claim(claim).await
    }

    async fn renew(&self, leases: &[Lease], until: Timestamp) -> Result<Vec<RunId>, JournalError> {
        (**self).renew(leases, until).await
    }

    fn append(&self, append: Append) {
        (**self).append(append);
    }

    async fn release(&self, lease: &Lease, release: Release) -> Result<(), JournalError> {
        (**self).release(lease, release).await
    }

    async fn post(&self, run: RunId, post: Post) -> Result<(), JournalError> {
        (**self).post(run, post).await
    }

    async fn posted(&self, run: RunId) -> Result<Vec<Posted>, JournalError> {
        (**self).posted(run).await
    }

    async fn posted_to(&self, owner: &str) -> Result<Vec<RunId>, JournalError> {
        (**self).posted_to(owner).await
    }
}
