//! Runs that stop and go on: killed, interrupted, waiting for somebody.

use std::io::{BufRead as _, BufReader};

use crate::support::{Ended, Place};

const READS: &str = "
turns:
  - calls: [{ name: read_file, arguments: { path: a.txt } }]
  - text: It says alpha.
";
const ASKS: &str = "
turns:
  - calls: [{ name: shell, arguments: { command: echo hi >> made } }]
  - when: not allowed
    text: I was not allowed to.
  - text: Done.
";

/// The steps of a run's journal: for each entry its type and its step.
fn steps(place: &Place, run: &str) -> Vec<(String, String)> {
    let shown = place.run(&["runs", "show", run, "--output", "json"]).json();
    let entry = |entry: &serde_json::Value| {
        let text = |name: &str| entry["entry"][name].as_str().unwrap_or_default().to_owned();
        (text("type"), text("step"))
    };
    shown["entries"].as_array().unwrap().iter().map(entry).collect()
}

fn waiting(place: &Place) -> Ended {
    place.file("script.yaml", ASKS);
    place.run(&["run", "make it", "--model", "scripted:script.yaml", "--tool", "shell", "--output", "json"])
}

#[test]
fn a_killed_run_goes_on_where_it_was() {
    let place = Place::new().with("AGENTIC_LEASE", "1s");
    place.file("a.txt", "alpha\n");
    place.file("script.yaml", READS.replace("  - text: It", "  - delay_ms: 60000\n    text: It"));
    let args = ["run", "What does a.txt say?", "--model", "scripted:script.yaml", "--output", "json"];
    let mut child = place.command(&args).spawn().unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines();
    let begun = |line: &String| line.contains("step_started") && line.contains("turn@1/model");
    assert!(events.any(|line| begun(&line.unwrap())), "the second turn begins");
    // SIGKILL on Unix.
    child.kill().unwrap();
    child.wait().unwrap();
    // Whoever asks for the first turn again gets an error.
    let again = "turns:\n  - error: { kind: refused, message: paid twice }\n  - text: It says alpha.";
    place.file("script.yaml", again);
    let resumed = place.run(&["runs", "resume", "last"]);
    assert_eq!((resumed.code, resumed.out.as_str()), (0, "It says alpha.\n"), "{resumed:?}");
    let up_to = |err: &str| err.contains("2 turns · up to ") && err.contains("cached) · up to ");
    assert!(up_to(&resumed.err), "{}", resumed.err);
    let steps = steps(&place, "last");
    let count = |kind: &str, step: &str| steps.iter().filter(|(k, s)| k == kind && s == step).count();
    assert_eq!((count("intent", "turn/model"), count("outcome", "turn/model")), (1, 1));
    assert_eq!((count("restarted", "turn@1/model"), count("outcome", "turn@1/model")), (1, 1));
    let shown = place.run(&["runs", "show", "last"]);
    assert!(shown.out.contains("resumed after its process was gone"), "{}", shown.out);
    assert!(shown.out.contains("`turn@1/model` was under way"), "{}", shown.out);
    assert!(shown.out.contains("spent    2 turns · up to "), "{}", shown.out);
    let replayed = place.run(&["runs", "replay", "last"]);
    assert_eq!((replayed.code, replayed.out.as_str()), (0, "repeated: same outcome\n"), "{replayed:?}");
    let again = place.run(&["runs", "resume", "last"]);
    assert_eq!((again.code, again.out.as_str()), (0, "It says alpha.\n"), "it ends once: {again:?}");
    assert!(up_to(&again.err), "a bound stays one: {}", again.err);
    let last = place.run(&["runs", "resume", "last", "--output", "json"]).last();
    assert_eq!(last["usage"]["at_most"].as_bool(), Some(true), "{last}");
    let listed = place.run(&["runs", "list", "--output", "json"]).json();
    assert_eq!(listed["spend"]["at_most"].as_bool(), Some(true), "{listed}");
}

#[test]
fn a_run_that_nobody_can_approve_waits() {
    let place = Place::new();
    let ended = waiting(&place);
    let last = ended.events().pop().unwrap();
    assert_eq!(
        (ended.code, last["type"].as_str(), last["reason"].as_str()),
        (5, Some("run_waiting"), Some("approval"))
    );
    let id = last["run"].as_str().unwrap();
    assert_eq!(last["waits"][0]["approval"]["tool"], "shell");
    assert!(ended.err.contains("the run waits for an answer: Call `shell`"), "{}", ended.err);
    for command in ["approve ID", "deny ID --reason WHY", "resume ID"] {
        let command = format!("agentic runs {}", command.replace("ID", id));
        assert!(ended.err.contains(&command), "{command} in {}", ended.err);
        assert!(last["next"].as_array().unwrap().iter().any(|next| next == command.as_str()), "{last}");
    }
    let listed = place.run(&["runs", "list", "--status", "waiting"]);
    assert!(listed.out.contains("waiting (approval)") && listed.out.contains("make it"), "{listed:?}");
    let shown = place.run(&["runs", "show", id]);
    for line in ["tools    shell", "folder   ", "model    scripted:", &format!("agentic runs approve {id}")] {
        assert!(shown.out.contains(line), "{line} in {}", shown.out);
    }
    let watched = place.run(&["runs", "watch", id, "--output", "json"]);
    assert_eq!((watched.code, watched.events().pop().unwrap()["type"].as_str()), (5, Some("run_waiting")));

    let approved = place.run(&["runs", "approve", &id[..18]]);
    assert_eq!(approved.code, 0, "{approved:?}");
    assert!(approved.out.contains(&format!("go on with: agentic runs resume {id}")), "{approved:?}");
    assert!(place.run(&["runs", "list"]).out.contains("waiting (answered)"));
    assert!(!place.folder.path().join("work/made").exists(), "not before it is resumed");
    let resumed = place.run(&["runs", "resume", id, "--output", "json"]);
    assert_eq!((resumed.code, resumed.last()["output"].as_str()), (0, Some("Done.")), "{resumed:?}");
    assert_eq!(resumed.events()[0]["type"], "run_resumed", "what was told is not told again");
    let watched = place.run(&["runs", "watch", id]);
    assert_eq!((watched.code, watched.out.as_str()), (0, "Done.\n"), "{watched:?}");
}

#[cfg(unix)]
#[test]
fn what_is_approved_is_done_once() {
    let place = Place::new().with("USER", "ada");
    waiting(&place);
    let edit = r#"{"command": "echo edited >> made"}"#;
    assert_eq!(place.run(&["runs", "approve", "last", "turn/call:0/approve", "--edit", edit]).code, 0);
    assert_eq!(place.run(&["runs", "resume", "last"]).code, 0);
    assert_eq!(place.run(&["runs", "resume", "last"]).code, 0);
    assert_eq!(std::fs::read_to_string(place.folder.path().join("work/made")).unwrap(), "edited\n");
    assert!(place.run(&["runs", "show", "last"]).out.contains("(by ada)"));
}

#[test]
fn what_is_denied_is_told_to_the_model() {
    let place = Place::new();
    waiting(&place);
    assert_eq!(place.run(&["runs", "deny", "last", "--reason", "not today"]).code, 0);
    let resumed = place.run(&["runs", "resume", "last"]);
    assert_eq!((resumed.code, resumed.out.as_str()), (0, "I was not allowed to.\n"), "{resumed:?}");
    assert!(resumed.err.contains("not today"), "{}", resumed.err);
    assert!(!place.folder.path().join("work/made").exists());
}

#[cfg(unix)]
#[test]
fn who_resumes_may_say_yes_to_all() {
    let place = Place::new();
    waiting(&place);
    let resumed = place.run(&["runs", "resume", "last", "--yes"]);
    assert_eq!((resumed.code, resumed.out.as_str()), (0, "Done.\n"), "{resumed:?}");
}

#[test]
fn a_waiting_run_is_cancelled_at_once() {
    let place = Place::new();
    waiting(&place);
    let cancelled = place.run(&["runs", "cancel", "last"]);
    assert!(cancelled.code == 0 && cancelled.out.contains("is cancelled"), "{cancelled:?}");
    assert_eq!(place.run(&["runs", "resume", "last"]).code, 130);
    let twice = place.run(&["runs", "cancel", "last"]);
    assert!(twice.code == 1 && twice.err.contains("has ended: cancelled"), "{twice:?}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_is_handed_back() {
    use rustix::process::{Pid, Signal, kill_process};
    let place = Place::new();
    let script = "turns:\n  - calls: [{ name: calculator, arguments: { expression: 1+1 } }]\n  - delay_ms: 60000\n    text: 2";
    place.file("script.yaml", script);
    let run = ["run", "hi", "--model", "scripted:script.yaml", "--output", "json"];
    let mut child = place.command(&run).spawn().unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(events.any(|line| line.unwrap().contains("turn@1/model")));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let last: serde_json::Value = serde_json::from_str(&events.last().unwrap().unwrap()).unwrap();
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert_eq!((ended.code, last["type"].as_str()), (130, Some("run_waiting")), "{ended:?}");
    assert_eq!((last["status"].as_str(), last["reason"].as_str()), (Some("pending"), Some("handed_back")));
    let id = last["run"].as_str().unwrap();
    assert!(ended.err.contains(&format!("interrupted; go on with: agentic runs resume {id}")), "{ended:?}");
    place.file("script.yaml", script.replace("delay_ms: 60000", "delay_ms: 1"));
    let resumed = place.run(&["runs", "resume", id]);
    assert_eq!((resumed.code, resumed.out.as_str()), (0, "2\n"), "no lease to wait for: {resumed:?}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_command_is_stopped_and_nobody_knows_how_far_it_came() {
    use rustix::process::Signal;
    let place = Place::new();
    let script = "turns:\n  - calls: [{ name: shell, arguments: { command: echo x > begun; sleep 77 } }]\n  - text: Went on.";
    place.file("script.yaml", script);
    let run = ["run", "hi", "--model", "scripted:script.yaml", "--tool", "shell", "--yes"];
    let ended = crate::support::signalled(&place, &run, "begun", Signal::TERM);
    assert!(ended.code == 130 && ended.err.contains("go on with: agentic runs resume "), "{ended:?}");
    let doubt = place.run(&["runs", "resume", "last"]);
    assert_eq!(doubt.code, 5, "{doubt:?}");
    assert!(doubt.err.contains("it is unknown whether step `turn/call:0/tool:shell`"), "{}", doubt.err);
    let resolved = place.run(&["runs", "resolve", "last", "--failed", "it was stopped"]);
    assert_eq!(resolved.code, 0, "{resolved:?}");
    let resumed = place.run(&["runs", "resume", "last"]);
    assert_eq!((resumed.code, resumed.out.as_str()), (0, "Went on.\n"), "{resumed:?}");
}

#[cfg(unix)]
#[test]
fn a_command_at_work_when_its_process_is_killed_is_asked_about() {
    use rustix::process::Signal;
    let place = Place::new().with("AGENTIC_LEASE", "1s");
    let script = "turns:\n  - calls: [{ name: shell, arguments: { command: echo x > begun; sleep 2 } }]\n  - text: Went on.";
    place.file("script.yaml", script);
    let run = ["run", "hi", "--model", "scripted:script.yaml", "--tool", "shell", "--yes"];
    crate::support::signalled(&place, &run, "begun", Signal::KILL);
    let doubt = place.run(&["runs", "resume", "last"]);
    assert_eq!(doubt.code, 5, "{doubt:?}");
    assert!(doubt.err.contains("it is unknown whether step `turn/call:0/tool:shell`"), "{}", doubt.err);
    let resolved = place.run(&["runs", "resolve", "last", "--failed", "it was killed"]);
    assert_eq!(resolved.code, 0, "{resolved:?}");
    let resumed = place.run(&["runs", "resume", "last"]);
    assert_eq!((resumed.code, resumed.out.as_str()), (0, "Went on.\n"), "{resumed:?}");
}

#[test]
fn a_run_at_work_is_watched_and_cancelled_from_outside() {
    let place = Place::new();
    place.file("script.yaml", "turns:\n  - delay_ms: 60000\n    text: late");
    let run = ["run", "hi", "--model", "scripted:script.yaml", "--output", "json"];
    let mut child = place.command(&run).spawn().unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(events.any(|line| line.unwrap().contains("step_started")));
    let busy = place.run(&["runs", "rm", "last"]);
    assert!(busy.code == 1 && busy.err.contains("is at work; cancel it first"), "{busy:?}");
    let watch = place.command(&["runs", "watch", "last", "--output", "json"]).spawn().unwrap();
    let cancelled = place.run(&["runs", "cancel", "last"]);
    assert!(cancelled.code == 0 && cancelled.out.contains("ends at its next step"), "{cancelled:?}");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let watched = Ended::of(watch.wait_with_output().unwrap());
    assert_eq!((watched.code, watched.last()["status"].as_str()), (130, Some("cancelled")), "{watched:?}");
}
