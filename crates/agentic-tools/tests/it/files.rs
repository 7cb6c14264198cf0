//! The file tools.

use std::fs;
use std::sync::Arc;

use agentic_core::{EffectClass, Tool, ToolErrorKind};
use agentic_testkit::conformance;
use agentic_tools::builtin::{EditFile, Jail, ListDir, ReadFile, SearchFiles, WriteFile};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{call, context, text};

fn folder(files: &[(&str, &str)]) -> (TempDir, Jail) {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let jail = Jail::open(folder.path()).unwrap();
    (folder, jail)
}

#[tokio::test]
async fn they_keep_the_contract_of_tools() {
    let (_folder, jail) = folder(&[("a.txt", "one\ntwo\n")]);
    let cases: [(Arc<dyn Tool>, Value); 5] = [
        (Arc::new(ListDir::new(jail.clone())), json!({})),
        (Arc::new(ReadFile::new(jail.clone())), json!({ "path": "a.txt" })),
        (Arc::new(SearchFiles::new(jail.clone())), json!({ "text": "one" })),
        (Arc::new(WriteFile::new(jail.clone())), json!({ "path": "b.txt", "content": "x" })),
        (Arc::new(EditFile::new(jail.clone())), json!({ "path": "a.txt", "old": "one", "new": "1" })),
    ];
    for (tool, arguments) in cases {
        conformance::tool::all(&context(), &tool, &arguments).await;
    }
}

#[tokio::test]
async fn lists_folders_first() {
    let (_folder, jail) = folder(&[("b.txt", "12345"), ("a.txt", "1"), ("z/inner.txt", ""), ("empty/x", "")]);
    fs::remove_file(_folder.path().join("empty/x")).unwrap();
    let list = |arguments| call(ListDir::new(jail.clone()), arguments);
    assert_eq!(text(list(json!({})).await), "empty/\nz/\na.txt\nb.txt\n");
    assert_eq!(text(list(json!({ "path": "empty" })).await), "`empty` is empty");
    let error = list(json!({ "path": "nowhere" })).await.expect_err("missing");
    assert_eq!(error.kind(), ToolErrorKind::NotFound);
    assert_eq!(
        error.message(),
        "can't list `nowhere`: it does not exist; the folder `.` holds: a.txt, b.txt, empty/, z/"
    );
    let error = list(json!({ "path": "Z/Inner.TXT" })).await.expect_err("in other letters");
    assert_eq!(
        error.message(),
        "can't list `Z/Inner.TXT`: it does not exist, `z/inner.txt` does; the folder `.` holds: a.txt, b.txt, empty/, z/"
    );
    let error = list(json!({ "path": "a.txt" })).await.expect_err("a file");
    assert_eq!(error.kind(), ToolErrorKind::InvalidArguments, "{error}");
}

#[tokio::test]
async fn cuts_long_lists_and_says_so() {
    let names: Vec<_> = (0..620).map(|n| format!("{n:03}.txt")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    let (_folder, jail) = folder(&files);
    let list = text(call(ListDir::new(jail), json!({})).await);
    assert_eq!(list.lines().count(), 501);
    assert!(
        list.ends_with("[cut: 120 more names are not shown; use search_files with a pattern for names]\n"),
        "{list}"
    );
}

#[tokio::test]
async fn reads_parts_and_says_how_to_read_on() {
    let lines: String = (1..=10).map(|n| format!("line {n}\n")).collect();
    let (_folder, jail) = folder(&[("a.txt", &lines), ("empty.txt", "")]);
    let read = |arguments| call(ReadFile::new(jail.clone()), arguments);
    assert_eq!(text(read(json!({ "path": "a.txt" })).await), lines);
    assert_eq!(
        text(read(json!({ "path": "a.txt", "first_line": 3, "lines": 2 })).await),
        "line 3\nline 4\n[cut: these are lines 3 to 4, there is more; read on with {\"first_line\": 5}]\n"
    );
    assert_eq!(
        text(read(json!({ "path": "a.txt", "first_line": 9, "lines": 2 })).await),
        "line 9\nline 10\n"
    );
    assert_eq!(text(read(json!({ "path": "a.txt", "first_line": 10 })).await), "line 10\n");
    assert_eq!(text(read(json!({ "path": "empty.txt" })).await), "`empty.txt` is empty");
    for first_line in [11, 12, 100] {
        let error = read(json!({ "path": "a.txt", "first_line": first_line })).await.expect_err("too far");
        assert_eq!(error.message(), "`a.txt` has only 10 lines; ask for a first_line up to 10");
    }
}

#[tokio::test]
async fn refuses_what_is_no_text() {
    let (folder, jail) = folder(&[]);
    fs::write(folder.path().join("binary"), b"PNG\0\x01\x02").unwrap();
    fs::write(folder.path().join("latin1.txt"), b"ok\ncaf\xe9\n").unwrap();
    let read = |path: &str| call(ReadFile::new(jail.clone()), json!({ "path": path }));
    let error = read("binary").await.expect_err("binary");
    assert_eq!(error.kind(), ToolErrorKind::Unsupported);
    assert_eq!(error.message(), "`binary` is a binary file (6 bytes), not text; this tool reads text only");
    let error = read("latin1.txt").await.expect_err("no UTF-8");
    assert_eq!(error.message(), "line 2 of `latin1.txt` is not UTF-8 text; this tool reads UTF-8 only");
}

#[tokio::test]
async fn huge_files_are_read_in_bounds() {
    let (_folder, jail) = folder(&[
        ("long.txt", &"some words in a line\n".repeat(500_000)),
        ("wide.txt", &"é".repeat(5_000_000)),
    ]);
    let long = text(call(ReadFile::new(jail.clone()), json!({ "path": "long.txt" })).await);
    assert!(long.len() <= 30_200, "{}", long.len());
    assert!(
        long.ends_with("there is more; read on with {\"first_line\": 1429}]\n"),
        "{}",
        &long[long.len() - 200..]
    );
    let on =
        text(call(ReadFile::new(jail.clone()), json!({ "path": "long.txt", "first_line": 500_000 })).await);
    assert_eq!(on, "some words in a line\n");
    let wide = text(call(ReadFile::new(jail.clone()), json!({ "path": "wide.txt" })).await);
    assert!(
        wide.ends_with("…\n[cut: 1 long lines are cut at 4000 bytes]\n") && wide.len() < 4_100,
        "{}",
        wide.len()
    );
    let found = text(call(SearchFiles::new(jail), json!({ "text": "words" })).await);
    assert!(found.contains("of 1 files only the first 50 lines are shown"), "{found}");
}

#[tokio::test]
async fn writes_whole_files() {
    let (folder, jail) = folder(&[("a.txt", "old")]);
    let write = |arguments| call(WriteFile::new(jail.clone()).with_max_bytes(10), arguments);
    assert_eq!(
        text(write(json!({ "path": "x/y/new.txt", "content": "hello" })).await),
        "made `x/y/new.txt`, 5 bytes"
    );
    assert_eq!(text(write(json!({ "path": "a.txt", "content": "new" })).await), "replaced `a.txt`, 3 bytes");
    assert_eq!(fs::read_to_string(folder.path().join("x/y/new.txt")).unwrap(), "hello");
    assert_eq!(fs::read_to_string(folder.path().join("a.txt")).unwrap(), "new");
    let error = write(json!({ "path": "b.txt", "content": "12345678901" })).await.expect_err("too long");
    assert_eq!(error.kind(), ToolErrorKind::LimitReached);
    for path in ["x", "x/", ".", ""] {
        let error = write(json!({ "path": path, "content": "" })).await.expect_err("a folder");
        assert_eq!(error.kind(), ToolErrorKind::InvalidArguments, "`{path}`: {error}");
    }
    let error = write(json!({ "path": "a.txt/b", "content": "" })).await.expect_err("a file in between");
    assert_eq!(error.kind(), ToolErrorKind::InvalidArguments, "{error}");
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "no temporary file is left: {names:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn keeps_permissions() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, jail) = folder(&[("run.sh", "old")]);
    let path = folder.path().join("run.sh");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    call(WriteFile::new(jail.clone()), json!({ "path": "run.sh", "content": "new" })).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
}

#[tokio::test]
async fn edits_exactly_one_place() {
    let (folder, jail) = folder(&[("a.txt", "one\ntwo\none\nthree  words\n"), ("dos.txt", "one\r\ntwo\r\n")]);
    let edit = |arguments| call(EditFile::new(jail.clone()), arguments);
    let now = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(text(edit(json!({ "path": "a.txt", "old": "two\n", "new": "2\n" })).await), "edited `a.txt`");
    assert_eq!(now("a.txt"), "one\n2\none\nthree  words\n");
    let error = edit(json!({ "path": "a.txt", "old": "one", "new": "1" })).await.expect_err("twice");
    assert_eq!(
        error.message(),
        "`old` is 2 times in `a.txt` (lines 1, 3); copy more of the text around it, or set all to true"
    );
    let all = edit(json!({ "path": "a.txt", "old": "one", "new": "1", "all": true })).await;
    assert_eq!(text(all), "edited `a.txt` in 2 places");
    let error = edit(json!({ "path": "a.txt", "old": "three words", "new": "3" })).await.expect_err("spaces");
    assert_eq!(error.kind(), ToolErrorKind::NotFound);
    assert!(error.message().contains("line 4 (only spaces may differ): `three  words`"), "{error}");
    let error = edit(json!({ "path": "a.txt", "old": "zzzz", "new": "" })).await.expect_err("absent");
    assert!(error.message().contains("Nothing there is like it"), "{error}");
    edit(json!({ "path": "dos.txt", "old": "one\ntwo", "new": "1\n2" })).await.unwrap();
    assert_eq!(now("dos.txt"), "1\r\n2\r\n", "line endings stay");
    for (old, new) in [("", "x"), ("1", "1")] {
        let error = edit(json!({ "path": "dos.txt", "old": old, "new": new })).await.expect_err("senseless");
        assert_eq!(error.kind(), ToolErrorKind::InvalidArguments, "{error}");
    }
    fs::write(folder.path().join("a.txt"), "aabb aabb!").unwrap();
    let error =
        edit(json!({ "path": "a.txt", "old": "ab", "new": "", "all": true })).await.expect_err("comes back");
    assert!(error.message().contains("put the old text together anew"), "{error}");
}

/// What an edit leaves behind tells whether it was made, so a crash in the middle can't double it.
#[tokio::test]
async fn an_edit_can_be_checked() {
    let (folder, jail) = folder(&[]);
    let tool = EditFile::new(jail);
    let arguments = json!({ "path": "a.txt", "old": "price: 10", "new": "price: 10 EUR" });
    assert_eq!(tool.effect(&arguments), EffectClass::Checkable);
    for (content, made) in [("price: 10\n", false), ("price: 10 EUR\n", true), ("nothing\n", false)] {
        fs::write(folder.path().join("a.txt"), content).unwrap();
        let tool: Arc<dyn Tool> = Arc::new(Checks(tool.clone()));
        let found = context().tool(&tool, arguments.clone()).await.unwrap();
        assert_eq!(found, Value::Bool(made), "{content}");
    }
}

/// Calls another tool's `check`.
#[derive(Debug)]
struct Checks(EditFile);

#[agentic_core::async_trait]
impl Tool for Checks {
    fn spec(&self) -> &Arc<agentic_core::ToolSpec> {
        self.0.spec()
    }

    fn effect(&self, _: &Value) -> EffectClass {
        EffectClass::Pure
    }

    async fn call(
        &self,
        arguments: Value,
        ecx: agentic_core::EffectContext,
    ) -> Result<Value, agentic_core::ToolError> {
        Ok(self.0.check(&arguments, ecx).await?.is_some().into())
    }
}

#[tokio::test]
async fn searches_texts_and_names() {
    let (_folder, jail) = folder(&[
        ("a.txt", "Total: 5\nnothing\n"),
        ("src/main.rs", "fn main() {}\n// total of a.b\n"),
        ("target/out.txt", "total\n"),
        (".gitignore", "target\n"),
        (".hidden/x.txt", "total\n"),
        ("bin.dat", "total\0total\n"),
    ]);
    let search = |arguments| call(SearchFiles::new(jail.clone()), arguments);
    assert_eq!(
        text(search(json!({ "text": "total" })).await),
        "a.txt:1: Total: 5\nsrc/main.rs:2: // total of a.b\n"
    );
    assert_eq!(
        text(search(json!({ "text": "total", "case_sensitive": true })).await),
        "src/main.rs:2: // total of a.b\n"
    );
    assert_eq!(text(search(json!({ "text": "total", "files": "*.txt" })).await), "a.txt:1: Total: 5\n");
    assert_eq!(text(search(json!({ "text": "a.b" })).await), "src/main.rs:2: // total of a.b\n");
    assert_eq!(
        text(search(json!({ "text": "^fn \\w+", "regex": true })).await),
        "src/main.rs:1: fn main() {}\n"
    );
    assert_eq!(text(search(json!({ "files": "*.rs" })).await), "src/main.rs\n");
    assert_eq!(text(search(json!({ "files": "src/**" })).await), "src/main.rs\n");
    assert_eq!(text(search(json!({ "text": "main", "path": "src" })).await), "src/main.rs:1: fn main() {}\n");
    assert_eq!(
        text(search(json!({ "text": "absent" })).await),
        "nothing found: the text is in none of the 3 files searched\n"
    );
    for arguments in
        [json!({}), json!({ "text": "(", "regex": true }), json!({ "files": "[" }), json!({ "text": "a\nb" })]
    {
        let error = search(arguments.clone()).await.expect_err("senseless");
        assert_eq!(error.kind(), ToolErrorKind::InvalidArguments, "{arguments}: {error}");
    }
    let error = search(json!({ "text": "a", "path": "nowhere" })).await.expect_err("missing");
    assert_eq!(error.kind(), ToolErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn what_can_not_be_searched_is_named() {
    let line = "x".repeat(17 << 20);
    let (_folder, jail) = folder(&[("long.txt", &line), ("short.txt", "hit\n")]);
    let found = text(call(SearchFiles::new(jail), json!({ "text": "hit" })).await);
    assert!(found.starts_with("short.txt:1"), "{found}");
    assert!(found.contains("[cut: 1 not searched: long.txt: "), "{found}");
}

#[tokio::test]
async fn cuts_long_searches_and_says_so() {
    let names: Vec<_> = (0..10).map(|n| format!("{n}.txt")).collect();
    let content = "hit\n".repeat(45);
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), content.as_str())).collect();
    let (_folder, jail) = folder(&files);
    let found = text(call(SearchFiles::new(jail), json!({ "text": "hit" })).await);
    assert_eq!(found.lines().count(), 201);
    assert!(
        found
            .ends_with("[cut: there is more than these 200 results; narrow the search with files or path]\n"),
        "{found}"
    );
}
