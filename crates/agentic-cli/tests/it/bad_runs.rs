//! Whatever is wrong with runs and the file that they are in: one clear line, the right exit code.

use std::path::PathBuf;

use crate::bad_input::refused;
use crate::support::Place;

const NOBODY: &str = "01a21715-2bb8-72a1-8334-10e880ea2a45";

fn ended() -> Place {
    let place = Place::new();
    place.file("script.yaml", "turns:\n  - text: hello");
    assert_eq!(place.run(&["run", "hi", "--model", "scripted:script.yaml"]).code, 0);
    // A program that ends may leave the last writes in SQLite's log. The next one brings them into the file.
    let log = place.folder.path().join("store/runs.db-wal");
    for _ in (0..20).take_while(|_| log.exists()) {
        assert_eq!(place.run(&["runs", "list"]).code, 0);
    }
    place
}

fn file(place: &Place) -> PathBuf {
    place.folder.path().join("store/runs.db")
}

#[test]
fn names_of_runs() {
    refused(&Place::new(), &["runs", "show", "last"], 2, &["there are no runs yet", "agentic run GOAL"]);
    let place = ended();
    place.run(&["run", "hi", "--model", "scripted:script.yaml"]);
    for command in ["show", "watch", "resume", "cancel", "approve", "deny", "replay", "export", "rm"] {
        refused(&place, &["runs", command, NOBODY], 2, &["there is no run", "agentic runs list"]);
        refused(&place, &["runs", command, "zebra"], 2, &["`zebra` is no id of a run", "`last`"]);
        refused(&place, &["runs", command, "0"], 2, &["2 runs begin with `0`", "write more of the id"]);
        refused(&place, &["runs", command, "ffff"], 2, &["there is no run `ffff`"]);
    }
}

#[test]
fn questions_and_steps() {
    let place = ended();
    refused(&place, &["runs", "approve", "last"], 1, &["does not ask this; it is completed"]);
    refused(&place, &["runs", "deny", "last", "turn/x"], 2, &["`turn/x`", "open: nothing"]);
    refused(&place, &["runs", "resolve", "last", "--not-done"], 1, &["does not ask this"]);
    refused(&place, &["runs", "resolve", "last", "--done", "{"], 2, &["--done is not JSON"]);
    refused(&place, &["runs", "approve", "last", "--edit", "{"], 2, &["--edit is not JSON"]);
    refused(&place, &["runs", "approve", "last", "--edit", "1"], 2, &["JSON object"]);
    refused(&place, &["runs", "cancel", "last"], 1, &["has ended: completed"]);
    let fork = ["runs", "fork", "last", "--at"];
    refused(
        &place,
        &[&fork[..], &["turn@7/model"]].concat(),
        2,
        &["step `turn@7/model`", "agentic runs show"],
    );
    refused(&place, &[&fork[..], &["turn/model", "--result", "{"]].concat(), 2, &["--result is not JSON"]);
    refused(
        &place,
        &[&fork[..], &["turn/model", "--result", "\"X\""]].concat(),
        2,
        &["the result for step `turn/model`"],
    );
    refused(&place, &[&fork[..], &["turn/model", "--goal", " "]].concat(), 2, &["the goal is empty"]);
    refused(&place, &[&fork[..], &["turn/model", "--model", "acme:x"]].concat(), 2, &["scheme `acme`"]);
    for args in [
        &["runs"][..],
        &["runs", "resolve", "last"],
        &["runs", "resolve", "last", "--not-done", "--failed", "x"],
        &["runs", "list", "--status", "odd"],
        &["runs", "rm"],
        &["runs", "fork", "last"],
    ] {
        assert_eq!(place.run(args).code, 2, "{args:?}");
    }
}

#[test]
fn files_of_runs() {
    for (content, says) in [
        (&b"this is no database, but a text that is long enough to be looked at"[..], "no SQLite database"),
        (&[0; 4096][..], "runs.db"),
    ] {
        let place = ended();
        for more in ["-wal", "-shm"] {
            std::fs::remove_file(format!("{}{more}", file(&place).display())).ok();
        }
        std::fs::write(file(&place), content).unwrap();
        for args in [
            &["runs", "list"][..],
            &["runs", "show", "last"],
            &["run", "hi", "--model", "scripted:script.yaml"],
        ] {
            refused(&place, args, 1, &[says, "runs.db"]);
        }
        let doctor = place.run(&["doctor"]);
        assert!(doctor.code == 1 && doctor.out.contains("missing  runs: "), "{doctor:?}");
    }
    // The header of a SQLite file: whose it is, and in which version.
    for (at, says) in [(68, "the database of another program"), (60, "use a newer one")] {
        let place = ended();
        let mut bytes = std::fs::read(file(&place)).unwrap();
        bytes[at..at + 4].copy_from_slice(&99_u32.to_be_bytes());
        std::fs::write(file(&place), &bytes).unwrap();
        refused(&place, &["runs", "list"], 1, &[says, "runs.db"]);
        assert_eq!(std::fs::read(file(&place)).unwrap(), bytes, "it is as it was");
    }
    let place = ended().with("AGENTIC_LEASE", "soon");
    refused(&place, &["runs", "list"], 2, &["AGENTIC_LEASE: `soon` is not a duration"]);
    let place = ended().with("AGENTIC_LEASE", "5ms");
    refused(&place, &["runs", "list"], 2, &["`5ms` is too short"]);
}

#[test]
fn folders_that_can_hold_no_runs() {
    let place = Place::new();
    place.file("script.yaml", "turns:\n  - text: hello");
    let blocked = place.file("blocked", "a file");
    let place = place.with("AGENTIC_HOME", blocked.join("below").display().to_string());
    let run = ["run", "hi", "--model", "scripted:script.yaml"];
    refused(&place, &run, 1, &["blocked", "--ephemeral"]);
    let ephemeral = place.run(&[&run[..], &["--ephemeral"]].concat());
    assert_eq!((ephemeral.code, ephemeral.out.as_str()), (0, "hello\n"), "{ephemeral:?}");
}

/// The kernel's own file system takes no files, not even from root.
#[cfg(target_os = "linux")]
#[test]
fn folders_that_may_not_be_written() {
    let place = Place::new().with("AGENTIC_HOME", "/sys/agentic");
    place.file("script.yaml", "turns:\n  - text: hello");
    refused(&place, &["run", "hi", "--model", "scripted:script.yaml"], 1, &["/sys/agentic", "--ephemeral"]);
    // One that could be written when its runs were made.
    let place = ended();
    let folder = place.folder.path().join("store");
    let set = |mode| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set(0o555);
    if std::fs::write(folder.join("new"), "").is_ok() {
        println!("skipped: this user (root?) may write what nobody may; run it as another");
    } else {
        refused(&place, &["run", "hi", "--model", "scripted:script.yaml"], 1, &["runs.db"]);
    }
    set(0o755);
    let listed = place.run(&["runs", "list"]);
    assert!(listed.code == 0 && listed.out.contains("completed"), "nothing is lost: {listed:?}");
}

/// Files can't grow beyond a limit, as on a disk that is full.
#[cfg(unix)]
#[test]
fn disks_that_are_full() {
    let place = Place::new();
    let mut script = "turns:\n".to_owned();
    for n in 0..40 {
        let text: String = (0..1_500).map(|m| format!("{} ", n * 10_000 + m)).collect();
        place.file(&format!("{n}.txt"), text);
        script.push_str(&format!("  - calls: [{{ name: read_file, arguments: {{ path: {n}.txt }} }}]\n"));
    }
    place.file("script.yaml", script + "  - text: Read all.");
    assert_eq!(place.run(&["runs", "list"]).code, 0);
    let run = place.command(&["run", "hi", "--model", "scripted:script.yaml", "--max-turns", "99"]);
    let mut limited = std::process::Command::new("sh");
    // A write beyond the limit is to fail, not to kill.
    limited.args(["-c", "trap '' XFSZ; ulimit -f 400; exec \"$0\" \"$@\""]).arg(run.get_program());
    limited
        .args(run.get_args())
        .env_clear()
        .envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.current_dir(place.folder.path().join("work")).stdin(std::process::Stdio::null());
    let ended = crate::support::Ended::of(limited.output().unwrap());
    let errors: Vec<_> = ended.err.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(ended.code == 1 && errors.len() == 1 && errors[0].contains("runs.db"), "{ended:?}");
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
    // What was told to be durable is, and the run goes on from there once there is space.
    let before = place.run(&["runs", "show", "last"]);
    assert!(before.code == 0 && before.out.contains("read_file"), "{before:?}");
    let resumed = place.run(&["runs", "resume", "last"]);
    assert_eq!((resumed.code, resumed.out.as_str()), (0, "Read all.\n"), "{resumed:?}");
}

#[test]
fn runs_that_were_begun_otherwise() {
    // The folder is gone.
    let place = Place::new();
    let elsewhere = place.folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let script = "turns:\n  - calls: [{ name: shell, arguments: { command: echo hi } }]\n  - text: Done.";
    place.file("script.yaml", script);
    let run = ["run", "hi", "--model", "scripted:script.yaml", "--tool", "shell", "--workdir"];
    let ended = place.run(&[&run[..], &[&elsewhere.display().to_string()]].concat());
    assert_eq!(ended.code, 5, "{ended:?}");
    std::fs::remove_dir(&elsewhere).unwrap();
    refused(&place, &["runs", "resume", "last"], 1, &["the run's folder", "elsewhere is gone"]);
    std::fs::create_dir(&elsewhere).unwrap();
    // The model is gone.
    let script = place.folder.path().join("work/script.yaml");
    std::fs::rename(&script, script.with_extension("old")).unwrap();
    refused(&place, &["runs", "resume", "last"], 2, &["can't read the script"]);
    let listed = place.run(&["runs", "list"]);
    assert!(listed.out.contains("waiting (approval)"), "nothing has changed: {listed:?}");
}

#[test]
fn runs_that_went_another_way() {
    let (here, there) = (Place::new(), Place::new());
    let script = "turns:\n  - calls: [{ name: shell, arguments: { command: echo hi } }]\n  - text: Done.";
    here.file("script.yaml", script);
    assert_eq!(here.run(&["run", "hi", "--model", "scripted:script.yaml", "--tool", "shell"]).code, 5);
    let exported = here.run(&["runs", "export", "last"]).out;
    let changed = exported.replacen("\"tools\":[\"shell\"]", "\"tools\":[\"calculator\"]", 1);
    assert_ne!(exported, changed);
    assert_eq!(there.feed(&["runs", "import", "-"], changed.as_bytes()).code, 0);
    let resumed = there.run(&["runs", "resume", "last", "--output", "json"]);
    let last = resumed.events().pop().unwrap();
    assert_eq!((resumed.code, last["type"].as_str()), (5, Some("run_waiting")), "{resumed:?}");
    assert_eq!(last["reason"], "diverged");
    for says in
        ["error: the run diverged from its journal: step `turn/model`", "or fork it", "agentic runs resume"]
    {
        assert!(resumed.err.contains(says), "{says} in {}", resumed.err);
    }
    let replayed = there.run(&["runs", "replay", "last"]);
    assert!(replayed.code == 1 && replayed.out.contains("step `turn/model`"), "{replayed:?}");
    assert!(there.run(&["runs", "list"]).out.contains("waiting (diverged)"));
}

#[test]
fn exported_files() {
    let place = ended();
    let text = place.run(&["runs", "export", "last"]).out;
    place.file("empty.jsonl", "");
    place.file("cut.jsonl", &text[..text.len() / 2]);
    place.file("swapped.jsonl", {
        let mut lines: Vec<_> = text.lines().collect();
        lines.swap(2, 3);
        lines.join("\n")
    });
    place.file("newer.jsonl", text.replacen("\"agentic_run\":1", "\"agentic_run\":99", 1));
    place.file("bytes.jsonl", b"\xff\xfe");
    for (file, says) in [
        ("empty.jsonl", "line 1"),
        ("cut.jsonl", "export the run again"),
        ("swapped.jsonl", "line 3"),
        ("newer.jsonl", "use a newer version"),
        ("bytes.jsonl", "not text"),
        ("missing.jsonl", "can't read `missing.jsonl`"),
    ] {
        refused(&place, &["runs", "import", file], 2, &[file, says]);
    }
    refused(
        &place,
        &["runs", "export", "last", "nowhere/run.jsonl"],
        1,
        &["can't write `nowhere/run.jsonl`"],
    );
    // Not what `replay` and `diff` say of runs that differ.
    refused(&place, &["runs", "replay", "cut.jsonl"], 2, &["cut.jsonl"]);
    refused(&place, &["runs", "replay", "missing.jsonl"], 2, &["there is no file `missing.jsonl`"]);
    refused(&place, &["runs", "diff", "last", "missing.jsonl"], 2, &["there is no file `missing.jsonl`"]);
}
