//! What is SQLite's own: files, damage, full disks, and what is left of what was deleted.

use std::path::PathBuf;

use agentic_core::{Json, StoreErrorKind as Kind, Timestamp};
use tempfile::TempDir;

use super::*;

fn embedder() -> EmbedderInfo {
    EmbedderInfo::new("test:4", 4)
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("memory.db");
    (folder, path)
}

fn scope() -> MemoryScope {
    MemoryScope::of_tenant("anna")
}

fn record(id: &str, text: &str) -> Record {
    let record = Record::new(id, scope().session("s"), Timestamp::from_millis(7)).with_field("text", text);
    let body = Json::of(text).unwrap();
    record.with_vector(vec![1.0, 2.0, 3.0, 4.0]).with_words([text]).with_body(body)
}

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, Some(&embedder())).await.unwrap()
}

async fn write(store: &SqliteStore, records: impl IntoIterator<Item = Record>) {
    store.apply(WriteBatch::upsert(records)).await.unwrap();
}

/// Opening it must fail for this reason, and say so in one line that names the file; the file is as it was.
async fn refused(path: &Path, kind: Kind) -> String {
    let before = std::fs::read(path).ok();
    let error = SqliteStore::open(path, Some(&embedder())).await.unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind, kind, "{text}");
    assert!(text.contains(path.to_str().unwrap()) && !text.contains('\n'), "{text}");
    assert_eq!(std::fs::read(path).ok(), before, "{text}");
    text
}

fn sql(path: &Path, text: &str) {
    Connection::open(path).unwrap().execute_batch(text).unwrap();
}

/// Whether any file in the folder has this text.
fn anywhere(folder: &TempDir, text: &str) -> bool {
    let mut files = std::fs::read_dir(folder.path()).unwrap();
    files.any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

// ------------------------------------------------------------------------------------------------- files

#[tokio::test]
async fn one_file_is_left_when_the_store_is_closed() {
    let (folder, path) = place();
    let store = open(&path).await;
    write(&store, [record("a", "x")]).await;
    store.count(&scope(), &Filter::any()).await.unwrap();
    drop(store);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the log is gone");
}

#[cfg(unix)]
#[tokio::test]
async fn files_and_folders_are_the_users_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/memory.db");
    let store = open(&path).await;
    write(&store, [record("a", "x")]).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("new")), 0o700);
    for file in std::fs::read_dir(folder.path().join("new")).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
}

#[tokio::test]
async fn a_file_that_is_none_of_ours_is_named_and_left_alone() {
    let (folder, path) = place();
    std::fs::write(&path, "notes\n".repeat(1_000)).unwrap();
    assert!(refused(&path, Kind::Corrupt).await.contains("no SQLite database"));
    std::fs::remove_file(&path).unwrap();
    sql(&path, "CREATE TABLE notes (note TEXT)");
    assert!(refused(&path, Kind::Corrupt).await.contains("another program"));
    refused(folder.path(), Kind::Invalid).await;
    for path in ["", ":memory:"] {
        let error = SqliteStore::open(path, Some(&embedder())).await.unwrap_err();
        assert_eq!(error.kind, Kind::Invalid, "{error}");
    }
    let beside = folder.path().join("none.db");
    let error = SqliteStore::open(&beside, None).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound, "{error}");
    assert!(!beside.exists(), "nothing was made");
    std::fs::write(&beside, "").unwrap();
    let error = SqliteStore::open(&beside, None).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound, "{error}");
    open(&beside).await;
}

#[tokio::test]
async fn a_newer_format_is_refused_when_it_is_opened_and_when_it_is_written() {
    let (_folder, path) = place();
    let store = open(&path).await;
    write(&store, [record("a", "x")]).await;
    sql(&path, "PRAGMA user_version = 99");
    let error = store.apply(WriteBatch::upsert([record("b", "x")])).await.unwrap_err();
    assert_eq!(error.kind, Kind::Newer, "{error}");
    drop(store);
    assert!(refused(&path, Kind::Newer).await.contains("format 99"));
}

#[tokio::test]
async fn damage_is_found_and_named() {
    for (damage, found_at_opening) in [
        ("UPDATE records SET words = x'85'", true),
        ("UPDATE records SET words = x'05'", true),
        ("DELETE FROM words", true),
        ("UPDATE records SET code = x'0000'", true),
        ("UPDATE records SET tenant = CAST(x'ff' AS TEXT)", true),
        ("DELETE FROM about", true),
        ("DELETE FROM contents", false),
        ("UPDATE contents SET body = '{'", false),
    ] {
        let (_folder, path) = place();
        let store = open(&path).await;
        write(&store, [record("a", "x")]).await;
        drop(store);
        sql(&path, damage);
        if found_at_opening {
            refused(&path, Kind::Corrupt).await;
            continue;
        }
        let store = open(&path).await;
        let error = store.get(&scope(), &["a".into()]).await.unwrap_err();
        assert_eq!(error.kind, Kind::Corrupt, "{damage}: {error}");
        assert_eq!(store.count(&scope(), &Filter::any()).await.unwrap(), 1, "the rest can be read: {damage}");
    }
}

#[tokio::test]
async fn a_file_with_overwritten_pages_is_damaged() {
    let (_folder, path) = place();
    let store = open(&path).await;
    write(&store, (0..200).map(|n| record(&n.to_string(), "x"))).await;
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    let end = bytes.len();
    bytes[8192..end].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    refused(&path, Kind::Corrupt).await;
}

#[tokio::test]
async fn a_full_disk_changes_nothing() {
    let (_folder, path) = place();
    let store = open(&path).await;
    write(&store, [record("a", "x")]).await;
    let pages = |n: u32| {
        let db = store.inner.writer.lock().unwrap();
        db.pragma_update_and_check(None, "max_page_count", n, |_| Ok(())).unwrap();
    };
    pages(20);
    let mut changes = WriteBatch::delete("anna", ["a"]);
    changes.upsert = (0..1_000).map(|n| record(&n.to_string(), &"x".repeat(500))).collect();
    let error = store.apply(changes.clone()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unwritable, "{error}");
    let listed = store.list(&Selection::new(scope(), 9), None).await.unwrap();
    assert_eq!(listed.len(), 1, "the index has not changed either");
    pages(1 << 30);
    assert_eq!(store.apply(changes).await.unwrap(), 1);
    assert_eq!(store.count(&scope(), &Filter::any()).await.unwrap(), 1_000);
}

// ---------------------------------------------------------------------------------------------- deletions

#[tokio::test]
async fn what_is_deleted_or_replaced_is_nowhere_any_more() {
    let (folder, path) = place();
    let store = open(&path).await;
    let secrets = ["swordfish", "marzipan", "tangerine"];
    let records = |n: usize| [record(&format!("a{n}"), secrets[0]), record(&format!("b{n}"), secrets[1])];
    write(&store, (0..50).flat_map(records)).await;
    write(&store, [record("c", secrets[2])]).await;
    assert!(secrets.iter().all(|secret| anywhere(&folder, secret)));
    let ids = (0..50).flat_map(|n| [format!("a{n}"), format!("b{n}")]);
    write(&store, (0..50).map(|n| record(&format!("a{n}"), "other"))).await;
    assert_eq!(store.apply(WriteBatch::delete("anna", ids)).await.unwrap(), 100);
    assert!(!anywhere(&folder, secrets[0]) && !anywhere(&folder, secrets[1]), "deleted");
    assert_eq!(store.clear(&scope()).await.unwrap(), 1);
    assert!(!anywhere(&folder, secrets[2]), "cleared");
    drop(store);
    assert!(secrets.iter().all(|secret| !anywhere(&folder, secret)), "closed");
}

/// Words have numbers in the file: whoever follows it has to know them all, and no other ones.
#[tokio::test]
async fn words_come_and_go_and_others_follow() {
    let (_folder, path) = place();
    let (one, other) = (open(&path).await, open(&path).await);
    let found = async |word: &str| {
        let mut ids = Vec::new();
        for store in [&one, &other] {
            let found = store.matching(&[word.into()], &Selection::new(scope(), 9)).await.unwrap();
            ids.push(found.into_iter().map(|hit| hit.record.id).collect::<Vec<_>>());
        }
        assert_eq!(ids[0], ids[1], "{word}");
        ids.swap_remove(0)
    };
    let words = || {
        let db = Connection::open(&path).unwrap();
        let mut words = db.prepare("SELECT word FROM words ORDER BY word").unwrap();
        let words = words.query_map((), |row| row.get::<_, String>(0)).unwrap();
        words.collect::<Result<Vec<_>, _>>().unwrap()
    };
    write(&one, [record("a", "tea")]).await;
    assert_eq!(found("tea").await, ["a"]);
    // Two changes at once for the other: the word is never unused.
    write(&one, [record("b", "tea")]).await;
    one.apply(WriteBatch::delete("anna", ["a"])).await.unwrap();
    assert_eq!((found("tea").await, words()), (vec!["b".into()], vec!["tea".into()]));
    // In one change the last record with it goes, and another one comes.
    let mut change = WriteBatch::delete("anna", ["b"]);
    change.upsert = vec![record("c", "tea"), record("d", "milk")];
    one.apply(change).await.unwrap();
    assert_eq!((found("tea").await, found("milk").await), (vec!["c".into()], vec!["d".into()]));
    // It goes, and comes back with another number.
    one.apply(WriteBatch::delete("anna", ["c"])).await.unwrap();
    assert_eq!((found("tea").await.len(), words()), (0, vec!["milk".to_owned()]));
    write(&other, [record("e", "tea"), record("d", "water")]).await;
    assert_eq!((found("tea").await, found("milk").await.len()), (vec!["e".into()], 0));
    assert_eq!(words(), ["tea", "water"]);
    // It goes and comes back before the other one looks, which then writes it, too.
    one.apply(WriteBatch::delete("anna", ["e"])).await.unwrap();
    write(&one, [record("f", "tea")]).await;
    assert_eq!(found("tea").await, ["f"]);
    one.apply(WriteBatch::delete("anna", ["f"])).await.unwrap();
    write(&one, [record("g", "tea")]).await;
    write(&other, [record("h", "tea")]).await;
    assert_eq!(
        (found("tea").await, words()),
        (vec!["g".into(), "h".into()], vec!["tea".into(), "water".into()])
    );
    // Another tenant has it too, and keeps it.
    let mut theirs = record("e", "tea");
    theirs.scope = MemoryScope::of_tenant("ben");
    write(&one, [theirs]).await;
    one.clear(&scope()).await.unwrap();
    assert_eq!((found("tea").await.len(), words()), (0, vec!["tea".to_owned()]));
    one.clear(&MemoryScope::of_tenant("ben")).await.unwrap();
    assert!(words().is_empty());
}

#[tokio::test]
async fn who_has_missed_too_many_deletions_reads_all_again() {
    let (_folder, path) = place();
    let (one, other) = (open(&path).await, open(&path).await);
    write(&one, ["a", "b", "c", "d"].map(|id| record(id, "x"))).await;
    let listed =
        async |store: &SqliteStore| store.list(&Selection::new(scope(), 9), None).await.unwrap().len();
    assert_eq!((listed(&one).await, listed(&other).await), (4, 4));
    one.apply(WriteBatch::delete("anna", ["a", "b", "c"])).await.unwrap();
    sql(&path, "DELETE FROM deletions WHERE k < 3");
    assert_eq!((listed(&one).await, listed(&other).await), (1, 1));
    write(&other, [record("e", "x")]).await;
    assert_eq!(listed(&one).await, 2);
}
