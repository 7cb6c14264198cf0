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

    use agentic_core::{Json, RunId, RunStatus, Spend, Timestamp};
    use agentic_runtime::{
        Append, Claim, Commit, Durability, Entry, EntryKind, NewRun, RunFilter, Seq, SqliteOptions,
        SqliteStore, Which,
    };

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

    /// Where the processes of [`processes_share_the_work`] find the store.
    const SHARED: &str = "AGENTIC_TEST_SHARED_STORE";

    /// Takes runs and finishes them until none is left.
    async fn work(path: &Path, owner: &str) {
        let store = SqliteStore::open(path, SqliteOptions::new()).await.unwrap();
        let (now, until) = (Timestamp::from_millis(1), Timestamp::from_millis(2));
        let which = Which::Next { queue: "shared".into() };
        let claim = Claim { owner: owner.into(), which, now, until };
        while let Some(lease) = store.claim(&claim).await.unwrap() {
            assert_eq!((lease.epoch, lease.attempt), (1, 1), "nobody had it before");
            let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
            for seq in 2..=20 {
                let kind = if seq < 20 { resumed() } else { end() };
                let entries = vec![Entry { seq: Seq(seq), at: now, kind }];
                let tell = tell.clone();
                let done = Commit::new(move |result| tell.send(result).unwrap());
                store.append(Append { lease: lease.clone(), entries, consumed: vec![], seen: None, done });
            }
            drop(tell);
            while let Some(result) = told.recv().await {
                result.unwrap();
            }
        }
    }

    fn resumed() -> EntryKind {
        EntryKind::Resumed { attempt: 1, code: "1".into() }
    }

    fn end() -> EntryKind {
        let (status, spend) = (RunStatus::Completed, Spend::default());
        EntryKind::Finished { status, reason: None, spend, error: None, idle: false, result: Json::default() }
    }

    #[tokio::test]
    async fn processes_share_the_work() {
        if let Some(path) = std::env::var_os(SHARED) {
            // One of the others.
            work(Path::new(&path), &format!("process {}", std::process::id())).await;
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journals.db");
        let store = open(&path).await;
        for n in 0..60 {
            let at = Timestamp::from_millis(0);
            let new = NewRun {
                id: RunId(uuid::Uuid::from_u128(n)),
                queue: "shared".into(),
                agent: "agent".into(),
                goal: "goal".into(),
                at,
                entries: vec![Entry { seq: Seq(1), at, kind: resumed() }],
                forked_from: None,
                waits: None,
            };
            store.create(new).await.unwrap();
        }
        let other = || {
            std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "stores::sqlite::processes_share_the_work"])
                .env(SHARED, &path)
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        };
        let others = [other(), other(), other()];
        work(&path, "the first").await;
        for mut other in others {
            assert!(other.wait().unwrap().success());
        }
        let runs = store.list(&RunFilter::default()).await.unwrap();
        assert_eq!(runs.len(), 60);
        for run in runs {
            assert_eq!((run.status, run.entries), (RunStatus::Completed, 20));
        }
    }
}
