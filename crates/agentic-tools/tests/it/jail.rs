//! Attacks on the jail of the file tools.

use std::fs;

use agentic_core::{ToolError, ToolErrorKind};
use agentic_tools::builtin::{EditFile, Jail, ListDir, ReadFile, SearchFiles, WriteFile};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{call, text};

/// A jail in a folder beside which a secret lies.
fn jail() -> (TempDir, Jail) {
    let outer = tempfile::tempdir().unwrap();
    fs::create_dir(outer.path().join("root")).unwrap();
    fs::create_dir(outer.path().join("outside")).unwrap();
    fs::write(outer.path().join("outside/secret.txt"), "SECRET").unwrap();
    fs::create_dir(outer.path().join("root/notes")).unwrap();
    fs::write(outer.path().join("root/notes/a.txt"), "hello\n").unwrap();
    let jail = Jail::open(outer.path().join("root")).unwrap();
    (outer, jail)
}

/// Every tool's answer to this path.
async fn all(jail: &Jail, path: &str) -> Vec<(&'static str, Result<Value, ToolError>)> {
    vec![
        ("list_dir", call(ListDir::new(jail.clone()), json!({ "path": path })).await),
        ("read_file", call(ReadFile::new(jail.clone()), json!({ "path": path })).await),
        ("search_files", call(SearchFiles::new(jail.clone()), json!({ "path": path, "text": "e" })).await),
        ("edit_file", call(EditFile::new(jail.clone()), json!({ "path": path, "old": "S", "new": "X" })).await),
        ("write_file", call(WriteFile::new(jail.clone()), json!({ "path": path, "content": "X" })).await),
    ]
}

#[tokio::test]
async fn refuses_paths_that_lead_out() {
    let (outer, jail) = jail();
    let absolute = outer.path().join("outside/secret.txt");
    for path in [
        "..",
        "../outside/secret.txt",
        "notes/../../outside/secret.txt",
        absolute.to_str().unwrap(),
        "/etc/passwd",
        "/proc/self/environ",
        "/",
    ] {
        for (tool, result) in all(&jail, path).await {
            let error = result.expect_err(path);
            assert_eq!(error.kind(), ToolErrorKind::Forbidden, "{tool} {path}: {error}");
        }
    }
    assert_eq!(fs::read_to_string(absolute).unwrap(), "SECRET");
}

#[tokio::test]
async fn takes_absolute_paths_below_the_root() {
    let (outer, jail) = jail();
    let path = outer.path().join("root/notes/a.txt");
    assert_eq!(text(call(ReadFile::new(jail.clone()), json!({ "path": path })).await), "hello\n");
    let root = outer.path().join("root");
    assert_eq!(text(call(ListDir::new(jail), json!({ "path": root })).await), "notes/\n");
}

#[test]
fn says_that_the_root_is_missing() {
    let error = Jail::open("/no/such/folder").expect_err("missing");
    assert_eq!(error.kind(), ToolErrorKind::NotFound);
    assert!(error.message().contains("`/no/such/folder`"), "{error}");
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::symlink;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn refuses_links_that_lead_out() {
        let (outer, jail) = jail();
        let root = outer.path().join("root");
        symlink("../outside/secret.txt", root.join("relative")).unwrap();
        symlink(outer.path().join("outside/secret.txt"), root.join("absolute")).unwrap();
        symlink("../outside", root.join("folder")).unwrap();
        symlink("/proc/self/environ", root.join("proc")).unwrap();
        symlink("second", root.join("first")).unwrap();
        symlink("../outside/secret.txt", root.join("second")).unwrap();
        for path in ["relative", "absolute", "folder", "folder/secret.txt", "folder/new.txt", "proc", "first"] {
            for (tool, result) in all(&jail, path).await {
                let error = result.expect_err(path);
                assert_eq!(error.kind(), ToolErrorKind::Forbidden, "{tool} {path}: {error}");
            }
        }
        let found = text(call(SearchFiles::new(jail), json!({ "text": "SECRET" })).await);
        assert!(found.starts_with("nothing found"), "{found}");
        assert_eq!(fs::read_to_string(outer.path().join("outside/secret.txt")).unwrap(), "SECRET");
        assert!(!outer.path().join("outside/new.txt").exists());
    }

    #[tokio::test]
    async fn follows_links_that_stay_inside() {
        let (outer, jail) = jail();
        let root = outer.path().join("root");
        symlink("notes/a.txt", root.join("link")).unwrap();
        symlink("notes", root.join("folder")).unwrap();
        assert_eq!(text(call(ReadFile::new(jail.clone()), json!({ "path": "link" })).await), "hello\n");
        assert_eq!(text(call(ReadFile::new(jail.clone()), json!({ "path": "folder/a.txt" })).await), "hello\n");
        call(WriteFile::new(jail.clone()), json!({ "path": "link", "content": "new\n" })).await.unwrap();
        assert!(root.join("link").is_symlink(), "the link is still one");
        assert_eq!(fs::read_to_string(root.join("notes/a.txt")).unwrap(), "new\n");
    }

    #[tokio::test]
    async fn refuses_pipes_and_devices_without_waiting() {
        let (outer, jail) = jail();
        let pipe = outer.path().join("root/pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        for (tool, result) in all(&jail, "pipe").await {
            let Err(error) = result else {
                assert_eq!(tool, "search_files", "nothing to read in it");
                continue;
            };
            let expected = [ToolErrorKind::Forbidden, ToolErrorKind::InvalidArguments];
            assert!(expected.contains(&error.kind()), "{tool}: {error}");
        }
        // A search of the folder goes past it.
        let found = text(call(SearchFiles::new(jail.clone()), json!({ "text": "hello" })).await);
        assert_eq!(found, "notes/a.txt:1: hello\n");
        if let Ok(system) = Jail::open("/dev") {
            let error = call(ReadFile::new(system.clone()), json!({ "path": "zero" })).await.expect_err("a device");
            assert_eq!(error.kind(), ToolErrorKind::Forbidden, "{error}");
            let error = call(WriteFile::new(system), json!({ "path": "null", "content": "" })).await;
            assert_eq!(error.expect_err("a device").kind(), ToolErrorKind::Forbidden);
        }
    }

    /// A thread swaps a folder for a link to the outside and back while files are read and written below it.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn wins_the_race_against_swapped_links() {
        let (outer, jail) = jail();
        let root = outer.path().join("root");
        fs::create_dir(root.join("swap")).unwrap();
        for folder in ["root/swap", "outside"] {
            let what = if folder == "outside" { "SECRET" } else { "inside" };
            fs::write(outer.path().join(folder).join("data.txt"), what).unwrap();
        }
        symlink("../outside", root.join("link")).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let swapper = std::thread::spawn({
            let (stop, root) = (stop.clone(), root.clone());
            move || {
                use rustix::fs::{CWD, RenameFlags, renameat_with};
                let mut swaps = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    let (one, two) = (root.join("swap"), root.join("link"));
                    if renameat_with(CWD, &one, CWD, &two, RenameFlags::EXCHANGE).is_ok() {
                        swaps += 1;
                    }
                }
                swaps
            }
        });
        let (mut read, mut refused) = (0, 0);
        for round in 0..300 {
            let path = json!({ "path": "swap/data.txt" });
            match call(ReadFile::new(jail.clone()), path).await {
                Ok(text) => {
                    assert!(text == "inside" || text == "written", "{text}");
                    read += 1;
                }
                Err(_) => refused += 1,
            }
            if round % 4 == 0 {
                let _ = call(WriteFile::new(jail.clone()), json!({ "path": "swap/data.txt", "content": "written" })).await;
                let found = call(SearchFiles::new(jail.clone()), json!({ "text": "secret", "path": "swap" })).await;
                assert!(!found.is_ok_and(|found| found.to_string().contains("SECRET")), "the search got out");
            }
        }
        stop.store(true, Ordering::Relaxed);
        let swaps = swapper.join().unwrap();
        assert_eq!(fs::read_to_string(outer.path().join("outside/data.txt")).unwrap(), "SECRET");
        assert_eq!(read + refused, 300, "every read had an end, with {swaps} swaps");
    }
}
