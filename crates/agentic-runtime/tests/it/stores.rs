//! Every store keeps the contract of `JournalStore`.

use std::sync::Arc;

use agentic_runtime::{JournalStore, MemoryStore};
use agentic_testkit::conformance::journal_store;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory() {
    let store: Arc<dyn JournalStore> = Arc::new(MemoryStore::new());
    journal_store::all(&store).await;
    journal_store::all_of_two(&store, &store).await;
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::path::Path;

    use agentic_runtime::{Durability, SqliteOptions, SqliteStore};

    use super::*;

    async fn open(path: &Path) -> Arc<dyn JournalStore> {
        let options = SqliteOptions::new().with_durability(Durability::Relaxed);
        Arc::new(SqliteStore::open(path, options).await.unwrap())
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn one_handle() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a folder/journals.db");
        journal_store::all(&open(&path).await).await;
        // A store that was used before.
        journal_store::all(&open(&path).await).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn two_handles() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journals.db");
        let (one, other) = tokio::join!(open(&path), open(&path));
        journal_store::all_of_two(&one, &other).await;
        tokio::join!(journal_store::all(&one), journal_store::all(&other));
    }
}
