//! Plans that people write.

use agentic_core::Criterion;
use agentic_plan::read_plan;
use serde_json::json;

#[test]
fn people_write_plans() {
    let plan = read_plan(
        "
goal: {text: Pack for Oslo, inputs: {month: May}}
tasks:
  - id: weather
    description: Look it up
    tools: [search]
    retries: 2
    criteria: [{type: matches, pattern: rain}]
  - id: pack
    description: Pack
    agent: writer
    inputs: {forecast: '{{weather.result}}'}
    subtasks:
      - {id: clothes, description: Choose clothes}
      - {id: list, description: Write it down, dependencies: [clothes]}
",
    )
    .unwrap();
    let weather = plan.task("weather").unwrap();
    assert_eq!((weather.retries, &*weather.tools), (Some(2), &["search".to_owned()][..]));
    assert_eq!(weather.criteria, [Criterion::Matches { pattern: "rain".into() }]);
    assert_eq!(plan.task("pack").unwrap().dependencies, ["weather"]);
    assert_eq!((plan.goal().inputs["month"].clone(), plan.task("pack/list").is_some()), (json!("May"), true));
}

#[test]
fn slips_of_the_pen_are_named() {
    for (text, expected) in [
        ("", "the plan can't be read"),
        ("goal: g", "tasks"),
        ("goal: g\ntasks: []", "a plan needs at least one task"),
        ("goal: g\ntasks: [{id: a, description: d, dependancies: [b]}]", "dependancies"),
        ("goal: g\ntasks: [{id: a, description: d, dependencies: [b]}]", "`b`, which is not in the plan"),
        ("goal: g\ntasks: [{id: a, description: d, dependencies: [a]}]", "wait for each other: a"),
        ("goal: g\ntasks: [{id: a, description: d, inputs: {x: '{{b}}'}}]", "{{TASK.result}}"),
        ("goal: [g\ntasks: {", "the plan can't be read"),
    ] {
        let error = read_plan(text).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains('\n'), "{text}: {error}");
    }
}
