//! Listing, naming and removing runs.

use crate::support::Place;

fn with_runs(count: usize) -> Place {
    let place = Place::new();
    place.file("script.yaml", "turns:\n  - text: \"An \\e[31mevil\\u202E answer.\"");
    for n in 0..count {
        let goal = format!("goal {n} of\u{1b}[2J {}", "many words ".repeat(40));
        assert_eq!(place.run(&["run", &goal, "--model", "scripted:script.yaml"]).code, 0);
    }
    place
}

#[test]
fn runs_are_listed_the_youngest_first() {
    let place = with_runs(3);
    let listed = place.run(&["runs", "list"]);
    let lines: Vec<_> = listed.out.lines().collect();
    assert_eq!((listed.code, lines.len()), (0, 3), "{listed:?}");
    for (line, n) in lines.iter().zip([2, 1, 0]) {
        assert!(line.contains("  completed  ") && line.contains(&format!("goal {n} of")), "{line}");
        assert!(line.chars().count() <= 200 && line.ends_with('…'), "cut to the width: {line}");
        assert!(!line.contains('\x1b'), "harmless: {line:?}");
        assert_eq!(
            place.run(&["runs", "show", line.split(' ').next().unwrap()]).code,
            0,
            "the short id will do"
        );
    }
    let one = place.run(&["runs", "list", "--limit", "1"]);
    assert!(one.out.lines().count() == 1 && one.err.contains("there are more"), "{one:?}");
    assert_eq!(place.run(&["runs", "list", "--status", "failed"]).out, "");
    let runs = place.run(&["runs", "list", "--output", "json"]).events();
    for field in ["id", "status", "goal", "reason", "agent", "created", "updated", "spend", "waits"] {
        assert!(runs[0].get(field).is_some(), "{field} in {}", runs[0]);
    }
}

#[test]
fn a_run_is_named_by_a_beginning_or_last() {
    let place = with_runs(2);
    let runs = place.run(&["runs", "list", "--output", "json"]).events();
    let id = runs[0]["id"].as_str().unwrap();
    for name in ["last", id, &id.replace('-', ""), &id.to_uppercase(), &id[..30]] {
        let shown = place.run(&["runs", "show", name, "--output", "json"]);
        assert_eq!(shown.json()["record"]["id"].as_str(), Some(id), "{name}");
    }
    let shown = place.run(&["runs", "show", "last"]);
    assert!(
        shown.out.contains("goal     goal 1 of") && shown.out.contains("turn/model  scripted:"),
        "{shown:?}"
    );
    assert!(shown.out.contains("1 turn · 0 tokens in"), "{shown:?}");
    // The answer itself is exact where it goes into a file; all above it is for reading.
    let (timeline, _) = shown.out.rsplit_once("\n\n").unwrap();
    assert!(!timeline.contains(['\x1b', '\u{202e}']), "{timeline:?}");
}

#[test]
fn runs_are_removed() {
    let place = with_runs(2);
    let young = place.run(&["runs", "rm", "--ended-before", "1h"]);
    assert_eq!((young.code, young.out.as_str()), (0, ""), "{young:?}");
    let wrong = place.run(&["runs", "rm", "last", "ffff"]);
    assert_eq!(
        (wrong.code, place.run(&["runs", "list"]).out.lines().count()),
        (2, 2),
        "none is gone: {wrong:?}"
    );
    assert_eq!(place.run(&["runs", "rm", "last"]).code, 0);
    assert_eq!(place.run(&["runs", "list"]).out.lines().count(), 1);
    let all = place.run(&["runs", "rm", "--ended-before", "1ms", "--output", "json"]);
    assert_eq!((all.code, all.json()["did"].as_str()), (0, Some("removed")), "{all:?}");
    assert_eq!(place.run(&["runs", "list"]).out, "");
}

#[test]
fn looking_makes_no_file() {
    let place = Place::new();
    let listed = place.run(&["runs", "list"]);
    assert_eq!((listed.code, listed.out.as_str()), (0, ""), "{listed:?}");
    assert_eq!(place.run(&["runs", "list", "--output", "json"]).out, "");
    assert!(!place.folder.path().join("store").exists());
}
