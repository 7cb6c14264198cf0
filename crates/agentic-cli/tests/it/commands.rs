//! The other commands.

use crate::support::Place;

#[test]
fn tools_are_listed_and_called() {
    let place = Place::new();
    place.file("a.txt", "alpha\n");
    let list = place.run(&["tool", "list"]);
    assert_eq!(list.code, 0, "{list:?}");
    for name in [
        "* list_dir",
        "* read_file",
        "* search_files",
        "* calculator",
        "* current_time",
        "  write_file",
        "  run_code",
        "  shell",
    ] {
        assert!(list.out.lines().any(|line| line.starts_with(name)), "{name} in {}", list.out);
    }
    let sum = place.run(&["tool", "call", "calculator", r#"{"expression": "0.1 + 0.2"}"#]);
    assert_eq!((sum.code, sum.out.trim()), (0, "0.3"), "{sum:?}");
    let read = place.run(&["tool", "call", "read_file", r#"{"path": "a.txt"}"#]);
    assert!(read.out.contains("alpha"), "{read:?}");
    if cfg!(unix) {
        let shell = place.run(&["tool", "call", "shell", r#"{"command": "echo hi"}"#, "--yes"]);
        assert!(shell.code == 0 && shell.out.contains("hi"), "{shell:?}");
    }
}

#[test]
fn tools_say_what_they_take() {
    let list = Place::new().run(&["tool", "list"]);
    for line in ["takes path (string), first_line? (integer)", "takes command (string)", "values? (list of {"]
    {
        assert!(list.out.contains(line), "{line} in {}", list.out);
    }
    let shell = list.out.lines().find(|line| line.contains("command (string)"));
    assert!(shell.is_some_and(|line| line.ends_with("asks before each call")), "{shell:?}");
}

const GUIDE: &str = include_str!("../../../../docs/guides/scripted-models.md");

#[test]
fn the_guides_script_plays() {
    let script = GUIDE.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let place = Place::new();
    place.file("script.yaml", script);
    place.file("budget.txt", "400 EUR\n");
    let run = place.run(&["run", "What is the budget?", "--model", "scripted:script.yaml"]);
    assert_eq!((run.code, run.out.as_str()), (0, "The budget is 400 EUR.\n"), "{run:?}");
    assert!(run.err.contains("asking scripted:"), "a sign of life: {}", run.err);
}

/// The one for planners, judges and critics too.
#[test]
fn the_guides_script_for_plans_plays() {
    let place = Place::new();
    place.file("script.yaml", GUIDE.split("```yaml\n").nth(2).unwrap().split("```").next().unwrap());
    place.file("criteria.yaml", "[{type: judged, rubric: It names both.}]");
    let args = ["plan", "Compare tea and coffee", "--hierarchical", "--execute", "--refine"];
    let of = ["--model", "scripted:script.yaml", "--criteria", "criteria.yaml"];
    let run = place.run(&[&args[..], &of].concat());
    assert_eq!((run.code, run.out.as_str()), (0, "Tea and coffee have caffeine.\n"), "{run:?}");
    for said in ["task `t1` is split: These are two questions.", "✔ t1/t2"] {
        assert!(run.err.contains(said), "{said}: {}", run.err);
    }
}

/// What the guide says that reflectors, and who tries again, are asked.
#[test]
fn the_guides_texts_are_asked() {
    let place = Place::new();
    let reflection =
        r#"{"assessment": "…", "made_progress": false, "should_retry": true, "improvement": "…"}"#;
    for text in [
        reflection,
        "`\"What came of it:\"`",
        "`\"This was answered before:\"`",
        "`\"failed_before:\"`",
        "`Plan the rest of the goal`",
        "`\"That is not valid:\"`",
    ] {
        assert!(GUIDE.contains(text), "{text}");
    }
    let script = format!(
        "turns:\n  - {{when: 'What came of it:', text: no JSON}}\n  - {{when: 'That is not valid:', text: '{reflection}'}}\n  \
         - {{when: 'This was answered before:', text: '42'}}\n  - {{when: 'The sum?', text: many}}\n"
    );
    place.file("script.yaml", script);
    place.file("criteria.yaml", "[{type: matches, pattern: '^[0-9]+$'}]");
    let of = ["--model", "scripted:script.yaml", "--criteria", "criteria.yaml", "--reflect"];
    let run = place.run(&[&["run", "The sum?"][..], &of].concat());
    assert_eq!((run.code, run.out.as_str()), (0, "42\n"), "{run:?}");

    let script = "
turns:
  - {when: 'Plan the rest of the goal', text: '{\"tasks\": [{\"description\": \"Guess it\", \"after\": []}]}'}
  - {when: 'Goal: ', text: '{\"tasks\": [{\"description\": \"Find it\", \"after\": []}]}'}
  - {when: 'failed_before:', error: {kind: invalid_request, message: again}}
  - {when: Find it, error: {kind: invalid_request, message: once}}
  - {when: Guess it, text: '42'}
";
    place.file("script.yaml", script);
    let run = place.run(&["plan", "The sum", "--execute", "--model", "scripted:script.yaml"]);
    assert_eq!((run.code, run.out.as_str()), (0, "42\n"), "{run:?}");
    assert!(run.err.contains("✔ t2") && run.err.contains("again"), "{}", run.err);
}

#[test]
fn help_tells_the_exit_codes() {
    for args in [&["--help"][..], &["run", "--help"]] {
        let help = Place::new().run(args);
        assert!(help.out.contains("3    a limit or budget was reached"), "{help:?}");
    }
}

#[test]
fn models_are_listed_without_any_network() {
    let place = Place::new();
    let list = place.run(&["model", "list"]);
    let line = list.out.lines().find(|line| line.starts_with("qwen2.5-coder-1.5b ")).unwrap();
    assert!(line.contains("1.1 GB") && line.contains("(default)") && line.contains("Apache-2.0"), "{line}");
    let path = place.run(&["model", "path"]);
    assert_eq!(path.code, 1, "it is not here: {path:?}");
    assert!(path.err.contains("agentic model pull"), "says how to get it: {}", path.err);
}

#[test]
fn a_model_of_the_users_own_is_found_by_every_command() {
    let place = Place::new();
    let file = place.file("mine.bin", "no model at all");
    let sum = "0607158367535b832fac2b6740808c7958525279d81bb2c4483754ad2d610a44";
    let entry = format!(
        "default = \"mine\"\n[[model]]\nid = \"mine\"\ndescription = \"d\"\nlicence = \"MIT\"\npurpose = \"chat\"\n\
         [[model.file]]\nname = \"mine.gguf\"\nsize = 15\nsha256 = \"{sum}\"\n\
         [[model.file.source]]\nkind = \"file\"\npath = {:?}\n",
        file.display().to_string()
    );
    std::fs::write(place.folder.path().join("models.toml"), entry).unwrap();
    let pulled = place.run(&["model", "pull"]);
    assert_eq!(pulled.code, 0, "{pulled:?}");
    assert!(place.run(&["model", "path", "mine"]).out.contains("mine.gguf"));
    if cfg!(feature = "local") {
        for args in [&["run", "hi"][..], &["run", "hi", "--model", "local:mine?context=512"]] {
            let run = place.run(args);
            assert!(run.err.contains("is not a GGUF model file"), "it was found: {}", run.err);
        }
    }
}

#[test]
fn doctor_says_what_is_missing_and_what_mends_it() {
    let place = Place::new();
    let healthy = place.run(&["doctor"]);
    assert_eq!(healthy.code, 0, "what is optional is no failure: {healthy:?}");
    let not_fetched =
        "model: local:qwen2.5-coder-1.5b is not fetched yet → agentic model pull qwen2.5-coder-1.5b";
    assert!(healthy.out.contains(not_fetched), "{}", healthy.out);
    std::fs::write(place.folder.path().join("config.toml"), "model = \"openai:gpt-5\"").unwrap();
    let keyless = place.run(&["doctor"]);
    assert_eq!(keyless.code, 1, "the configured model is looked at: {keyless:?}");
    let model = keyless.out.lines().find(|line| line.starts_with("missing  model: ")).unwrap_or_default();
    assert!(model.contains("`openai:gpt-5`") && model.contains("set OPENAI_API_KEY"), "{}", keyless.out);
    std::fs::write(place.folder.path().join("config.toml"), "agent = 7").unwrap();
    let broken = place.run(&["doctor"]);
    assert_eq!(broken.code, 1, "{broken:?}");
    assert!(broken.out.contains("wrong    configuration: "), "{}", broken.out);
    assert_eq!(broken.out.matches("config.toml, line 1").count(), 1, "told once: {}", broken.out);
    std::fs::write(place.folder.path().join("config.toml"), "tools = [\"readfile\"]").unwrap();
    let unknown = place.run(&["doctor"]);
    assert!(unknown.out.contains("wrong    configuration: there is no tool `readfile`"), "{}", unknown.out);
}

#[test]
fn doctor_tries_to_run_code() {
    let place = Place::new();
    let line =
        |out: &str| out.lines().find(|line| line.contains(" run_code: ")).unwrap_or_default().to_owned();
    let called = place.run(&["tool", "call", "run_code", r#"{"code": "pass"}"#]);
    let doctor = place.run(&["doctor"]);
    assert_eq!(line(&doctor.out).starts_with("ok "), called.code == 0, "{called:?} {doctor:?}");
    let without = place.with("PATH", "/nowhere").run(&["doctor"]);
    assert!(line(&without.out).starts_with("optional run_code: run_code needs "), "{without:?}");
}

#[test]
fn completions_are_for_every_shell() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = place.run(&["completions", shell]);
        assert!(script.code == 0 && script.out.contains("budget-tokens"), "{shell}");
    }
}
