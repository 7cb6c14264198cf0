//! The store under a fetch: full, read-only, damaged, shared.

use super::{
    server::{Reply, Server},
    *,
};
use crate::catalog::lock::StoreLock;

fn file_source(path: &Path) -> String {
    format!("kind = \"file\"\npath = \"{}\"", path.display())
}

#[tokio::test]
async fn a_file_source_is_copied_and_verified() {
    let (world, content) = (World::new(), bytes(2 << 20));
    let mirror = world.dir.path().join("mirror.gguf");
    let entry = entry(&content, &[file_source(&mirror)]);
    let error = world.error(&entry).await;
    assert!(error.contains(&format!("file {0}: cannot read `{0}`: ", mirror.display())), "{error}");

    fs::write(&mirror, vec![1; 2 << 20]).unwrap();
    assert!(world.error(&entry).await.contains("wrong content: expected SHA-256 "));
    fs::write(&mirror, &content[1..]).unwrap();
    assert!(world.error(&entry).await.contains("wrong length: expected 2097152 bytes, found 2097151"));

    fs::write(&mirror, &content).unwrap();
    let path = world.fetch(&entry).await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), content);
    assert_eq!(world.files(), [path]);
}

#[tokio::test]
async fn a_damaged_file_is_replaced() {
    let (world, content) = (World::new(), bytes(1000));
    let server = Server::of(&content).await;
    let entry = entry(&content, &[url_source(&server.url("/m"))]);
    let path = world.fetch(&entry).await.unwrap();
    fs::write(&path, "damaged").unwrap();
    assert_eq!(world.fetch(&entry).await.unwrap(), path);
    assert_eq!(fs::read(&path).unwrap(), content);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn too_little_space_is_found_before_anything_is_asked() {
    let world = World::new();
    let server = Server::of(b"abc").await;
    let mut entry = entry(b"abc", &[url_source(&server.url("/m"))]);
    entry.files[0].size = Some(u64::MAX / 2);
    let error = world.error(&entry).await;
    let start =
        format!("not enough disk space at `{}`: 9223372036.9 GB needed, ", world.store.root().display());
    assert!(error.starts_with(&start) && error.ends_with("or set AGENTIC_HOME to another disk"), "{error}");
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_root_that_cannot_be_a_folder_is_named() {
    let mut world = World::new();
    let file = world.dir.path().join("file");
    fs::write(&file, "x").unwrap();
    world.store = Store::new(&file);
    let server = Server::of(b"abc").await;
    let error = world.error(&entry(b"abc", &[url_source(&server.url("/m"))])).await;
    assert!(error.starts_with(&format!("cannot lock `{}/models/.partial/", file.display())), "{error}");
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_read_only_root_is_named_and_what_is_in_it_is_used() {
    use std::os::unix::fs::PermissionsExt;

    let (world, content) = (World::new(), bytes(1000));
    let server = Server::of(&content).await;
    let here = entry(&content, &[url_source(&server.url("/m"))]);
    let path = world.fetch(&here).await.unwrap();
    let locked = |mode| {
        for folder in [world.store.root().join("models"), path.parent().unwrap().to_owned()] {
            fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::set_permissions(world.store.root().join("models/.partial"), fs::Permissions::from_mode(mode))
            .unwrap();
    };
    locked(0o555);
    let root_user = fs::write(world.store.root().join("models/probe"), "x").is_ok();
    assert_eq!(world.fetch(&here).await.unwrap(), path);
    let missing = entry(b"other", &[url_source(&server.url("/m"))]);
    let result = world.fetch(&missing).await;
    locked(0o755);
    if root_user {
        println!("skipped: permissions do not bind the root user");
        return;
    }
    let error = result.unwrap_err().to_string();
    assert!(error.starts_with("cannot lock `") && error.contains("ermission denied"), "{error}");
}

#[tokio::test]
async fn a_fetch_waits_for_another_and_says_so() {
    let (world, content) = (World::new(), bytes(1000));
    let server = Server::of(&content).await;
    let entry = entry(&content, &[url_source(&server.url("/m"))]);
    let held = StoreLock::try_acquire(&world.store.lock_path(&entry)).unwrap().unwrap();
    let held = Mutex::new(Some(held));
    let story = Mutex::new(Vec::new());
    let progress = |event: &FetchEvent| {
        story.lock().unwrap().push(event.to_string());
        if matches!(event, FetchEvent::Waiting { .. }) {
            held.lock().unwrap().take();
        }
    };
    let fetcher = Fetcher::new(world.options.clone());
    fetcher.fetch(&entry, &world.store, &progress, &CancellationToken::new()).await.unwrap();
    let story = story.into_inner().unwrap();
    assert_eq!(story[0], "waiting for another process that fetches m");
    assert_eq!(story[1], format!("fetching m.gguf from url {}/m", server.address));
    assert_eq!(story[2], "fetching m.gguf: 0 bytes of 1.0 kB");
}

#[tokio::test]
async fn a_fetch_that_waits_can_be_cancelled() {
    let world = World::new();
    let entry = entry(b"abc", &[url_source("http://127.0.0.1:1/m")]);
    let _held = StoreLock::try_acquire(&world.store.lock_path(&entry)).unwrap().unwrap();
    let error =
        world.fetch_until(&entry, |event| matches!(event, FetchEvent::Waiting { .. })).await.unwrap_err();
    assert!(matches!(error, FetchError::Cancelled { .. }));
}

#[tokio::test]
async fn two_fetches_of_one_model_transfer_it_once() {
    let (world, content) = (World::new(), bytes(1 << 20));
    let server = Server::of(&content).await;
    let entry = entry(&content, &[url_source(&server.url("/m"))]);
    let (one, two) = tokio::join!(world.fetch(&entry), world.fetch(&entry));
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_dropped_fetch_gives_the_lock_free() {
    let (world, content) = (World::new(), bytes(1 << 20));
    let serving = content.clone();
    let server = Server::start(move |request| {
        let reply = Reply::content(request, &serving, "\"v1\"");
        if request.index == 0 { reply.hang(600_000) } else { reply }
    })
    .await;
    let entry = entry(&content, &[url_source(&server.url("/m"))]);
    let far = Arc::new(tokio::sync::Notify::new());
    let heard = Arc::clone(&far);
    let progress = move |event: &FetchEvent| {
        if matches!(event, FetchEvent::Downloading { done, .. } if *done > 300_000) {
            heard.notify_one();
        }
    };
    let (fetcher, cancel) = (Fetcher::new(world.options.clone()), CancellationToken::new());
    tokio::select! {
        _ = fetcher.fetch(&entry, &world.store, &progress, &cancel) => panic!("the server sends only half"),
        () = far.notified() => {}
    }
    assert_eq!(fs::read(world.fetch(&entry).await.unwrap()).unwrap(), content);
    assert!(server.ranges()[1].is_some(), "continued");
}

const CHILD_URL: &str = "AGENTIC_LLM_TEST_CHILD_URL";
const CHILD_ROOT: &str = "AGENTIC_LLM_TEST_CHILD_ROOT";

/// The content both processes of the next test want.
fn shared_content() -> Vec<u8> {
    bytes(1 << 20)
}

/// Not a test by itself: the second process of the next one.
#[tokio::test]
async fn child_process_of_the_next_test() {
    let (Ok(url), Ok(root)) = (std::env::var(CHILD_URL), std::env::var(CHILD_ROOT)) else { return };
    let mut world = World::new();
    world.store = Store::new(root);
    world.fetch(&entry(&shared_content(), &[url_source(&url)])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_transfer_a_model_once() {
    let (world, content) = (World::new(), shared_content());
    let server = Server::of(&content).await;
    let url = server.url("/m");
    let child = || {
        let name = "catalog::fetch::tests::store::child_process_of_the_next_test";
        let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", name]).env(CHILD_URL, &url).env(CHILD_ROOT, world.store.root());
        async move { command.output().await.unwrap() }
    };
    let entry = entry(&content, &[url_source(&url)]);
    let (one, two, path) = tokio::join!(child(), child(), world.fetch(&entry));
    for output in [one, two] {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }
    assert_eq!(fs::read(path.unwrap()).unwrap(), content);
    assert_eq!(server.requests().len(), 1);
}
