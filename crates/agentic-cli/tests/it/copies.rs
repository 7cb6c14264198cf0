//! Forks, repetitions, differences, exports.

use crate::support::Place;

const SCRIPT: &str = "
turns:
  - calls: [{ name: read_file, arguments: { path: a.txt } }]
  - when: alpha
    text: It says alpha.
  - text: It says something else.
";

fn done() -> Place {
    let place = Place::new();
    place.file("a.txt", "alpha\n");
    place.file("script.yaml", SCRIPT);
    let ended = place.run(&["run", "What does a.txt say?", "--model", "scripted:script.yaml"]);
    assert_eq!((ended.code, ended.out.as_str()), (0, "It says alpha.\n"), "{ended:?}");
    place
}

#[test]
fn a_fork_goes_on_from_a_step() {
    let place = done();
    place.file("a.txt", "beta\n");
    let fork = place.run(&["runs", "fork", "last", "--at", "turn/call:0/tool:read_file"]);
    let id = fork.out.trim();
    assert!(fork.code == 0 && fork.err.contains(&format!("agentic runs resume {id}")), "{fork:?}");
    let resumed = place.run(&["runs", "resume", id]);
    assert_eq!((resumed.code, resumed.out.as_str()), (0, "It says something else.\n"), "{resumed:?}");
    assert!(place.run(&["runs", "show", id]).out.contains("forked here from run"));

    let listed = place.run(&["runs", "list", "--output", "json"]).events();
    let first = listed.last().unwrap()["id"].as_str().unwrap();
    let differ = place.run(&["runs", "diff", first, id]);
    assert_eq!(differ.code, 1, "{differ:?}");
    let said = "step `turn/call:0/tool:read_file` was asked the same and gave something else";
    assert!(
        differ.out.contains(said) && differ.out.contains("alpha") && differ.out.contains("beta"),
        "{differ:?}"
    );
    let same = place.run(&["runs", "diff", first, first, "--output", "json"]);
    assert_eq!((same.code, same.json()["same"].as_bool()), (0, Some(true)), "{same:?}");
}

#[test]
fn a_fork_may_have_another_result_model_or_goal() {
    let place = done();
    place.file("other.yaml", "turns:\n  - text: not played\n  - text: The other model.");
    let first =
        place.run(&["runs", "list", "--output", "json"]).events()[0]["id"].as_str().unwrap().to_owned();
    let at = ["runs", "fork", &first, "--at"];
    let result = ["turn/call:0/tool:read_file", "--result", "\"gamma\"", "--resume"];
    let given = place.run(&[&at[..], &result].concat());
    assert_eq!((given.code, given.out.as_str()), (0, "It says something else.\n"), "{given:?}");
    let model = ["turn@1/model", "--model", "scripted:other.yaml", "--resume", "--output", "json"];
    let other = place.run(&[&at[..], &model].concat());
    assert_eq!((other.code, other.last()["output"].as_str()), (0, Some("The other model.")), "{other:?}");
    let goal =
        place.run(&[&at[..], &["turn@1/model", "--goal", "Another goal", "--output", "json"]].concat());
    assert_eq!((goal.code, goal.json()["forked_from"].as_str()), (0, Some(first.as_str())), "{goal:?}");
    assert!(place.run(&["runs", "list"]).out.contains("Another goal"));
}

#[test]
fn a_fork_has_no_effects_unless_they_are_allowed() {
    let place = Place::new();
    let script =
        "turns:\n  - calls: [{ name: write_file, arguments: { path: b.txt, content: b } }]\n  - text: Done.";
    place.file("script.yaml", script);
    let run = ["run", "write", "--model", "scripted:script.yaml", "--tool", "write_file", "--yes"];
    assert_eq!(place.run(&run).code, 0);
    let written = place.folder.path().join("work/b.txt");
    assert!(written.exists());
    let first =
        place.run(&["runs", "list", "--output", "json"]).events()[0]["id"].as_str().unwrap().to_owned();
    let fork = ["runs", "fork", &first, "--at", "turn/call:0/tool:write_file", "--resume", "--yes"];
    std::fs::remove_file(&written).unwrap();
    let refused = place.run(&fork);
    assert_eq!(refused.code, 0);
    assert!(!written.exists(), "refused");
    let said = "✗ `write_file` is not run again: this run is a fork, and its effects are refused";
    assert!(refused.err.contains(said), "{}", refused.err);
    assert_eq!(place.run(&[&fork[..], &["--allow-effects"]].concat()).code, 0);
    assert!(written.exists(), "allowed");
}

#[test]
fn a_run_is_repeated_without_its_model_or_its_folder() {
    let place = done();
    assert_eq!(place.run(&["runs", "export", "last", "run.jsonl"]).code, 0);
    for file in ["script.yaml", "a.txt"] {
        std::fs::remove_file(place.folder.path().join("work").join(file)).unwrap();
    }
    for run in ["last", "run.jsonl"] {
        let replayed = place.run(&["runs", "replay", run]);
        assert_eq!((replayed.code, replayed.out.as_str()), (0, "repeated: same outcome\n"), "{replayed:?}");
    }
    // The file says that the model answered something else.
    let path = place.folder.path().join("work/run.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        text.replacen("\"path\\\": \\\"a.txt", "\"path\\\": \\\"z.txt", 1).replacen(
            "a.txt\\\"}",
            "z.txt\\\"}",
            1,
        ),
    )
    .unwrap();
    let replayed = place.run(&["runs", "replay", "run.jsonl", "--output", "json"]);
    assert_eq!((replayed.code, replayed.json()["same"].as_bool()), (1, Some(false)), "{replayed:?}");
    assert!(
        replayed.json()["message"].as_str().unwrap().contains("`turn/call:0/tool:read_file`"),
        "{replayed:?}"
    );
}

#[test]
fn a_run_moves_to_another_machine() {
    let (here, there) = (done(), Place::new());
    let exported = here.run(&["runs", "export", "last"]);
    assert_eq!(exported.code, 0, "{exported:?}");
    let imported = there.feed(&["runs", "import", "-"], exported.out.as_bytes());
    assert_eq!(imported.code, 0, "{imported:?}");
    let id = imported.out.trim();
    let shown = there.run(&["runs", "resume", id]);
    assert_eq!((shown.code, shown.out.as_str()), (0, "It says alpha.\n"), "{shown:?}");
    let twice = there.feed(&["runs", "import", "-"], exported.out.as_bytes());
    assert!(twice.code == 1 && twice.err.contains("there is a run"), "{twice:?}");
    assert_eq!(there.run(&["runs", "export", id]).out, exported.out, "the same bytes");
}
