//! `agentic memory`, and agents with a memory.

use crate::support::{Ended, Place};

/// Remembers a fact, then says so.
const REMEMBERS: &str = "\
turns:
  - calls:
      - name: remember
        arguments: { content: Anna drinks green tea, importance: 0.9 }
  - text: Noted.
";

/// Looks it up once more, then answers. What was recalled for the goal stands in the conversation as its first answer.
const RECALLS: &str = "\
turns:
  - text: This is not said.
  - calls:
      - name: recall
        arguments: { query: What does Anna drink? }
  - text: Green tea.
";

fn place() -> Place {
    Place::new().with("AGENTIC_EMBEDDER", "hashing:256")
}

fn memory(place: &Place, args: &[&str]) -> Ended {
    place.run(&[&["memory"], args].concat())
}

/// The id of what is added.
fn add(place: &Place, text: &str) -> String {
    let added = memory(place, &["add", text]);
    assert_eq!(added.code, 0, "{added:?}");
    added.out.trim().to_owned()
}

#[test]
fn entries_are_added_found_and_forgotten() {
    let place = place();
    let none = memory(&place, &["search", "tea"]);
    assert!(none.code == 0 && none.out.is_empty() && none.err.contains("there is no memory"), "{none:?}");
    assert!(!place.folder.path().join("store/memory.db").exists(), "a question makes no memory");
    let tea = add(&place, "Anna drinks green tea");
    add(&place, "Ben plays chess");
    let known = memory(&place, &["add", "Anna drinks green tea."]);
    assert_eq!((known.code, known.out.trim()), (0, &*tea));
    assert!(known.err.contains("known already"), "{known:?}");

    let found =
        memory(&place, &["search", "What does Anna drink?", "--limit", "1", "--output", "json"]).json();
    assert_eq!(
        (found["content"].as_str(), found["id"].as_str()),
        (Some("Anna drinks green tea"), Some(&*tea))
    );
    assert!(found["score"].as_f64().unwrap() > 0.0);
    assert_eq!(memory(&place, &["list"]).out.lines().count(), 2);
    let beginning = &tea[..13];
    let shown = memory(&place, &["show", beginning]);
    assert!(
        shown.out.contains("content     Anna drinks green tea") || shown.err.contains("more than one"),
        "{shown:?}"
    );
    let why = memory(&place, &["why", &tea]);
    assert!(why.code == 0 && why.out.contains("Anna drinks green tea"), "{why:?}");

    assert!(memory(&place, &["pin", &tea]).out.ends_with(" pinned\n"));
    assert!(memory(&place, &["pin", &tea]).out.ends_with(" was pinned already\n"));
    assert!(memory(&place, &["forget", &tea]).out.ends_with(" forgotten\n"));
    assert_eq!(memory(&place, &["list"]).out.lines().count(), 1);
    assert!(memory(&place, &["list", "--all"]).out.contains("(pinned, forgotten)"));
    let stats = memory(&place, &["stats", "--output", "json"]).json();
    assert_eq!(
        (stats["entries"].as_u64(), stats["given"].as_u64(), stats["forgotten"].as_u64()),
        (Some(2), Some(1), Some(1))
    );
    assert_eq!(stats["store"]["embedder"], "hashing:256");
    assert!(memory(&place, &["restore", &tea]).out.ends_with(" restored\n"));
    assert!(memory(&place, &["forget", &tea, "--for-good"]).out.ends_with(" deleted\n"));
    let gone = memory(&place, &["show", &tea]);
    assert!(gone.code == 2 && gone.err.contains("no entry"), "{gone:?}");
    let file = std::fs::read(place.folder.path().join("store/memory.db")).unwrap();
    assert!(!file.windows(9).any(|part| part == b"green tea"), "really gone");
}

#[test]
fn scopes_kinds_and_metadata_select() {
    let place = place();
    for (text, scope, with) in
        [("The gate code is 1", "anna/clerk", "about=gate"), ("The door code is 2", "anna", "about=door")]
    {
        let added = memory(&place, &["add", text, "--scope", scope, "--with", with, "--kind", "observation"]);
        assert_eq!(added.code, 0, "{added:?}");
    }
    let found = |args: &[&str]| memory(&place, &[&["search", "code"], args].concat()).out.lines().count();
    assert_eq!(found(&["--scope", "anna"]), 2);
    assert_eq!(found(&["--scope", "anna/clerk"]), 1);
    assert_eq!(found(&["--scope", "ben"]), 0);
    assert_eq!(found(&["--scope", "anna", "--with", "about=door"]), 1);
    assert_eq!(found(&["--scope", "anna", "--kind", "fact"]), 0);
    assert_eq!(found(&["--scope", "anna", "--limit", "0"]), 0);
}

#[test]
fn what_one_run_is_told_the_next_one_knows() {
    let place = place().with("AGENTIC_MEMORY", "sqlite://notes/anna.db");
    place.file("remembers.yaml", REMEMBERS);
    place.file("recalls.yaml", RECALLS);
    let told = place.run(&["run", "I am Anna. I drink green tea.", "--model", "scripted:remembers.yaml"]);
    assert_eq!((told.code, told.out.as_str()), (0, "Noted.\n"), "{told:?}");
    let asked =
        place.run(&["run", "What do I drink?", "--model", "scripted:recalls.yaml", "--output", "json"]);
    assert_eq!(asked.code, 0, "{asked:?}");
    assert!(
        asked.out.contains("`recall` gave: Remembered from") && asked.out.contains(") Anna drinks green tea"),
        "the tool gave it: {}",
        asked.out
    );
    let listed = memory(&place, &["list", "--output", "json"]);
    let contents: Vec<_> =
        listed.events().iter().map(|it| it["content"].as_str().unwrap().to_owned()).collect();
    for said in ["I am Anna. I drink green tea.", "Anna drinks green tea"] {
        assert!(contents.iter().any(|it| it == said), "{said}: {contents:?}");
    }
    assert_eq!(contents.len(), 2, "questions and answers without work are no memories: {contents:?}");
    // Recorded runs are repeated without the memory.
    std::fs::remove_file(place.folder.path().join("work/notes/anna.db")).unwrap();
    let replayed = place.run(&["runs", "replay", "last"]);
    assert_eq!((replayed.code, replayed.out.as_str()), (0, "repeated: same outcome\n"), "{replayed:?}");
    let alone =
        place.run(&["run", "hi", "--model", "scripted:remembers.yaml", "--memory", "", "--ephemeral"]);
    assert!(alone.err.contains("there is no tool `remember`"), "nothing is remembered: {alone:?}");
}

#[test]
fn a_conversation_is_remembered() {
    let place = place().with("AGENTIC_MEMORY", "default");
    place.file("script.yaml", "turns:\n  - text: Hello Anna.\n  - text: Tea.\n");
    let chat = place.feed(&["chat", "--model", "scripted:script.yaml"], b"I am Anna\nWhat do I drink?\n");
    assert_eq!((chat.code, chat.out.as_str()), (0, "Hello Anna.\nTea.\n"), "{chat:?}");
    let listed = memory(&place, &["list"]).out;
    assert_eq!(listed.lines().count(), 1, "{listed}");
}

#[test]
fn memories_are_copied_and_embedded_again() {
    let place = place();
    let tea = add(&place, "Anna drinks green tea");
    add(&place, "Ben plays chess");
    assert_eq!(memory(&place, &["forget", &tea]).code, 0);

    let exported = memory(&place, &["export", "entries.jsonl"]);
    assert!(exported.code == 0 && exported.err.contains("exported 2 entries"), "{exported:?}");
    for _ in 0..2 {
        let imported = memory(&place, &["import", "entries.jsonl", "--memory", "sqlite://imported.db"]);
        assert_eq!(imported.code, 0, "{imported:?}");
    }
    let listed = |url: &str| memory(&place, &["list", "--all", "--memory", url]).out;
    assert_eq!(listed("sqlite://imported.db"), listed("default"));
    // What is there stays as it is.
    memory(&place, &["restore", &tea]);
    let again = memory(&place, &["import", "entries.jsonl"]);
    assert!(
        again.err.contains("imported 0 of 2 entries") && again.err.contains("; 2 were there already"),
        "{again:?}"
    );
    let shown = memory(&place, &["list", "--limit", "1"]);
    assert!(shown.out.lines().count() == 1 && shown.err.contains("there are more"), "{shown:?}");
    assert!(memory(&place, &["list"]).out.contains("Anna drinks green tea"));
    memory(&place, &["forget", &tea]);

    for there in ["2 entries written", "0 entries written"] {
        let copied = memory(&place, &["migrate", "default", "sqlite://copy.db"]);
        assert!(copied.code == 0 && copied.err.contains(there), "{copied:?}");
    }
    assert_eq!(listed("sqlite://copy.db"), listed("default"));

    let other =
        memory(&place, &["search", "tea", "--memory", "sqlite://copy.db", "--embedder", "hashing:64"]);
    assert!(
        other.code == 2 && other.err.contains("hashing:256") && other.err.contains("hashing:64"),
        "{other:?}"
    );
    let again = memory(&place, &["reembed", "--memory", "sqlite://copy.db", "--embedder", "hashing:64"]);
    assert!(again.code == 0 && again.err.contains("2 entries written"), "{again:?}");
    let found =
        memory(&place, &["search", "chess", "--memory", "sqlite://copy.db", "--embedder", "hashing:64"]);
    assert!(found.code == 0 && found.out.contains("Ben plays chess"), "{found:?}");
    let beside = memory(&place, &["reembed", "--to", "sqlite://beside.db", "--embedder", "hashing:64"]);
    assert_eq!(beside.code, 0, "{beside:?}");
    assert_eq!(listed("sqlite://beside.db"), listed("sqlite://copy.db"));
}

#[test]
fn a_model_says_what_holds_no_more() {
    let place = place();
    let answers = |answer: &str| format!("turns:\n  - text: '{answer}'\n  - text: '{answer}'\n");
    place.file("contradicts.yaml", answers(r#"{"same": [], "contradicts": [1]}"#));
    place.file("same.yaml", answers(r#"{"same": [1], "contradicts": []}"#));
    let compares = |file: &str| memory(&place, &["consolidate", "--model", &format!("scripted:{file}")]);
    let none = compares("same.yaml");
    assert!(none.code == 2 && none.err.contains("there is no memory at"), "{none:?}");
    let oslo = add(&place, "Anna lives in Oslo");
    let bergen = add(&place, "Anna lives in Bergen now");
    assert_eq!(memory(&place, &["stats", "--output", "json"]).json()["waiting"], 2);
    let done = compares("contradicts.yaml");
    assert_eq!(done.out.trim(), "2 compared: 0 said the same as another, 1 hold no more", "{done:?}");
    add(&place, "Anna now has her home in Bergen, where she lives");
    let done = compares("same.yaml");
    assert_eq!(done.out.trim(), "1 compared: 1 said the same as another, 0 hold no more", "{done:?}");
    let listed = memory(&place, &["list"]).out;
    assert!(listed.lines().count() == 1 && listed.contains(&bergen), "{listed}");
    let then = memory(&place, &["show", &oslo]);
    assert!(then.out.contains("held until"), "{then:?}");
    let nothing = compares("same.yaml");
    assert!(nothing.code == 0 && nothing.out.starts_with("0 compared"), "{nothing:?}");
}

#[test]
fn exports_are_whole_and_private_and_imports_keep_to_a_scope() {
    let place = place();
    add(&place, "Anna drinks green tea");
    assert_eq!(memory(&place, &["add", "Ben plays chess", "--scope", "default/ben"]).code, 0);
    place.file("entries.jsonl", "what was here before");
    assert_eq!(memory(&place, &["export", "entries.jsonl"]).code, 0);
    let file = place.folder.path().join("work/entries.jsonl");
    let exported = std::fs::read_to_string(&file).unwrap();
    assert!(exported.lines().count() == 2 && !exported.contains("before"), "{exported}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        // What is no file is written through.
        let through = memory(&place, &["export", "/dev/null"]);
        assert_eq!(through.code, 0, "{through:?}");
        assert!(!std::fs::symlink_metadata("/dev/null").unwrap().is_file());
    }
    let failed = memory(&place, &["export", "nowhere/entries.jsonl"]);
    assert!(failed.code == 1 && failed.err.contains("can't write nowhere/entries.jsonl"), "{failed:?}");
    let some = ["import", "entries.jsonl", "--memory", "sqlite://ben.db", "--scope", "default/ben"];
    let imported = memory(&place, &some);
    assert!(imported.code == 0 && imported.err.contains("imported 1 of 2 entries"), "{imported:?}");
}

#[test]
fn bad_memories_are_named() {
    let place = place();
    add(&place, "Anna drinks green tea");
    add(&place, "Ben plays chess");
    place.file("text.db", "no database at all, but long enough to look like one".repeat(99));
    place.file("bad.jsonl", "{\"id\": 1}\n");
    let large = format!("x {}", "word ".repeat(220_000));
    place.file("large.txt", &large);
    for (args, code, message) in [
        (&["search", " "][..], 2, "the query is empty"),
        (&["search", "tea", "--limit", "-1"], 2, "--limit"),
        (&["search", "tea", "--memory", "redis://x"], 2, "no memory backend for scheme `redis`"),
        (&["search", "tea", "--scope", "a//b"], 2, "is no scope"),
        (&["search", "tea", "--with", "novalue"], 2, "not NAME=VALUE"),
        (&["search", "tea", "--embedder", "hashing:0"], 2, "write hashing:384"),
        (&["search", "tea", "--embedder", "nothing"], 2, "names no model"),
        (&["search", "tea", "--memory", "sqlite://text.db"], 1, "it is no SQLite database"),
        (&["list", "--memory", "sqlite://text.db"], 1, "it is no SQLite database"),
        (&["add", ""], 2, "the entry is empty"),
        (&["add", "x", "--importance", "2"], 2, "not a number from 0 to 1"),
        (&["show", "0"], 2, "entry"),
        (&["show", "nonsense"], 2, "no entry `nonsense`"),
        (&["stats", "--memory", "sqlite://nowhere.db"], 2, "there is no memory at"),
        (&["import", "bad.jsonl"], 2, "line 1 is no exported entry"),
        (&["import", "none.jsonl"], 2, "can't read none.jsonl"),
        (&["migrate", "default", "default"], 2, "both are"),
        (&["migrate", "sqlite://nowhere.db", "sqlite://x.db"], 2, "there are no memories"),
        (&["reembed", "--memory", "memory:"], 2, "only a SQLite file is replaced"),
    ] {
        let ended = memory(&place, args);
        assert!(ended.code == code && ended.err.contains(message), "{args:?}: {ended:?}");
        let errors = ended.err.lines().filter(|line| line.starts_with("error: ")).count();
        assert_eq!(errors, 1, "one line: {ended:?}");
    }
    let ended = place.feed(&["memory", "add", "-"], large.as_bytes());
    assert!(ended.code == 2 && ended.err.contains("split it or summarise it"), "{}", ended.err);
    assert_eq!(memory(&place, &["list"]).out.lines().count(), 2, "nothing was written");
    assert!(!place.folder.path().join("work/x.db").exists());
}
