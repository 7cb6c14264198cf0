//! What is SQLite's own: files, damage, full disks, and the transactions that calls share.

use std::path::PathBuf;
use std::sync::mpsc;

use agentic_core::{Budget, Digest, EffectClass, Json, Spend, StepId, StepKind};
use tempfile::TempDir;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::*;
use crate::journal::EntryKind;
use crate::store::types::{Commit, Which};

type Answer = oneshot::Receiver<Result<(), JournalError>>;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journals.db");
    (folder, path)
}

fn relaxed() -> SqliteOptions {
    SqliteOptions::new().with_durability(Durability::Relaxed)
}

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, relaxed()).await.unwrap()
}

/// Opening it must fail for this reason, and say so in one line that names the file.
async fn refused(path: &Path, kind: Kind) -> String {
    fails(SqliteStore::open(path, relaxed()).await, kind, path)
}

#[track_caller]
fn fails<T: std::fmt::Debug>(result: Result<T, JournalError>, kind: Kind, path: &Path) -> String {
    let error = result.unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    assert!(text.contains(path.to_str().unwrap()) && !text.contains('\n'), "{text}");
    text
}

fn id(n: u128) -> RunId {
    RunId(Uuid::from_u128(n))
}

fn started() -> Entry {
    let (agent, code, seed) = ("agent".into(), "1".into(), Digest::default());
    let kind = EntryKind::Started { agent, code, seed, budget: Budget::default(), begin: Json::default() };
    Entry { seq: Seq(1), at: Timestamp::from_millis(1), kind }
}

fn told(seq: u64, text: &str) -> Entry {
    let kind = EntryKind::Told { scope: String::new(), event: Json::of(text).unwrap() };
    Entry { seq: Seq(seq), at: Timestamp::from_millis(seq), kind }
}

/// A run that is owned.
async fn owned(store: &SqliteStore, n: u128) -> Lease {
    let at = Timestamp::from_millis(1);
    let (queue, agent, goal) = ("queue".into(), "agent".into(), "goal".into());
    let entries = vec![started()];
    let new = NewRun { id: id(n), queue, agent, goal, at, entries, forked_from: None, waits: None };
    store.create(new).await.unwrap();
    let until = Timestamp::from_millis(u64::MAX);
    let claim = Claim { owner: "owner".into(), which: Which::Run(id(n)), now: at, until };
    store.claim(&claim).await.unwrap().unwrap()
}

fn append(store: &SqliteStore, lease: &Lease, entries: Vec<Entry>) -> Answer {
    let (tell, answer) = oneshot::channel();
    let done = Commit::new(move |result| drop(tell.send(result)));
    store.append(Append { lease: lease.clone(), entries, consumed: vec![], seen: None, done });
    answer
}

async fn add(store: &SqliteStore, lease: &Lease, entry: Entry) -> Result<(), JournalError> {
    append(store, lease, vec![entry]).await.unwrap()
}

async fn places(store: &SqliteStore, n: u128) -> Vec<u64> {
    store.load(id(n), Seq(0)).await.unwrap().iter().map(|entry| entry.seq.0).collect()
}

/// Lets the writer wait; what is queued meanwhile shares a transaction.
fn hold(store: &SqliteStore) -> mpsc::Sender<()> {
    let (go, wait) = mpsc::channel();
    let (here, arrived) = mpsc::channel();
    let work = move |_: &Connection| {
        let _ = here.send(());
        let _ = wait.recv();
        Ok(())
    };
    store.writer.send(Job::new(0, work, |_| {}));
    arrived.recv().unwrap();
    go
}

async fn sql(path: &Path, text: &str) {
    Connection::open(path).unwrap().execute_batch(text).unwrap();
}

async fn count(store: &SqliteStore, what: &'static str) -> i64 {
    store.read(move |db| Ok(db.query_row(what, (), |row| row.get(0))?)).await.unwrap()
}

fn size(folder: &TempDir) -> u64 {
    let files = std::fs::read_dir(folder.path()).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

// ------------------------------------------------------------------------------------------------- files

#[tokio::test]
async fn what_is_queued_when_the_store_goes_is_written() {
    let (folder, path) = place();
    let store = open(&path).await;
    let lease = owned(&store, 1).await;
    let answers: Vec<_> = (2..500).map(|seq| append(&store, &lease, vec![told(seq, "x")])).collect();
    drop(store);
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the log is gone");
    let store = open(&path).await;
    assert_eq!(places(&store, 1).await, (1..500).collect::<Vec<_>>());
    add(&store, &lease, told(500, "x")).await.unwrap();
}

#[tokio::test]
async fn whoever_is_told_of_a_commit_may_hold_the_last_handle() {
    let (_folder, path) = place();
    let store = Arc::new(open(&path).await);
    let lease = owned(&store, 1).await;
    let (tell, answer) = oneshot::channel();
    let go = hold(&store);
    let last = store.clone();
    let done = Commit::new(move |result| {
        drop(last);
        let _ = tell.send(result);
    });
    store.append(Append { lease, entries: vec![told(2, "x")], consumed: vec![], seen: None, done });
    drop(store);
    go.send(()).unwrap();
    answer.await.unwrap().unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn files_and_folders_are_for_the_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, _) = place();
    let path = folder.path().join("some/folders/journals.db");
    let store = open(&path).await;
    owned(&store, 1).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&folder.path().join("some")), 0o700);
    for end in ["", "-wal", "-shm"] {
        let file = format!("{}{end}", path.display());
        assert_eq!(mode(Path::new(&file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn what_is_no_store_is_left_alone() {
    let (_folder, path) = place();
    for (content, kind) in
        [("no database".repeat(500), Kind::Corrupt), ("SQLite format 3\0".to_owned(), Kind::Corrupt)]
    {
        std::fs::write(&path, &content).unwrap();
        refused(&path, kind).await;
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content, "it is as it was");
    }
    for change in ["CREATE TABLE cakes (name)", "PRAGMA user_version = 1", "PRAGMA application_id = 7"] {
        std::fs::remove_file(&path).unwrap();
        sql(&path, change).await;
        let before = std::fs::read(&path).unwrap();
        assert!(refused(&path, Kind::Corrupt).await.contains("another program"));
        assert_eq!(std::fs::read(&path).unwrap(), before, "it is as it was: {change}");
    }
    std::fs::write(&path, "").unwrap();
    owned(&open(&path).await, 1).await;
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let (_folder, path) = place();
    let store = open(&path).await;
    let lease = owned(&store, 1).await;
    add(&store, &lease, told(2, "x")).await.unwrap();
    sql(&path, "UPDATE entries SET format = 2 WHERE seq = 2").await;
    let error = store.load(id(1), Seq(0)).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().contains("newer")), (Kind::Format, true), "{error}");

    sql(&path, "PRAGMA user_version = 2").await;
    fails(add(&store, &lease, told(3, "x")).await, Kind::Format, &path);
    drop(store);
    let before = std::fs::read(&path).unwrap();
    assert!(refused(&path, Kind::Format).await.contains("format 2"));
    assert_eq!(std::fs::read(&path).unwrap(), before, "it is as it was");
}

#[tokio::test]
async fn a_path_that_is_none_of_a_file_is_refused() {
    let (folder, path) = place();
    std::fs::create_dir(&path).unwrap();
    refused(&path, Kind::Invalid).await;
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("folder/journals.db");
    fails(SqliteStore::open(&below, relaxed()).await, Kind::Invalid, below.parent().unwrap());
    for path in ["", ":memory:"] {
        let error = SqliteStore::open(path, relaxed()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{error}");
    }
}

/// The kernel's own file system takes no files, not even from root.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_folder_that_may_not_be_written_is_refused() {
    refused(Path::new("/sys/journals.db"), Kind::Unwritable).await;
    let below = Path::new("/sys/folder/journals.db");
    fails(SqliteStore::open(below, relaxed()).await, Kind::Unwritable, below.parent().unwrap());
}

#[cfg(unix)]
#[tokio::test]
async fn permissions_are_heeded() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = place();
    owned(&open(&path).await, 1).await;
    let set = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    set(&path, 0o444);
    if std::fs::OpenOptions::new().write(true).open(&path).is_ok() {
        println!("skipped: this user (root?) may write what nobody may; run it as another");
        return;
    }
    refused(&path, Kind::Unwritable).await;
    set(&path, 0o000);
    refused(&path, Kind::Unwritable).await;
    set(&path, 0o600);
    // The log has no place.
    set(folder.path(), 0o555);
    refused(&path, Kind::Unwritable).await;
    refused(&folder.path().join("other.db"), Kind::Unwritable).await;
    set(folder.path(), 0o755);
    assert_eq!(places(&open(&path).await, 1).await, [1]);
}

#[tokio::test]
async fn a_file_that_may_not_be_written_is_refused() {
    let (_folder, path) = place();
    let store = open(&path).await;
    let lease = owned(&store, 1).await;
    // What SQLite says of it, without the file's permissions, which root does not heed.
    store.writer.ask(0, |db| Ok(db.pragma_update(None, "query_only", true)?)).await.unwrap();
    fails(add(&store, &lease, told(2, "x")).await, Kind::Unwritable, &path);
    drop(store);
    add(&open(&path).await, &lease, told(2, "x")).await.unwrap();
}

// ------------------------------------------------------------------------------------------------ damage

#[tokio::test]
async fn a_damaged_file_is_named() {
    let (_folder, path) = place();
    let store = open(&path).await;
    let lease = owned(&store, 1).await;
    for seq in 2..300 {
        append(&store, &lease, vec![told(seq, &"x".repeat(800))]).await.unwrap().unwrap();
    }
    drop(store);
    let whole = std::fs::read(&path).unwrap();
    for length in [10, 100, 4096, whole.len() / 2, whole.len() - 8192] {
        std::fs::write(&path, &whole[..length]).unwrap();
        refused(&path, Kind::Corrupt).await;
    }
    // Noise in the middle: whatever is read of it, nothing panics.
    for start in (8192..whole.len()).step_by(8192) {
        let mut noisy = whole.clone();
        noisy[start..start + 512].fill(0xa5);
        std::fs::write(&path, &noisy).unwrap();
        if let Ok(store) = SqliteStore::open(&path, relaxed()).await {
            let _ = store.load(id(1), Seq(0)).await;
            let _ = store.list(&RunFilter::default()).await;
            let _ = add(&store, &lease, told(300, "x")).await;
        }
        let _ = std::fs::remove_file(path.with_extension("db-wal"));
    }
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(places(&open(&path).await, 1).await.len(), 299);
}

#[tokio::test]
async fn damaged_rows_are_named() {
    let (_folder, path) = place();
    let store = open(&path).await;
    let large = "x".repeat(5_000);
    for (n, change) in [
        (1, "UPDATE entries SET header = '{' WHERE seq = 2"),
        (2, "UPDATE entries SET header = '{\"type\":\"nonsense\"}' WHERE seq = 2"),
        (3, "UPDATE entries SET payload = '{' WHERE seq = 2"),
        (4, "DELETE FROM entries WHERE seq = 2"),
        (5, "UPDATE blobs SET content = '\"y\"'"),
        (6, "PRAGMA foreign_keys = OFF; DELETE FROM blobs"),
        (7, "UPDATE runs SET status = 'nonsense'"),
        (8, "UPDATE runs SET updated = -1"),
        (9, "UPDATE runs SET spend = ''"),
        (10, "UPDATE runs SET id = x'00'"),
    ] {
        let lease = owned(&store, n).await;
        let entries = vec![told(2, "x"), told(3, &large)];
        append(&store, &lease, entries).await.unwrap().unwrap();
        sql(&path, change).await;
        let kind = match n {
            // It is another run's id now.
            10 => Kind::NotFound,
            _ => Kind::Corrupt,
        };
        let error = store.load(id(n), Seq(0)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{change}: {error}");
        assert!(!error.to_string().contains('\n'), "{error}");
        sql(&path, "DELETE FROM entries; DELETE FROM blobs; DELETE FROM runs").await;
    }
    drop(store);
    open(&path).await;
}

// ------------------------------------------------------------------------------------------- full disks

#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_told() {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path, SqliteOptions { pages: Some(30), ..relaxed() }).await.unwrap();
    let (lease, other) = (owned(&store, 1).await, owned(&store, 2).await);
    let large: String = (0..10_000).map(|n| format!("{n} ")).collect();
    let mut last = 1;
    let failed = loop {
        match add(&store, &lease, told(last + 1, &format!("{last} {large}"))).await {
            Ok(()) => last += 1,
            failed => break failed,
        }
        assert!(last < 100, "the disk is never full");
    };
    assert!(fails(failed, Kind::Unwritable, &path).contains("no space"));
    // What goes on from it is refused, though it would fit.
    assert_eq!(add(&store, &lease, told(last + 2, "x")).await.unwrap_err().kind(), Kind::Invalid);
    add(&store, &other, told(2, "x")).await.unwrap();
    add(&store, &lease, told(last + 1, "x")).await.unwrap();
    assert_eq!(places(&store, 1).await.len() as u64, last + 1);
    drop(store);

    let store = open(&path).await;
    add(&store, &lease, told(last + 2, &large)).await.unwrap();
    assert_eq!(places(&store, 1).await.len() as u64, last + 2);
    assert_eq!(places(&store, 2).await, [1, 2]);
}

#[tokio::test]
async fn a_disk_that_is_full_at_once_leaves_no_half_of_a_schema() {
    let (_folder, path) = place();
    for pages in 1..=20 {
        match SqliteStore::open(&path, SqliteOptions { pages: Some(pages), ..relaxed() }).await {
            Err(error) => {
                assert_eq!(error.kind(), Kind::Unwritable, "{pages} pages: {error}");
                let db = Connection::open(&path).unwrap();
                assert_eq!(schema::look(&db).unwrap(), schema::Found::Empty, "{pages} pages");
            }
            Ok(_) if pages > 2 => break,
            Ok(_) => panic!("the tables need more than {pages} pages"),
        }
    }
    owned(&open(&path).await, 1).await;
}

// ----------------------------------------------------------------------------------------------- sharing

#[tokio::test]
async fn what_is_queued_shares_a_transaction() {
    let (_folder, path) = place();
    let store = open(&path).await;
    let mut leases = Vec::new();
    for n in 0..50 {
        leases.push(owned(&store, n).await);
    }
    let go = hold(&store);
    let before = store.commits();
    let mut answers = Vec::new();
    for seq in 2..12 {
        answers.extend(leases.iter().map(|lease| append(&store, lease, vec![told(seq, "x")])));
    }
    go.send(()).unwrap();
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(store.commits() - before, 2, "the one that was held, and one for all");
}

#[tokio::test]
async fn who_fails_fails_alone() {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path, SqliteOptions { pages: Some(40), ..relaxed() }).await.unwrap();
    let mut leases = Vec::new();
    for n in 0..4 {
        leases.push(owned(&store, n).await);
    }
    let too_large = "x".repeat(500_000);
    let go = hold(&store);
    let mut answers = vec![
        append(&store, &leases[0], vec![told(2, "x")]),
        // Does not fit: the database fails.
        append(&store, &leases[1], vec![told(2, "x"), told(3, &too_large)]),
        // Goes on from it.
        append(&store, &leases[1], vec![told(4, "x")]),
        // Is refused by the rules.
        append(&store, &leases[2], vec![told(7, "x")]),
        append(&store, &leases[2], vec![told(2, "x")]),
        append(&store, &leases[0], vec![told(3, "x")]),
    ];
    answers.push(append(&store, &leases[3], vec![told(2, "x")]));
    go.send(()).unwrap();
    let mut kinds = Vec::new();
    for answer in answers {
        kinds.push(answer.await.unwrap().err().map(|error| error.kind()));
    }
    let expected = [None, Some(Kind::Unwritable), Some(Kind::Invalid), Some(Kind::Invalid), None, None, None];
    assert_eq!(kinds, expected);
    let mut lengths = Vec::new();
    for n in 0..4 {
        lengths.push(places(&store, n).await.len());
    }
    assert_eq!(lengths, [3, 1, 2, 2]);
}

#[tokio::test]
async fn a_panic_of_who_is_told_stops_nobody() {
    let (_folder, path) = place();
    let store = open(&path).await;
    let lease = owned(&store, 1).await;
    let done = Commit::new(|_| panic!("a test panics here"));
    store.append(Append {
        lease: lease.clone(),
        entries: vec![told(2, "x")],
        consumed: vec![],
        seen: None,
        done,
    });
    add(&store, &lease, told(3, "x")).await.unwrap();
}

#[tokio::test]
async fn a_writer_that_is_gone_is_told() {
    let (_folder, path) = place();
    let store = open(&path).await;
    let lease = owned(&store, 1).await;
    let died: Result<(), _> = store.writer.ask(0, |_| panic!("a test panics here")).await;
    fails(died, Kind::Unavailable, &path);
    assert_eq!(add(&store, &lease, told(2, "x")).await.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(places(&store, 1).await, [1], "it can be read still");
}

#[tokio::test]
async fn another_process_is_waited_for() {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path, SqliteOptions { pages: Some(1_000), ..relaxed() }).await.unwrap();
    let lease = owned(&store, 1).await;
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    fails(add(&store, &lease, told(2, "x")).await, Kind::Unavailable, &path);
    assert_eq!(places(&store, 1).await, [1], "it can be read meanwhile");
    other.execute_batch("COMMIT").unwrap();
    add(&store, &lease, told(2, "x")).await.unwrap();
    drop(store);

    let store = open(&path).await;
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = append(&store, &lease, vec![told(3, "x")]);
    other.execute_batch("COMMIT").unwrap();
    answer.await.unwrap().unwrap();
}

// ------------------------------------------------------------------------------------------------- sizes

#[tokio::test]
async fn a_large_payload_is_kept_once() {
    let (_folder, path) = place();
    let store = open(&path).await;
    let (one, two) = (owned(&store, 1).await, owned(&store, 2).await);
    let (large, other) = ("x".repeat(1_100), "y".repeat(1_100));
    for lease in [&one, &two] {
        let entries = vec![told(2, &large), told(3, &large), told(4, &"x".repeat(1_000))];
        append(&store, lease, entries).await.unwrap().unwrap();
    }
    add(&store, &two, told(5, &other)).await.unwrap();
    let blobs = "SELECT count(*) FROM blobs";
    assert_eq!(count(&store, blobs).await, 2);
    assert_eq!(count(&store, "SELECT count(*) FROM entries WHERE blob IS NOT NULL").await, 5);
    for (lease, left) in [(two, 1), (one, 0)] {
        let now = Timestamp::from_millis(3);
        let release = crate::store::types::Release::pending(now);
        store.release(&lease, release).await.unwrap();
        store.delete(lease.run, now).await.unwrap();
        assert_eq!(count(&store, blobs).await, left);
    }
    for table in ["SELECT count(*) FROM runs", "SELECT count(*) FROM entries", "SELECT count(*) FROM posts"] {
        assert_eq!(count(&store, table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn a_long_journal_is_small() {
    let (folder, path) = place();
    let store = open(&path).await;
    let lease = owned(&store, 1).await;
    for n in 1..=866 {
        let step: StepId = serde_json::from_str(&format!("\"task:t{n}/turn@{n}/model\"")).unwrap();
        let intent = EntryKind::Intent {
            step: step.clone(),
            kind: StepKind::Model,
            class: EffectClass::Pure,
            digest: Some(Digest::default()),
            name: "openai:gpt-5".into(),
            held: agentic_core::Held::default(),
            until: None,
            withheld: false,
            asked: Json::of(&format!("{n:0>400}")).unwrap(),
        };
        let value = Json::of(&format!("{n:0>540}")).unwrap();
        let (of, kind, spend, withheld) = (Seq(2 * n), StepKind::Model, Spend::default(), false);
        let outcome =
            EntryKind::Outcome { step, kind, error: None, spend, by: None, rule: None, withheld, value };
        let at = Timestamp::from_millis(1_767_225_600_000 + n);
        let entries = [(of, intent), (of.next(), outcome)].map(|(seq, kind)| Entry { seq, at, kind });
        append(&store, &lease, entries.into()).await.unwrap().unwrap();
    }
    let open = size(&folder);
    drop(store);
    let closed = size(&folder);
    println!("1733 entries: {open} bytes while open, {closed} bytes after");
    assert!(open < 4_000_000 && closed < 1_700_000, "{open} bytes while open, {closed} bytes after");
}
