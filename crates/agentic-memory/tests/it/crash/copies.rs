//! A process that copies a store, or makes its vectors anew, and is killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use agentic_core::{
    Embedder, MemoryEntry, MemoryKind, MemoryScope, Recalled, RunContext, StoreErrorKind, Timestamp,
};
use agentic_llm::adapter::hashing::HashingEmbedder;
use agentic_memory::backend::sqlite::reembed_file;
use agentic_memory::{Copied, LongTermMemory, copy, open};
use agentic_runtime::RunContextExt as _;

/// Where the process that is killed finds its stores.
const FOLDER: &str = "AGENTIC_TEST_KILLED_COPY";

/// So many entries: seven pages of a copy.
const ENTRIES: u64 = 3_200;

fn url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

fn from(folder: &Path) -> PathBuf {
    folder.join("from.db")
}

async fn memory(path: &Path, dimensions: usize) -> LongTermMemory {
    LongTermMemory::open(&url(path), HashingEmbedder::new(dimensions)).await.unwrap()
}

async fn fill(path: &Path) {
    let (memory, cx) = (memory(path, 16).await, RunContext::ephemeral());
    let entry = |n| {
        let content = format!("bird number {n} of the year");
        MemoryEntry::new(
            MemoryScope::of_tenant("t"),
            MemoryKind::Observation,
            content,
            Timestamp::from_millis(n),
        )
    };
    memory.add_all((0..ENTRIES).map(entry).collect(), &cx).await.unwrap();
}

/// All entries, the newest first.
async fn all(memory: &LongTermMemory) -> Vec<Recalled> {
    memory.page(&MemoryScope::of_tenant("t"), None, usize::MAX, &RunContext::ephemeral()).await.unwrap()
}

/// Says how far it is, and is slow enough to be killed there.
fn tell(copied: Copied) {
    let mut out = std::io::stdout();
    writeln!(out, "copied {}", copied.all()).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let folder = PathBuf::from(folder);
    let info = HashingEmbedder::new(16).info().clone();
    let (source, target) =
        (open(&url(&from(&folder)), None).await, open(&url(&folder.join("to.db")), Some(&info)).await);
    copy(&*source.unwrap(), &*target.unwrap(), tell).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embeds_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let embedder: Arc<dyn Embedder> = Arc::new(HashingEmbedder::new(32));
    let path = from(Path::new(&folder));
    reembed_file(&path, &embedder, &RunContext::ephemeral(), tell).await.unwrap();
}

/// Starts one of the two above, and kills it after so many pages.
fn kill_after(test: &str, folder: &Path, pages: usize) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let module = module_path!().split_once("::").unwrap().1;
    command.args(["--exact", &format!("{module}::{test}"), "--nocapture"]).env(FOLDER, folder);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let told = lines.filter(|line| line.contains("copied ")).take(pages).count();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(told, pages, "it was at work");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_copy_is_done_again_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fill(&from(folder.path())).await;
    for pages in 1..6 {
        kill_after("copies_until_it_is_killed", folder.path(), pages);
    }
    let (source, target) =
        (memory(&from(folder.path()), 16).await, memory(&folder.path().join("to.db"), 16).await);
    let done = copy(&**source.store(), &**target.store(), |_| {}).await.unwrap();
    assert_eq!((done.all(), done.there >= 2_500), (ENTRIES as usize, true), "{done:?}");
    let entries = all(&source).await;
    assert_eq!(entries.len(), ENTRIES as usize);
    assert_eq!(entries, all(&target).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_whose_embedding_is_killed_is_as_it_was_or_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = from(folder.path());
    fill(&path).await;
    let entries = all(&memory(&path, 16).await).await;
    for pages in 1..6 {
        kill_after("embeds_until_it_is_killed", folder.path(), pages);
        assert_eq!(entries, all(&memory(&path, 16).await).await, "it is as it was");
    }
    let embedder: Arc<dyn Embedder> = Arc::new(HashingEmbedder::new(32));
    let done = reembed_file(&path, &embedder, &RunContext::ephemeral(), |_| {}).await.unwrap();
    assert!(done.there >= 2_500, "what was embedded is not embedded again: {done:?}");
    assert_eq!(entries, all(&memory(&path, 32).await).await);
    let old = LongTermMemory::open(&url(&path), HashingEmbedder::new(16)).await.unwrap_err();
    assert_eq!(old.kind, StoreErrorKind::OtherEmbedder);
}
