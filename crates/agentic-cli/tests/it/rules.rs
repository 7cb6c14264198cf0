//! Rules: what is answered once and for all.

use crate::support::Place;

/// Asks for three commands, one after the other.
const ASKS: &str = "
turns:
  - calls: [{ name: shell, arguments: { command: echo one >> made } }]
  - calls: [{ name: shell, arguments: { command: echo one >> made } }]
  - calls: [{ name: shell, arguments: { command: echo two >> made } }]
  - text: Done.
";

fn begin(place: &Place, flags: &[&str]) -> crate::support::Ended {
    place.file("script.yaml", ASKS);
    let run = ["run", "make it", "--model", "scripted:script.yaml", "--tool", "shell", "--output", "json"];
    place.run(&[&run, flags].concat())
}

fn made(place: &Place) -> String {
    std::fs::read_to_string(place.folder.path().join("work/made")).unwrap_or_default()
}

#[cfg(unix)]
#[test]
fn what_is_allowed_is_done_and_the_rest_is_asked() {
    let place = Place::new();
    let ended = begin(&place, &["--allow", r#"shell={"command":"echo one >> made"}"#]);
    assert_eq!((ended.code, made(&place).as_str()), (5, "one\none\n"), "{ended:?}");
    let events = ended.events();
    assert_eq!(events[0]["rules"][0]["arguments"]["having"]["command"], "echo one >> made", "{}", events[0]);
    let by: Vec<_> = events.iter().filter(|event| event["type"] == "approval_decided").collect();
    assert_eq!(by.len(), 2);
    assert_eq!(by[0]["by"], r#"rule: allow `shell` having {"command":"echo one >> made"}"#);
    let shown = place.run(&["runs", "show", "last"]);
    assert!(shown.out.contains("rule     allow `shell` having"), "{}", shown.out);
    assert!(shown.out.contains("approved (by rule: allow `shell` having"), "{}", shown.out);
}

#[cfg(unix)]
#[test]
fn a_yes_for_always_is_kept_with_the_run() {
    let place = Place::new().with("USER", "ada");
    let waits = begin(&place, &[]);
    assert!(waits.err.contains(" --always\n"), "{}", waits.err);
    let approved = place.run(&["runs", "approve", "last", "--always-same", "--output", "json"]).json();
    assert_eq!((&approved["did"], &approved["rule"]["answer"]), (&"approved".into(), &"allow".into()));
    assert!(place.run(&["runs", "show", "last"]).out.contains("with exactly"), "before it is taken in");
    let resumed = place.run(&["runs", "resume", "last"]);
    assert_eq!((resumed.code, made(&place).as_str()), (5, "one\none\n"), "{resumed:?}");
    assert!(resumed.err.contains("from now on: allow `shell` with exactly"), "{}", resumed.err);
    let approved = place.run(&["runs", "approve", "last", "--always"]);
    assert!(approved.out.starts_with("approved always: allow `shell`; go on with: "), "{approved:?}");
    let resumed = place.run(&["runs", "resume", "last"]);
    assert_eq!((resumed.code, resumed.out.as_str()), (0, "Done.\n"), "{resumed:?}");
    assert_eq!(made(&place), "one\none\ntwo\n");
    let shown = place.run(&["runs", "show", "last"]);
    assert!(shown.out.contains("— rule: allow `shell` (by ada)"), "{}", shown.out);
    assert!(shown.out.contains("approved (by rule: allow `shell`)"), "{}", shown.out);
    assert_eq!(place.run(&["runs", "replay", "last"]).code, 0);
}

#[test]
fn a_no_for_always_wins_over_a_yes_to_all() {
    let place = Place::new();
    begin(&place, &[]);
    let denied = place.run(&["runs", "deny", "last", "--always", "--reason", "no commands"]);
    assert!(denied.out.starts_with("denied always: deny `shell`: no commands; "), "{denied:?}");
    let resumed = place.run(&["runs", "resume", "last", "--yes"]);
    assert_eq!((resumed.code, made(&place).as_str()), (0, ""), "{resumed:?}");
    assert!(resumed.err.contains("no commands"), "{}", resumed.err);
    let ended = begin(&Place::new(), &["--deny", "shell", "--yes", "--ephemeral"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.contains("a rule of the user denies it"), "{}", ended.out);
}

#[test]
fn a_rule_that_is_revoked_is_asked_about_again() {
    let place = Place::new();
    std::fs::write(place.folder.path().join("config.toml"), r#"allow = ['shell={"command":"none"}']"#)
        .unwrap();
    assert_eq!(begin(&place, &[]).code, 5);
    assert_eq!(place.run(&["runs", "approve", "last", "--always"]).code, 0);
    let revoked = place.run(&["runs", "revoke", "last", "shell"]);
    assert_eq!(revoked.out, "revoked 2 rules; calls of `shell` are asked about again\n", "{revoked:?}");
    let again = place.run(&["runs", "revoke", "last", "shell"]);
    assert!(again.code == 1 && again.err.contains("has no rule for `shell`"), "{again:?}");
    assert!(!place.run(&["runs", "show", "last"]).out.contains("rule     "), "none is left");
}

#[test]
fn rules_that_would_do_nothing_are_refused() {
    let place = Place::new();
    for (rule, says) in [
        ("shel", "there is no tool `shel`"),
        ("read_file", "`read_file` never asks"),
        ("shell=ls", "the arguments are not JSON"),
        ("shell=[]", "no JSON object"),
    ] {
        for flag in ["--allow", "--deny"] {
            let ended = place.run(&["run", "hi", flag, rule]);
            assert!(ended.code == 2 && ended.err.contains(says), "{flag} {rule}: {ended:?}");
        }
    }
    let run = ["run", "hi", "--model", "scripted:none.yaml", "--allow", "shell"];
    let ended = place.run(&run);
    assert!(ended.code == 2 && ended.err.contains("does not have this tool"), "{ended:?}");
    let ended = place.run(&[&run[..], &["--tool", "shell", "--deny", "shell"]].concat());
    assert!(ended.code == 2 && ended.err.contains("leave one of the two out"), "{ended:?}");
    begin(&place, &[]);
    for flags in [&["--always", "--always-same"][..], &["--always", "--edit", "{}"]] {
        assert_eq!(place.run(&[&["runs", "approve", "last"], flags].concat()).code, 2, "{flags:?}");
    }
}

#[test]
fn an_answer_that_the_tool_would_refuse_is_refused() {
    let place = Place::new();
    assert_eq!(begin(&place, &[]).code, 5);
    let edit = |arguments| place.run(&["runs", "approve", "last", "--edit", arguments]);
    let refused = edit(r#"{"cmd": "ls"}"#);
    assert!(refused.code == 2 && refused.err.contains("these are no arguments of `shell`"), "{refused:?}");
    let good = edit(r#"{"command": "echo > edited"}"#);
    assert_eq!(good.code, 0, "{good:?}");
}

/// Whoever wrote the file has said what may happen.
#[test]
fn an_imported_run_says_which_rules_it_brings() {
    let place = Place::new();
    assert_eq!(begin(&place, &["--allow", r#"shell={"command":"ls"}"#]).code, 5);
    let exported = place.run(&["runs", "export", "last"]);
    let there = Place::new();
    let imported = there.feed(&["runs", "import", "-"], exported.out.as_bytes());
    assert_eq!(imported.code, 0, "{imported:?}");
    assert!(imported.err.contains("it comes with a rule: allow `shell` having"), "{}", imported.err);
    assert!(
        imported.err.contains(&format!("agentic runs revoke {} shell", imported.out.trim())),
        "{}",
        imported.err
    );
}
