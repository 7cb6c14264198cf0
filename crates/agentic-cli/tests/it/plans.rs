//! Goals are planned.

use crate::support::Place;

const PLAN: &str = "
goal: Pack for Oslo
tasks:
  - {id: weather, description: Look up the weather}
  - {id: list, description: Write a packing list, inputs: {forecast: '{{weather.result}}'}}
";

const SCRIPT: &str = r#"
turns:
  - {when: Look up the weather, text: Rain.}
  - {when: Write a packing list, text: An umbrella.}
  - text: '{"tasks": [{"description": "Write a packing list", "after": []}]}'
"#;

#[test]
fn plans_of_people_are_shown_and_executed() {
    let place = Place::new();
    place.file("plan.yaml", PLAN);
    place.file("script.yaml", SCRIPT);
    let shown = place.run(&["plan", "--file", "plan.yaml"]);
    let tree = "Pack for Oslo\n· weather  Look up the weather\n· list     Write a packing list ← weather [input forecast]\n";
    assert_eq!((shown.code, shown.out.as_str()), (0, tree), "{shown:?}");
    let chart = place.run(&["plan", "--file", "plan.yaml", "--mermaid"]);
    assert!(
        chart.out.starts_with("flowchart TD\n") && chart.out.contains("t_weather --> t_list"),
        "{chart:?}"
    );
    let done = place.run(&["plan", "--file", "plan.yaml", "--execute", "--model", "scripted:script.yaml"]);
    assert_eq!((done.code, done.out.as_str()), (0, "An umbrella.\n"), "{done:?}");
    for line in ["▸ weather", "✔ weather", "▸ list", "✔ list"] {
        assert!(done.err.contains(line), "{}", done.err);
    }
    let again = place.run(&["runs", "replay", "last"]);
    assert_eq!((again.code, again.out.as_str()), (0, "repeated: same outcome\n"), "{again:?}");
    place.file("plan.yaml", PLAN.replace("the weather}", "the weather, budget_share: 0.5}"));
    let args = ["--budget-tokens", "50k", "--model", "scripted:script.yaml"];
    let done = place.run(&[&["plan", "--file", "plan.yaml", "--execute"], &args[..]].concat());
    assert_eq!((done.code, done.out.as_str()), (0, "An umbrella.\n"), "{done:?}");
    let shown = place.run(&["runs", "show", "last"]);
    assert!(shown.out.contains("task:weather  Look up the weather\n"), "{}", shown.out);
}

#[test]
fn what_a_plan_asks_for_and_the_run_does_not_have_is_refused_before_it_begins() {
    let place = Place::new();
    place.file("script.yaml", SCRIPT);
    for (task, more, expected) in [
        ("tools: [read_fil]", &[][..], "task `a/x`: there is no tool `read_fil`; there are: list_dir"),
        (
            "tools: [shell]",
            &["--tool", "shell", "--deny", "shell"],
            "task `a/x`: it names the tool `shell`, which a rule",
        ),
        (
            "tools: [shell]",
            &[],
            "task `a/x`: it names the tool `shell`, which the run does not have; add --tool shell",
        ),
        (
            "tools: [recall]",
            &[],
            "task `a/x`: it names the tool `recall`, which the run does not have; give it a memory",
        ),
        (
            "criteria: [{type: tool, tool: runcode}]",
            &[],
            "task `a/x`: criterion 1 calls `runcode`: there is no tool `runcode`",
        ),
        ("agent: coder", &[], "task `a/x`: it is for agent `coder`, and the command line has one agent"),
    ] {
        let written = format!(
            "goal: g\ntasks:\n  - {{id: a, description: d, subtasks: [{{id: x, description: d, {task}}}]}}"
        );
        place.file("plan.yaml", written);
        let args = ["plan", "--file", "plan.yaml", "--execute", "--model", "scripted:script.yaml"];
        let refused = place.run(&[&args[..], more].concat());
        assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{refused:?}");
        assert!(refused.err.contains(expected), "{expected}: {}", refused.err);
    }
}

#[test]
fn what_there_is_not_is_refused_where_a_plan_is_only_shown() {
    let place = Place::new();
    for (task, expected) in [
        ("tools: [readfile]", "task `a`: there is no tool `readfile`; there are: "),
        ("agent: coder", "task `a`: it is for agent `coder`"),
        (
            "criteria: [{type: tool, tool: runcode}]",
            "task `a`: criterion 1 calls `runcode`: there is no tool `runcode`",
        ),
    ] {
        place.file("plan.yaml", format!("goal: g\ntasks: [{{id: a, description: d, {task}}}]"));
        let refused = place.run(&["plan", "--file", "plan.yaml"]);
        assert!(refused.code == 2 && refused.err.contains(expected), "{expected}: {refused:?}");
    }
    place.file("plan.yaml", "goal: g\ntasks: [{id: a, description: d, tools: [http_get, recall]}]");
    let shown = place.run(&["plan", "--file", "plan.yaml"]);
    assert_eq!(shown.code, 0, "a run may have them: {shown:?}");
    let shown = place.run(&["plan", "another goal", "--file", "plan.yaml"]);
    assert!(shown.out.contains("reads the goal]"), "as it would be executed: {shown:?}");
    place.file(
        "script.yaml",
        r#"turns: [{text: '{"tasks": []}'}, {text: '{"tasks": [{"description": "Do it", "after": []}]}'}]"#,
    );
    let again = place.run(&["plan", "g", "--model", "scripted:script.yaml"]);
    assert!(again.code == 0 && again.err.contains("the answer is sent back: "), "{again:?}");
    let refused = place.run(&["plan", "g", "--max-tasks", "1001"]);
    assert!(refused.code == 2 && refused.err.contains("at most 1000 tasks"), "{refused:?}");
}

#[test]
fn a_plan_of_a_model_can_be_kept_and_executed_later() {
    let place = Place::new();
    place.file("script.yaml", SCRIPT);
    let planned = place.run(&["plan", "Pack", "--model", "scripted:script.yaml", "--output", "json"]);
    place.file("plan.json", &planned.out);
    let done = place.run(&["plan", "--file", "plan.json", "--execute", "--model", "scripted:script.yaml"]);
    assert_eq!((done.code, done.out.as_str()), (0, "An umbrella.\n"), "{done:?}");
}

#[test]
fn plans_of_models_are_shown_and_executed() {
    let place = Place::new();
    place.file("script.yaml", SCRIPT);
    let shown = place.run(&["plan", "Pack", "--model", "scripted:script.yaml", "--output", "json"]);
    let plan: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!((&plan["tasks"][0]["id"], &plan["version"]), (&"t1".into(), &1.into()), "{shown:?}");
    let args = ["plan", "Pack", "--model", "scripted:script.yaml", "--execute", "--output", "json"];
    let done = place.run(&args);
    let kinds: Vec<_> =
        done.events().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    assert!(kinds.iter().any(|kind| kind == "plan_made") && kinds.iter().any(|kind| kind == "task_changed"));
    assert_eq!(done.last()["output"], "An umbrella.");
}

const SPLITS: &str = r#"
turns:
  - {when: Is task `t1` to be split, text: '{"reason": "It has two parts.", "split": true}'}
  - {when: Is task, text: '{"reason": "It is small.", "split": false}'}
  - when: What is planned now is task `t1`
    text: '{"tasks": [{"description": "Find socks", "after": []}, {"description": "Find boots", "after": ["t1"]}]}'
  - {when: Find socks, text: Two.}
  - {when: Find boots, text: One pair.}
  - text: '{"tasks": [{"description": "Find things", "after": []}]}'
"#;

#[test]
fn tasks_are_split_further_and_it_is_said_why() {
    let place = Place::new();
    place.file("script.yaml", SPLITS);
    let args = ["plan", "Pack", "--hierarchical", "--model", "scripted:script.yaml"];
    let shown = place.run(&args);
    let tree = "Pack\n· t1  Find things [reads the goal]\n  · t1  Find socks\n  · t2  Find boots ← t1 [reads the goal]\n";
    assert_eq!((shown.code, shown.out.as_str()), (0, tree), "{shown:?}");
    for line in ["task `t1` is split: It has two parts.", "task `t1/t2` stays as it is: It is small."] {
        assert!(shown.err.contains(line), "{}", shown.err);
    }
    let done = place.run(&[&args[..], &["--execute"]].concat());
    assert_eq!((done.code, done.out.as_str()), (0, "One pair.\n"), "{done:?}");
    assert!(done.err.contains("✔ t1/t2"), "{}", done.err);
    // The recipe that is kept with the run says it too.
    let again = place.run(&["runs", "replay", "last"]);
    assert_eq!((again.code, again.out.as_str()), (0, "repeated: same outcome\n"), "{again:?}");
}

#[test]
fn what_is_no_plan_is_refused() {
    let place = Place::new();
    place.file("circle.yaml", "goal: g\ntasks: [{id: a, description: d, dependencies: [a]}]");
    place.file("good.yaml", PLAN);
    place.file("silent.yaml", "goal: g\ntasks: [{id: a, description: ' '}]");
    place.file("script.yaml", "turns: [{text: no}, {text: no}, {text: no}]");
    for (args, expected) in [
        (&["plan"][..], "name a file with a plan by --file"),
        (&["plan", " "], "the goal is empty"),
        (&["plan", "--file", "none.yaml"], "can't read none.yaml"),
        (&["plan", "--file", "circle.yaml"], "circle.yaml: these tasks wait for each other: a"),
        (&["plan", "g", "--execute", "--mermaid"], "cannot be used with"),
        (&["plan", "g", "--max-tasks", "0"], "max-tasks"),
        (&["plan", "--file", "circle.yaml", "--hierarchical"], "'--file <FILE>' cannot be used with"),
        (
            &["plan", "--file", "good.yaml", "--max-tasks", "3"],
            "--max-tasks is for plans that the model makes",
        ),
        (&["plan", "--file", "good.yaml", "--mermaid", "--output", "json"], "a Mermaid flowchart is text"),
        (&["plan", "--file", "good.yaml", "--max-parallel", "3"], "--execute"),
        (&["plan", "--file", "good.yaml", "--on-failure", "skip"], "--execute"),
        (&["plan", "--file", "silent.yaml"], "task `a` has no description; say what is to be done"),
    ] {
        let refused = place.run(args);
        assert!(refused.code == 2 && refused.err.contains(expected), "{args:?}: {refused:?}");
    }
    let never = place.run(&["plan", "g", "--model", "scripted:script.yaml"]);
    assert!(never.code == 1 && never.err.contains("gave no valid value"), "{never:?}");
}

const FAILS: &str = r#"
turns:
  - {when: Write a packing list, error: {kind: invalid_request, message: no paper}}
  - {when: Look up the weather, text: Rain.}
"#;

#[test]
fn what_becomes_of_a_plan_when_a_task_has_failed_can_be_chosen() {
    let place = Place::new();
    place.file("plan.yaml", PLAN);
    place.file("script.yaml", FAILS);
    let with = |policy: &str| {
        let args = ["plan", "--file", "plan.yaml", "--execute", "--model", "scripted:script.yaml"];
        place.run(&[&args[..], &["--on-failure", policy]].concat())
    };
    let skipped = with("skip");
    assert_eq!(skipped.code, 4, "{skipped:?}");
    assert!(skipped.err.contains("✘ list: "), "{}", skipped.err);
    let shown = place.run(&["runs", "show", "last"]);
    for part in [
        "agent    function-calling, for each task of a plan\n",
        "status   completed, goal not met\n         task `list` failed: ",
        "\nPack for Oslo\n✔ weather  Look up the weather\n✘ list     Write a packing list ← weather [input forecast] (",
        "\ntask:weather  Look up the weather\n",
    ] {
        assert!(shown.out.contains(part), "{part}: {}", shown.out);
    }
    let tasks = &place.run(&["runs", "show", "last", "--output", "json"]).json()["plan"]["tasks"];
    assert_eq!((&tasks[0]["status"], &tasks[1]["status"]), (&"completed".into(), &"failed".into()));
    assert_eq!(tasks[0].get("result"), None, "{tasks}");
    let aborted = with("abort");
    assert_eq!(aborted.code, 1, "{aborted:?}");
    let so_far = "so far:\nPack for Oslo\n✔ weather  Look up the weather\n";
    assert!(aborted.err.contains(so_far), "a line a task: {}", aborted.err);
    let asks = with("ask");
    assert!(asks.code == 5 && asks.err.contains("Task `list` failed"), "{asks:?}");
    let id = asks.err.lines().find_map(|line| line.strip_prefix("run ")).unwrap_or("last").to_owned();
    assert_eq!(place.run(&["runs", "deny", &id, "--reason", "leave it"]).code, 0);
    assert_eq!(place.run(&["runs", "resume", &id]).code, 4, "it is left out");
}

const AGAIN: &str = r#"
turns:
  - {when: no paper, text: '{"tasks": [{"description": "Write on a stone", "after": []}]}'}
  - {when: Look up the weather, text: Rain.}
  - {when: Write a packing list, error: {kind: invalid_request, message: no paper}}
  - {text: An umbrella.}
"#;

#[test]
fn a_run_that_was_planned_again_shows_both_plans() {
    let place = Place::new();
    place.file("plan.yaml", PLAN.replace("packing list,", "packing list, retries: 0,"));
    place.file("script.yaml", AGAIN);
    let args = ["plan", "--file", "plan.yaml", "--execute", "--model", "scripted:script.yaml"];
    let done = place.run(&[&args[..], &["--on-failure", "replan"]].concat());
    assert_eq!((done.code, done.out.as_str()), (0, "An umbrella.\n"), "{done:?}");
    let shown = place.run(&["runs", "show", "last"]);
    for part in [
        "\nPack for Oslo\n✔ weather  Look up the weather\n✔ t1       Write on a stone [reads the goal]\n\n",
        "\ntask:list  Write a packing list\n",
        "\n— planned again, version 2: Task `list` (Write a packing list) failed: ",
        "\ntask:t1  Write on a stone\n",
    ] {
        assert!(shown.out.contains(part), "{part}: {}", shown.out);
    }
}

#[test]
fn lines_say_which_task_they_are_of() {
    let place = Place::new();
    place.file(
        "plan.yaml",
        "goal: g\ntasks: [{id: both, description: Do it, subtasks: [{id: look, description: Look around}]}]",
    );
    place.file(
        "script.yaml",
        "turns: [{text: Let me see., calls: [{name: list_dir, arguments: {path: .}}]}, {text: Nothing.}]",
    );
    let args = ["plan", "--file", "plan.yaml", "--execute", "--model", "scripted:script.yaml"];
    let done = place.run(&args);
    assert_eq!((done.code, done.out.as_str()), (0, "Nothing.\n"), "{done:?}");
    for line in ["both/look: asking ", "both/look: Let me see.", "→ both/look: list_dir {", "← both/look: "]
    {
        assert!(done.err.contains(line), "{line}: {}", done.err);
    }
    let forked = place.run(&["runs", "fork", "last", "--at", "task:both%2Flook"]);
    assert!(
        forked.code == 2
            && forked.err.contains("is a scope of run")
            && forked.err.contains("the first step in it is `task:both%2Flook/"),
        "{forked:?}"
    );
}
