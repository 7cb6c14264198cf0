//! `agentic run` and `agentic chat` on scripted models.

#[cfg(unix)]
use crate::support::signalled;
use crate::support::{Place, answering};

const READS_A_FILE: &str = "
turns:
  - text: I'll read it.
    calls:
      - name: read_file
        arguments: { path: a.txt }
  - text: It says alpha.
";

#[test]
fn only_the_answer_goes_to_standard_output() {
    let place = Place::new();
    place.file("a.txt", "alpha\n");
    place.file("script.yaml", READS_A_FILE);
    let ended = place.run(&["run", "What does a.txt say?", "--model", "scripted:script.yaml"]);
    assert_eq!((ended.code, ended.out.as_str()), (0, "It says alpha.\n"), "{ended:?}");
    assert!(
        ended.err.contains("I'll read it.") && ended.err.contains("→ read_file {\"path\":\"a.txt\"}"),
        "{}",
        ended.err
    );
    assert!(ended.err.contains("2 turns · "), "what was spent: {}", ended.err);
    assert!(!ended.err.contains('\x1b'), "no colour where there is no terminal");
}

#[test]
fn events_come_one_a_line_without_gaps() {
    let place = Place::new();
    place.file("a.txt", "alpha\n");
    place.file("script.yaml", READS_A_FILE);
    let ended = place.run(&["run", "go", "--model", "scripted:script.yaml", "--output", "json"]);
    let events = ended.events();
    let numbers: Vec<_> = events.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert_eq!(events[0]["type"], "run_started");
    let steps: Vec<_> = events
        .iter()
        .filter(|event| event["type"] == "step_finished")
        .map(|event| event["step"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["turn/model", "turn/call:0/tool:read_file", "turn@1/model"]);
    let last = ended.last();
    assert_eq!(
        (last["status"].as_str(), last["output"].as_str()),
        (Some("completed"), Some("It says alpha."))
    );
    assert_eq!((&last["reason"], &last["error"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    assert_eq!((last["goal"].as_str(), last["usage"]["turns"].as_u64()), (Some("unverified"), Some(2)));
}

#[test]
fn limits_end_with_three_and_the_honest_reason() {
    let place = Place::new();
    let turn = "  - calls:\n      - name: calculator\n        arguments: { expression: \"1+N\" }\n";
    let many: String = (0..20).map(|n| turn.replace('N', &n.to_string())).collect();
    // Nano-dollars for a million tokens: 3 and 15 dollars.
    let price = "price: { input: 3000000000, cached_input: 0, output: 15000000000 }\n";
    place.file("many.yaml", format!("{price}turns:\n{many}"));
    place.file("loop.yaml", format!("turns:\n{}", turn.repeat(20)));
    for (script, flags, reason) in [
        ("many.yaml", &["--max-turns", "3"][..], "turn_limit"),
        ("many.yaml", &["--budget-tokens", "300"], "budget_exhausted"),
        ("many.yaml", &["--budget-usd", "0.000001"], "budget_exhausted"),
        ("loop.yaml", &[], "loop_detected"),
    ] {
        let model = format!("scripted:{script}");
        let ended = place.run(&[&["run", "go", "--model", &model, "--output", "json"], flags].concat());
        assert_eq!(
            (ended.code, ended.last()["reason"].as_str()),
            (3, Some(reason)),
            "{script} {flags:?}: {}",
            ended.err
        );
    }
}

#[test]
fn a_tool_that_needs_approval_is_denied_in_a_run_that_is_not_kept() {
    let place = Place::new();
    let script = "turns:\n  - calls:\n      - name: shell\n        arguments: { command: \"echo hi > made\" }\n  - text: done";
    place.file("script.yaml", script);
    let made = place.folder.path().join("work/made");
    let args = ["run", "go", "--model", "scripted:script.yaml", "--tool", "shell", "--ephemeral"];
    assert_eq!(place.run(&args).code, 0);
    assert!(!made.exists(), "denied");
    if cfg!(unix) {
        assert_eq!(place.run(&[&args[..], &["--yes"]].concat()).code, 0);
        assert!(made.exists(), "--yes approves");
    }
    std::fs::remove_file(&made).ok();
    assert!(!place.folder.path().join("store/runs.db").exists(), "nothing is kept");
    let not_offered = place.run(&["run", "go", "--model", "scripted:script.yaml", "--yes"]);
    assert_eq!(not_offered.code, 0, "{not_offered:?}");
    assert!(!made.exists(), "--yes adds no tools");
}

#[test]
fn settings_come_from_flags_then_the_environment_then_the_file() {
    let place = Place::new().with("AGENTIC_MODEL", "scripted:environment.yaml");
    for name in ["file", "environment", "flag"] {
        place.file(&format!("{name}.yaml"), format!("turns:\n  - text: from the {name}"));
    }
    std::fs::write(place.folder.path().join("config.toml"), "model = \"scripted:file.yaml\"").unwrap();
    assert_eq!(place.run(&["run", "go"]).out.trim(), "from the environment");
    assert_eq!(place.run(&["run", "go", "--model", "scripted:flag.yaml"]).out.trim(), "from the flag");
    let quiet = Place::new();
    quiet.file("file.yaml", "turns:\n  - text: from the file");
    std::fs::write(quiet.folder.path().join("config.toml"), "model = \"scripted:file.yaml\"").unwrap();
    assert_eq!(quiet.run(&["run", "go"]).out.trim(), "from the file");
}

#[test]
fn the_react_agent_runs_on_text() {
    let place = Place::new();
    place.file("a.txt", "alpha\n");
    place.file(
        "script.yaml",
        "turns:\n  - text: |-\n      Thought: look\n      Action: read_file\n      Action Input: {\"path\": \"a.txt\"}\n  - text: \"Final Answer: alpha\"",
    );
    let ended = place.run(&["run", "go", "--model", "scripted:script.yaml", "--agent", "react"]);
    assert_eq!((ended.code, ended.out.trim()), (0, "alpha"), "{ended:?}");
}

#[test]
fn a_conversation_may_come_through_a_pipe() {
    let place = Place::new();
    place.file("script.yaml", "turns:\n  - text: one\n  - text: two\n  - text: three");
    let chat = |input: &[u8]| {
        let ended = place.feed(&["chat", "--model", "scripted:script.yaml"], input);
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.out
    };
    assert_eq!(chat(b"a\n\n  \nb"), "one\ntwo\n", "lines without words are skipped");
    assert_eq!(chat(b"a\nb\xff\r\nc\n"), "one\ntwo\nthree\n", "bytes that are no text are no end");
    assert_eq!(chat(b"a\n/help\n/quit\nb\n"), "one\n");
}

#[cfg(unix)]
#[test]
fn the_time_for_a_conversation_is_for_all_of_it() {
    let place = Place::new();
    place.file("script.yaml", "turns:\n  - calls: [{ name: shell, arguments: { command: sleep 5 } }]");
    let chat = ["chat", "--model", "scripted:script.yaml", "--timeout", "300ms", "--tool", "shell", "--yes"];
    let ended = place.feed(&chat, b"a\nb\n");
    assert_eq!(ended.code, 3, "{ended:?}");
    let errors: Vec<_> = ended.err.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(errors.len() == 2 && errors.iter().all(|error| error.contains("time")), "{errors:?}");
}

#[test]
fn the_goal_may_come_from_standard_input() {
    let place = Place::new();
    place.file("script.yaml", "turns:\n  - when: from a file\n    text: yes");
    let run = ["run", "-", "--model", "scripted:script.yaml"];
    let ended = place.feed(&run, b"a goal\nfrom a file\n");
    assert_eq!((ended.code, ended.out.as_str()), (0, "yes\n"), "{ended:?}");
    assert!(ended.err.contains("no tool was used"), "{}", ended.err);
    assert_eq!(place.feed(&run, b" \n").code, 2);
}

#[test]
fn what_came_of_an_answer_that_broke_off_is_shown() {
    let body = "data: {\"choices\":[{\"delta\":{\"content\":\"The total is 12\"}}]}\n\n";
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let place = Place::new().with("OPENAI_BASE_URL", answering(format!("{head}{body}")));
    let ended = place.run(&["run", "hi", "--model", "openai:m"]);
    assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{ended:?}");
    assert!(ended.err.contains("so far: The total is 12"), "{}", ended.err);
}

#[cfg(unix)]
#[test]
fn a_request_to_end_is_heard_as_ctrl_c_is() {
    use rustix::process::Signal;
    let script =
        "turns:\n  - calls: [{ name: shell, arguments: { command: echo started > begun; sleep 77 } }]";
    let run =
        ["run", "hi", "--model", "scripted:script.yaml", "--tool", "shell", "--yes", "--output", "json"];
    let run = [&run[..], &["--ephemeral"]].concat();
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        place.file("script.yaml", script);
        let ended = signalled(&place, &run, "begun", signal);
        assert_eq!((ended.code, ended.last()["status"].as_str()), (130, Some("cancelled")), "{ended:?}");
    }
}
