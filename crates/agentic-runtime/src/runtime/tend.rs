//! Looking after the runs at work here: their leases, and what is posted to them.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::{Active, Inner, Runtime};
use crate::engine::Input;
use crate::store::JournalError;

impl Runtime {
    /// Hands a run what was posted to it and it does not have yet.
    pub(super) async fn feed(&self, active: &Active) -> Result<(), JournalError> {
        let posted = self.0.store.posted(active.lease.run).await?;
        let mut fed = active.fed.lock().unwrap_or_else(PoisonError::into_inner);
        for post in posted.into_iter().filter(|post| post.id > *fed).collect::<Vec<_>>() {
            *fed = post.id;
            // What can't be read a newer version posted: it stays for that one.
            active.engine.input(post.content.read::<Input>().ok(), post.id);
        }
        Ok(())
    }

    /// Sees to it that somebody looks after the runs at work here.
    pub(super) fn tend(&self) {
        if self.0.tended.swap(true, Ordering::AcqRel) {
            return;
        }
        let inner = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            let mut renewed = None;
            while let Some(inner) = inner.upgrade() {
                // The flag first: a run that comes after this look finds it lowered, and calls again.
                if inner.active().is_empty() {
                    inner.tended.store(false, Ordering::Release);
                    if inner.active().is_empty() || inner.tended.swap(true, Ordering::AcqRel) {
                        return;
                    }
                }
                let now = inner.now();
                let since = renewed.map(|at| now.since(at));
                if since.is_none_or(|since| since >= inner.lease / 3) {
                    inner.renew().await;
                    renewed = Some(now);
                }
                Self(inner.clone()).feed_all().await;
                let pause = inner.sources.sleep(inner.poll);
                drop(inner);
                pause.await;
            }
        });
    }

    /// Hands every run at work here what other processes have posted to it.
    async fn feed_all(&self) {
        let Ok(runs) = self.0.store.posted_to(&self.0.owner).await else { return };
        for run in runs {
            let active = self.0.active().get(&run).cloned();
            if let Some(active) = active {
                drop(self.feed(&active).await);
            }
        }
    }
}

impl Inner {
    /// Keeps the leases of the runs at work here; those that were lost stop.
    async fn renew(&self) {
        let active: Vec<_> = self.active().values().cloned().collect();
        let leases: Vec<_> = active.iter().map(|run| run.lease.clone()).collect();
        let until = self.now().after(self.lease);
        // If the store can't be reached, the leases may run out, and then every write is refused.
        let Ok(lost) = self.store.renew(&leases, until).await else { return };
        for run in active.iter().filter(|run| lost.contains(&run.lease.run)) {
            run.engine.stop();
        }
    }
}
