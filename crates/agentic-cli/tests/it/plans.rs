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
  - text: '{"tasks": [{"id": "a", "description": "Write a packing list", "dependencies": [], "tools": []}]}'
"#;

#[test]
fn plans_of_people_are_shown_and_executed() {
    let place = Place::new();
    place.file("plan.yaml", PLAN);
    place.file("script.yaml", SCRIPT);
    let shown = place.run(&["plan", "--file", "plan.yaml"]);
    let tree = "Pack for Oslo\n· weather  Look up the weather\n· list     Write a packing list ← weather\n";
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
}

#[test]
fn plans_of_models_are_shown_and_executed() {
    let place = Place::new();
    place.file("script.yaml", SCRIPT);
    let shown = place.run(&["plan", "Pack", "--model", "scripted:script.yaml", "--output", "json"]);
    let plan: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!((&plan["tasks"][0]["id"], &plan["version"]), (&"a".into(), &1.into()), "{shown:?}");
    let args = ["plan", "Pack", "--model", "scripted:script.yaml", "--execute", "--output", "json"];
    let done = place.run(&args);
    let kinds: Vec<_> =
        done.events().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    assert!(kinds.iter().any(|kind| kind == "plan_made") && kinds.iter().any(|kind| kind == "task_changed"));
    assert_eq!(done.last()["output"], "An umbrella.");
}

#[test]
fn what_is_no_plan_is_refused() {
    let place = Place::new();
    place.file("circle.yaml", "goal: g\ntasks: [{id: a, description: d, dependencies: [a]}]");
    place.file("script.yaml", "turns: [{text: no}, {text: no}, {text: no}]");
    for (args, expected) in [
        (&["plan"][..], "required arguments"),
        (&["plan", " "], "the goal is empty"),
        (&["plan", "--file", "none.yaml"], "can't read none.yaml"),
        (&["plan", "--file", "circle.yaml"], "circle.yaml: these tasks wait for each other: a"),
        (&["plan", "g", "--execute", "--mermaid"], "cannot be used with"),
        (&["plan", "g", "--max-tasks", "0"], "max-tasks"),
    ] {
        let refused = place.run(args);
        assert!(refused.code == 2 && refused.err.contains(expected), "{args:?}: {refused:?}");
    }
    let never = place.run(&["plan", "g", "--model", "scripted:script.yaml"]);
    assert!(never.code == 1 && never.err.contains("gave no valid value"), "{never:?}");
}
