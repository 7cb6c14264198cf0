//! Whatever is wrong: one clear line (what, on what, what to do), the right exit code, no panic, nothing half-written.

use crate::support::{Place, answering, http};

/// Runs `agentic run` and checks the code and what the one line of error holds.
pub(crate) fn refused(place: &Place, args: &[&str], code: i32, says: &[&str]) {
    let ended = place.run(args);
    let errors: Vec<_> = ended.err.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!((ended.code, errors.len()), (code, 1), "{args:?}: {ended:?}");
    for words in says {
        assert!(errors[0].contains(words), "{args:?} should say `{words}`: {}", errors[0]);
    }
    assert!(!ended.err.contains("panicked"), "{args:?}: {}", ended.err);
    assert_eq!(ended.out, "", "{args:?}: only results go to standard output");
}

#[test]
fn before_the_run() {
    let place = Place::new();
    place.file("script.yaml", "turns:\n  - text: hello");
    place.file("broken.yaml", "turns: 7");
    place.file("tools.gguf", "this is no model");
    let run = |model, more: &[&str], code, says: &[&str]| {
        refused(&place, &[&["run", "hi", "--model", model], more].concat(), code, says);
    };
    run("nonsense", &[], 2, &["`nonsense` names no model", "openai:gpt-5"]);
    run("acme:x", &[], 2, &["no model adapter for scheme `acme`", "known:"]);
    run("local:nope", &[], 2, &["`nope`", "qwen2.5-coder-1.5b"]);
    run("local:./missing.gguf", &[], 2, &["missing.gguf", "check the path"]);
    run("local:./tools.gguf", &[], 1, &["tools.gguf"]);
    run("scripted:missing.yaml", &[], 2, &["`missing.yaml`", "os error 2"]);
    run("scripted:", &[], 2, &["scripted:FILE"]);
    run("scripted:broken.yaml", &[], 2, &["broken.yaml"]);
    run("local:nope?context=many", &[], 2, &["local:nope", "invalid digit"]);
    run("local:nope?contxt=8", &[], 2, &["no option `contxt`", "context, threads, thought"]);
    run("local:./missing.gguf?context=4096&threads=1", &[], 2, &["missing.gguf"]);
    run("openai:gpt-5", &[], 2, &["OPENAI_API_KEY"]);
    run("scripted:script.yaml", &["--tool", "hammer"], 2, &["no tool `hammer`", "read_file"]);
    run("scripted:script.yaml", &["--workdir", "nowhere"], 2, &["nowhere", "no such folder"]);
    run("scripted:script.yaml", &["--workdir", "script.yaml"], 2, &["script.yaml", "not a folder"]);
    for command in ["pull", "path", "remove"] {
        refused(&place, &["model", command, "nope"], 2, &["unknown model `nope`", "qwen2.5-coder-1.5b"]);
    }
    refused(&place, &["run", " ", "--model", "scripted:script.yaml"], 2, &["the goal is empty"]);
}

#[test]
fn on_the_command_line() {
    let place = Place::new();
    for args in [
        &["run"][..],
        &["run", "hi", "--max-turns", "0"],
        &["run", "hi", "--budget-usd", "-1"],
        &["run", "hi", "--budget-tokens", "many"],
        &["run", "hi", "--budget-tokens", "-1"],
        &["run", "hi", "--temperature", "-1"],
        &["run", "hi", "--timeout", "soon"],
        &["run", "hi", "--seed", "abc"],
        &["run", "hi", "--agent", "magic"],
        &["nonsense"],
        &["model", "nonsense"],
    ] {
        let ended = place.run(args);
        assert_eq!(ended.code, 2, "{args:?}: {ended:?}");
        assert!(ended.err.starts_with("error: ") || ended.err.contains("Usage:"), "{args:?}: {}", ended.err);
        assert_eq!(ended.out, "");
    }
}

#[test]
fn in_the_environment() {
    let script = "turns:\n  - text: hello";
    for (name, value, code, says) in [
        ("AGENTIC_MAX_TURNS", "abc", 2, &["invalid value 'abc' for 'AGENTIC_MAX_TURNS'", "whole number"][..]),
        ("AGENTIC_AGENT", "magic", 2, &["invalid value 'magic' for 'AGENTIC_AGENT'"]),
        ("AGENTIC_SEED", "-1", 2, &["invalid value '-1' for 'AGENTIC_SEED'", "for example 7"]),
        ("AGENTIC_TOOLS", "foo", 2, &["AGENTIC_TOOLS: there is no tool `foo`"]),
        ("AGENTIC_WORKDIR", "nowhere", 2, &["AGENTIC_WORKDIR nowhere: no such folder"]),
        ("AGENTIC_MODEL", "nonsense", 2, &["AGENTIC_MODEL: ", "`nonsense` names no model"]),
        ("AGENTIC_WHEN_EXHAUSTED", "acme:x", 2, &["AGENTIC_WHEN_EXHAUSTED: ", "acme"]),
    ] {
        let place = Place::new().with("AGENTIC_MODEL", "scripted:script.yaml").with(name, value);
        place.file("script.yaml", script);
        refused(&place, &["run", "hi"], code, says);
    }
    // A flag that is typed wins, and is what is named.
    let place = Place::new().with("AGENTIC_MAX_TURNS", "abc").with("AGENTIC_TOOLS", "foo");
    place.file("script.yaml", script);
    let flags = ["run", "hi", "--model", "scripted:script.yaml", "--max-turns", "0", "--tool", "bar"];
    refused(&place, &flags, 2, &["invalid value '0' for '--max-turns <N>'"]);
    let flags = ["run", "hi", "--model", "scripted:script.yaml", "--max-turns=2", "--tool", "bar"];
    refused(&place, &flags, 2, &["error: there is no tool `bar`"]);
}

#[test]
fn in_the_configuration() {
    let place = Place::new();
    std::fs::write(place.folder.path().join("config.toml"), "modle = \"x\"").unwrap();
    refused(&place, &["run", "hi"], 2, &["config.toml, line 1: unknown field `modle`"]);
    std::fs::write(place.folder.path().join("config.toml"), "budget-usd = -1").unwrap();
    refused(&place, &["run", "hi"], 2, &["config.toml, line 1: must be above 0"]);
}

#[test]
fn in_a_models_files() {
    let place = Place::new();
    let source = place.file("source.gguf", "not what the sum says");
    let sum = "00".repeat(32);
    let listed = format!(
        "[[model]]\nid = \"mine\"\npurpose = \"chat\"\n[[model.file]]\nname = \"mine.gguf\"\nsize = 21\nsha256 = \"{sum}\"\n\
         [[model.file.source]]\nkind = \"file\"\npath = {:?}\n",
        source.display().to_string()
    );
    std::fs::write(place.folder.path().join("models.toml"), listed).unwrap();
    // What a source gives is checked before it is kept.
    refused(&place, &["model", "pull", "local:mine"], 1, &["mine", &sum]);
    let kept = place.folder.path().join("store/models").join(&sum).join("mine.gguf");
    assert!(!kept.exists(), "nothing wrong is kept");
    // What is kept is checked before it is used.
    std::fs::create_dir_all(kept.parent().unwrap()).unwrap();
    std::fs::write(&kept, "damaged since, on disk").unwrap();
    refused(&place, &["run", "hi", "--model", "local:mine"], 1, &["mine.gguf", "wrong content", &sum]);
}

#[test]
fn from_the_endpoint() {
    let body = |message: &str| {
        format!("{{\"error\": {{\"message\": \"{message}\", \"type\": \"t\", \"code\": null}}}}")
    };
    let cases = [
        (http("401 Unauthorized", "", &body("Incorrect API key provided")), &["HTTP 401", "Incorrect API key"][..]),
        (http("429 Too Many Requests", "retry-after: 7\r\n", &body("slow down")), &["HTTP 429", "slow down", "7.0 s"]),
        (http("500 Internal Server Error", "", &body("oops")), &["HTTP 500", "oops"]),
        (http("404 Not Found", "", &body("The model `gpt-x` does not exist")), &["HTTP 404", "gpt-x"]),
        (http("200 OK", "", "<html>a proxy's page</html>"), &["gpt-x", "base URL"]),
        // Half a stream: the connection closes in the middle of an answer.
        (
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"The tot\"}}]}\n\n".into(),
            &["gpt-x", "broke off"],
        ),
    ];
    for (response, says) in cases {
        let place = Place::new()
            .with("OPENAI_BASE_URL", answering(response))
            .with("OPENAI_API_KEY", "sk-very-secret");
        let ended = place.run(&["run", "hi", "--model", "openai:gpt-x"]);
        let errors: Vec<_> = ended.err.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!((ended.code, errors.len()), (1, 1), "{ended:?}");
        says.iter().for_each(|words| assert!(errors[0].contains(words), "`{words}` in {}", errors[0]));
        assert!(!ended.err.contains("sk-very-secret"), "the key is never shown: {}", ended.err);
        assert_eq!(ended.out, "");
    }
    let nobody = Place::new().with("OPENAI_BASE_URL", "http://127.0.0.1:9/v1").with("OPENAI_API_KEY", "sk-x");
    refused(&nobody, &["run", "hi", "--model", "openai:gpt-x"], 1, &["127.0.0.1:9"]);
}

#[test]
fn json_output_always_ends_with_run_finished() {
    let place = Place::new();
    place.file("script.yaml", "turns:\n  - text: hello");
    for (args, status, reason) in [
        (&["run", "hi", "--model", "acme:x"][..], "failed", "invalid_input"),
        (&["run", "", "--model", "scripted:script.yaml"], "failed", "invalid_input"),
        (&["run", "hi", "--model", "scripted:missing.yaml"], "failed", "invalid_input"),
        (&["run"], "failed", "invalid_input"),
        (&["run", "hi", "--max-turns", "none"], "failed", "invalid_input"),
        (&["plan", "hi", "--max-tasks", "none"], "failed", "invalid_input"),
        (&["plan", "hi", "--model", "acme:x"], "failed", "invalid_input"),
        (&["plan", "hi", "--model", "scripted:script.yaml"], "failed", "model_error"),
        (
            &["run", "hi", "--model", "scripted:script.yaml", "--budget-tokens", "1"],
            "failed",
            "budget_exhausted",
        ),
    ] {
        let last = place.run(&[args, &["--output", "json"]].concat()).last();
        assert_eq!(
            (last["status"].as_str(), last["reason"].as_str()),
            (Some(status), Some(reason)),
            "{last}"
        );
        let fields: Vec<_> = last.as_object().unwrap().keys().map(String::as_str).collect();
        for field in ["type", "status", "reason", "output", "goal", "usage", "error"] {
            assert!(fields.contains(&field), "{field} in {last}");
        }
        assert!(last["error"].is_string() && last["goal"] == "unverified", "{last}");
    }
}

#[test]
fn what_is_wrong_with_the_command_line_is_told_in_json_too() {
    let last = Place::new().run(&["run", "--output", "json"]).last();
    let error = last["error"].as_str().unwrap();
    assert_eq!(error, "the following required arguments were not provided: <GOAL>");
}

#[test]
fn from_the_tools() {
    let place = Place::new();
    place.file("big.txt", "x".repeat(10_000_000));
    refused(
        &place,
        &["tool", "call", "read_file", r#"{"path": "../../etc/passwd"}"#],
        1,
        &["../../etc/passwd"],
    );
    refused(&place, &["tool", "call", "read_file", "{}"], 2, &["read_file", "takes path (string)"]);
    refused(
        &place,
        &["tool", "call", "read_file", "not json at all {"],
        1,
        &["not json at all {", "does not exist"],
    );
    refused(
        &place,
        &["tool", "call", "read_file", r#"{"path": "cut"#],
        2,
        &["read_file", "missing end quote", "takes path (string)"],
    );
    let says = &["no JSON object", "`run_code` takes code (string)"];
    refused(&place, &["tool", "call", "run_code", "print(1)"], 2, says);
    refused(&place, &["tool", "call", "hammer"], 2, &["no tool `hammer`"]);
    refused(&place, &["tool", "call", "calculator", r#"{"expression": "1/0"}"#], 1, &["zero"]);
    refused(
        &place,
        &["tool", "call", "shell", r#"{"command": "echo hi > made"}"#],
        1,
        &["not allowed", "--yes"],
    );
    assert!(!place.folder.path().join("work/made").exists(), "a denied command never ran");
    let old = place.file("old.txt", "old content\n");
    let edit = r#"{"path": "old.txt", "old": "not in it", "new": "x"}"#;
    assert_ne!(place.run(&["tool", "call", "edit_file", edit, "--yes"]).code, 0);
    assert_ne!(place.run(&["tool", "call", "write_file", r#"{"path": "old.txt"}"#, "--yes"]).code, 0);
    assert_eq!(std::fs::read_to_string(old).unwrap(), "old content\n", "nothing half-written");
    let big = place.run(&["tool", "call", "read_file", r#"{"path": "big.txt"}"#]);
    assert!(big.out.len() < 100_000, "{} bytes of {} came out", big.out.len(), 10_000_000);
    assert_eq!(big.code, 0, "{}", big.err);
    assert!(big.out.contains("cut"), "it says what was cut: {}", &big.out[big.out.len() - 300..]);
}

#[cfg(unix)]
#[test]
fn arguments_that_are_no_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let place = Place::new();
    let mut command = place.command(&["run"]);
    let ended =
        crate::support::Ended::of(command.arg(std::ffi::OsStr::from_bytes(b"\xff")).output().unwrap());
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_can_not_be_written_is_no_success() {
    let place = Place::new();
    place.file("script.yaml", "turns:\n  - text: hello");
    for args in
        [&["run", "hi", "--model", "scripted:script.yaml"][..], &["tool", "list"], &["completions", "bash"]]
    {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ended = crate::support::Ended::of(place.command(args).stdout(full).output().unwrap());
        assert_eq!(ended.code, 1, "{args:?}: {ended:?}");
        assert!(ended.err.contains("error: the result is lost: can't write to standard output"), "{ended:?}");
    }
}
