//! What is the folder's own: what is in it, damage, formats, processes, and the graph.

use std::fs;
use std::path::PathBuf;

use agentic_core::{Json, Predicate, Timestamp};
use serde_json::json;
use tempfile::TempDir;

use super::*;

fn embedder() -> EmbedderInfo {
    EmbedderInfo::new("test:4", 4)
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("memory");
    (folder, path)
}

fn scope() -> MemoryScope {
    MemoryScope::of_tenant("anna")
}

fn record(id: &str) -> Record {
    let record = Record::new(id, scope().session("s"), Timestamp::from_millis(7)).with_field("text", id);
    record.with_vector(vec![1.0, 2.0, 3.0, 4.0]).with_words([id]).with_body(Json::of(id).unwrap())
}

async fn open(path: &Path) -> EdgeStore {
    EdgeStore::open(path, Some(&embedder())).await.unwrap()
}

async fn write(store: &EdgeStore, records: impl IntoIterator<Item = Record>) {
    store.apply(WriteBatch::upsert(records)).await.unwrap();
}

/// Opening it must fail for this reason, and say so in one line that names the folder.
async fn refused(path: &Path, kind: Kind) -> String {
    let error = EdgeStore::open(path, Some(&embedder())).await.unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind, kind, "{text}");
    assert!(text.contains(path.to_str().unwrap()) && !text.contains('\n'), "{text}");
    text
}

#[tokio::test]
async fn a_folder_that_is_none_of_ours_is_named_and_left_alone() {
    let (folder, path) = place();
    fs::write(folder.path().join("notes.txt"), "notes").unwrap();
    assert!(refused(folder.path(), Kind::Corrupt).await.contains("another program"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was made");
    refused(&folder.path().join("notes.txt"), Kind::Invalid).await;
    refused(&folder.path().join("notes.txt/memory"), Kind::Invalid).await;
    let error = EdgeStore::open("", Some(&embedder())).await.unwrap_err();
    assert_eq!(error.kind, Kind::Invalid, "{error}");
    let error = EdgeStore::open(&path, None).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound, "{error}");
    assert!(!path.exists(), "nothing was made");
    fs::create_dir(&path).unwrap();
    let error = EdgeStore::open(&path, None).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound, "{error}");
    open(&path).await;
}

#[cfg(unix)]
#[tokio::test]
async fn folders_are_the_users_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, _) = place();
    let path = folder.path().join("new/memory");
    open(&path).await;
    for made in [&path, path.parent().unwrap()] {
        assert_eq!(fs::metadata(made).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[tokio::test]
async fn a_newer_format_and_damage_are_refused() {
    let (_folder, path) = place();
    let store = open(&path).await;
    write(&store, [record("a")]).await;
    drop(store);
    let about = path.join("about.json");
    let good = fs::read_to_string(&about).unwrap();
    for (text, kind) in [
        (good.replace("\"format\":1", "\"format\":9"), Kind::Newer),
        (good.replace("agentic", "other"), Kind::Corrupt),
        (good.replace("dimensions", "length"), Kind::Corrupt),
        (good.replace("\"dimensions\":4", "\"dimensions\":5"), Kind::WrongDimension),
        (good[..20].to_owned(), Kind::Corrupt),
    ] {
        fs::write(&about, &text).unwrap();
        refused(&path, kind).await;
        assert_eq!(fs::read_to_string(&about).unwrap(), text);
    }
    fs::write(&about, &good).unwrap();
    fs::rename(path.join("engine"), path.join("elsewhere")).unwrap();
    assert!(refused(&path, Kind::Corrupt).await.contains("are not there"));
    fs::rename(path.join("elsewhere"), path.join("engine")).unwrap();
    assert_eq!(open(&path).await.count(&scope(), &Filter::any()).await.unwrap(), 1);
}

/// All files below this folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Whatever file is damaged: it is refused, or all is there.
#[tokio::test]
async fn damaged_files_of_the_engine_are_refused() {
    let (folder, path) = place();
    let store = open(&path).await;
    write(&store, ["a", "b", "c"].map(record)).await;
    drop(store);
    let names: Vec<PathBuf> =
        files(&path.join("engine")).iter().map(|file| file.strip_prefix(&path).unwrap().to_owned()).collect();
    let mut refused = 0;
    for (place, name) in names.iter().enumerate() {
        let copy = folder.path().join(format!("copy {place}"));
        for file in files(&path) {
            let to = copy.join(file.strip_prefix(&path).unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(file, to).unwrap();
        }
        fs::write(copy.join(name), "damaged").unwrap();
        match EdgeStore::open(&copy, Some(&embedder())).await {
            Ok(store) => {
                let found = store.count(&scope(), &Filter::any()).await.unwrap();
                assert_eq!(found, 3, "{} is damaged, nobody says so, and records are lost", name.display());
            }
            Err(error) => {
                assert_eq!(error.kind, Kind::Corrupt, "{}: {error}", name.display());
                assert!(!error.message.contains('\n'), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused >= 3, "{refused} of {} files", names.len());
}

/// A folder whose making was interrupted is made again; what was being deleted is.
#[tokio::test]
async fn what_was_begun_is_done_to_its_end() {
    let (_folder, path) = place();
    fs::create_dir(&path).unwrap();
    let points = points::About::new(&embedder());
    about::About { points, openings: 0, records: None }.write(&path).unwrap();
    fs::create_dir(path.join("engine")).unwrap();
    fs::write(path.join("engine/half"), "").unwrap();
    let store = open(&path).await;
    write(&store, ["a", "b"].map(record)).await;
    let state = store.inner.state.read().unwrap();
    let gone = HashSet::from([("anna", "a")]);
    let new = [record("c")];
    let change = rows::Change::of(&state.index, state.last, gone, &new);
    let mut operations = change.operations();
    assert_eq!(operations.len(), 2);
    store.inner.folder.engine.update(operations.remove(0)).unwrap();
    drop(state);
    drop(store);
    let store = open(&path).await;
    let listed = store.list(&Selection::new(scope(), 9), None).await.unwrap();
    assert_eq!(listed.iter().map(|record| &*record.id).collect::<Vec<_>>(), ["c", "b"]);
    assert_eq!(store.nearest(&[1.0; 4], &Selection::new(scope(), 9)).await.unwrap().len(), 2);
}

/// A revision is never given twice, whatever was deleted before it was closed.
#[tokio::test]
async fn revisions_grow_over_openings() {
    let (_folder, path) = place();
    let mut last = 0;
    for _ in 0..3 {
        let store = open(&path).await;
        write(&store, [record("a")]).await;
        let found = store.get(&scope(), &["a".into()]).await.unwrap().remove(0);
        assert!(found.revision > last, "{} after {last}", found.revision);
        last = found.revision;
        store.apply(WriteBatch::delete("anna", ["a"])).await.unwrap();
        let error = store.apply(WriteBatch::upsert([found])).await.unwrap_err();
        assert_eq!(error.kind, Kind::Conflict, "{error}");
    }
}

/// What one engine can't do, no other is asked to.
#[tokio::test]
async fn a_write_that_failed_leaves_a_store_that_says_so() {
    let (_folder, path) = place();
    let store = open(&path).await;
    write(&store, [record("a")]).await;
    store.inner.state.write().unwrap().broken = true;
    let error = store.count(&scope(), &Filter::any()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Failed, "{error}");
    assert!(store.apply(WriteBatch::delete("anna", ["a"])).await.is_err());
    drop(store);
    assert_eq!(open(&path).await.count(&scope(), &Filter::any()).await.unwrap(), 1);
}

/// SplitMix64 (Steele, Lea, Flood 2014).
fn drawn(seed: u64) -> f32 {
    let z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z >> 40) as f32 / (1 << 24) as f32 - 0.5
}

/// The graph finds what a full search would, also with filters, after replacements, and when it is opened again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_graph_finds_the_nearest() {
    const DIMENSIONS: usize = 128;
    const N: u64 = 20_000;
    let (_folder, path) = place();
    let embedder = EmbedderInfo::new("test:128", DIMENSIONS);
    // In clusters, as those of texts are.
    let cluster = |n: u64, at: u64| drawn((1 << 40) + n * 7 % 500 * 1_000 + at);
    let vector = |n: u64| {
        (0..DIMENSIONS as u64).map(|at| cluster(n, at) + drawn(n * 1_000 + at)).collect::<Vec<f32>>()
    };
    let record = |n: u64, version: u64| {
        let scope = if n % 4 == 0 { MemoryScope::of_tenant("ben") } else { scope() };
        let record = Record::new(format!("{n:05}"), scope, Timestamp::from_millis(n));
        record.with_vector(vector(n + version * N)).with_field("n", n).with_field("odd", n % 2 == 1)
    };
    let store = EdgeStore::open(&path, Some(&embedder)).await.unwrap();
    for batch in 0..N / 1_000 {
        write(&store, (batch * 1_000..(batch + 1) * 1_000).map(|n| record(n, 0))).await;
    }
    store.settle().await.unwrap();
    write(&store, (0..N).step_by(10).map(|n| record(n, 1))).await;
    store.settle().await.unwrap();
    let indexed = store.inner.folder.engine.info().unwrap().indexed_vectors_count;
    assert!(indexed as u64 > N / 2, "{indexed} vectors are in the graph");
    drop(store);
    let store = EdgeStore::open(&path, Some(&embedder)).await.unwrap();
    let all: Vec<Record> = (0..N).map(|n| record(n, u64::from(n % 10 == 0))).collect();
    let filters = [
        Filter::any(),
        Filter::any().is("odd", true),
        Filter::any().and("n", Predicate::AtLeast(N as f64 / 2.0)),
        Filter::any().and("n", Predicate::Below(50.0)),
        Filter::any().and("n", Predicate::Not(vec![json!(1), json!(2)])).and("none", Predicate::Missing),
    ];
    for filter in filters {
        let (mut found, mut expected) = (0, 0);
        for question in 0..20 {
            let asked = vector(1_000_000 + question);
            let cosine = |vector: &[f32]| {
                let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
                dot(&asked, vector) / (dot(vector, vector) * dot(&asked, &asked)).sqrt()
            };
            let fits = |record: &&Record| record.scope == scope() && filter.matches(&record.fields);
            let mut best: Vec<(f32, &str)> =
                all.iter().filter(fits).map(|record| (cosine(&record.vector), &*record.id)).collect();
            best.sort_by(|one, other| other.0.total_cmp(&one.0));
            best.truncate(10);
            let wanted = Selection::new(scope(), 10).filtered(filter.clone());
            let hits = store.nearest(&asked, &wanted).await.unwrap();
            assert_eq!(hits.len(), best.len());
            assert!(hits.iter().all(|hit| filter.matches(&hit.record.fields)));
            expected += best.len();
            found += best.iter().filter(|(_, id)| hits.iter().any(|hit| hit.record.id == **id)).count();
        }
        assert!(found * 100 >= expected * 95, "{found} of {expected} with {filter:?}");
    }
}
