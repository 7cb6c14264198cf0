//! Plans that people write.

use agentic_core::Criterion;
use agentic_plan::{read_criteria, read_plan};
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
    assert_eq!((weather.retries, weather.tools.clone()), (Some(2), Some(vec!["search".to_owned()])));
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
        ("goal: {text: g, criterai: []}\ntasks: [{id: a, description: d}]", "can't be read"),
        (
            "goal: g\ntasks: [{id: a, description: d, criteria: [{type: near, value: 1, tolerance: 1, unit: m}]}]",
            "task `a`: criterion 1 has a field `unit`",
        ),
        (
            "goal: {text: g, inputs: 3}\ntasks: [{id: a, description: d}]",
            "`goal`, which is a text or has the fields",
        ),
        (
            "goal: {text: g, criteria: [{type: matches, pattern: '('}]}\ntasks: [{id: a, description: d}]",
            "the goal: criterion 1 can't be used: `(` is no regular expression",
        ),
        (
            "goal: g\ntasks: [{id: a, description: d, subtasks: [{id: b, description: d, criteria: [{type: answer, any_of: []}]}]}]",
            "task `a/b`: criterion 1 can't be used: there is no answer",
        ),
        ("goal: [g\ntasks: {", "the plan can't be read"),
        ("goal: g\ntasks: [{id: \"a\\nb\", description: d}]", "`a b` is no id"),
        ("goal: g\ntasks: [{id: a, description: d, dependencies: [\"x\\ny\"]}]", "depends on `x y`"),
        (
            "goal: g\ntasks: [{id: a, description: d, criteria: [{type: near, value: 1, tolerance: 1, \"u\\nv\": m}]}]",
            "has a field `u v`",
        ),
    ] {
        let error = read_plan(text).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains('\n'), "{text}: {error}");
    }
}

#[test]
fn people_write_criteria() {
    let criteria = read_criteria(
        "
- {type: answer, any_of: [Oslo]}
- type: tool
  tool: run_code
  arguments: {code: '{{output}}'}
  gives: {exit_code: 0}
",
    )
    .unwrap();
    let tool = Criterion::Tool {
        tool: "run_code".into(),
        arguments: json!({"code": "{{output}}"}),
        gives: json!({"exit_code": 0}),
    };
    assert_eq!(criteria, [Criterion::Answer { any_of: vec!["Oslo".into()] }, tool]);
    for (text, expected) in [
        ("- {type: near, value: 1}", "criterion 1 can't be read: missing field `tolerance`"),
        (
            "- {type: judged, rubric: x}\n- {type: judge, rubric: x}",
            "criterion 2 is none; write {type: T, …}, and for T one of: equals, matches, schema, near, answer, tool, judged",
        ),
        (
            "- {type: tool, tool: x, givse: 1}",
            "criterion 1 has a field `givse`; criteria of the type `tool` have: tool, arguments, gives",
        ),
        (
            "- {type: matches, patern: x}",
            "criterion 1 has a field `patern`; criteria of the type `matches` have: pattern",
        ),
        ("- matches", "criterion 1 is none; write {type: T, …}"),
        ("- {pattern: x}", "criterion 1 is none; write {type: T, …}"),
        ("type: judged", "a list of criteria can't be read"),
    ] {
        let error = read_criteria(text).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains('\n'), "{text}: {error}");
    }
}

#[test]
fn a_plan_that_was_written_down_as_json_is_read_again() {
    let plan = read_plan("
goal: {text: pack, criteria: [{type: matches, pattern: x}], inputs: {days: 3}}
tasks:
  - {id: a, description: look it up, retries: 1, tools: [search], budget_share: 0.5}
  - {id: b, description: write it, inputs: {rain: '{{a.result}}'}, subtasks: [{id: x, description: all of it}]}
")
    .unwrap();
    assert_eq!(read_plan(&serde_json::to_string_pretty(&plan).unwrap()).unwrap(), plan);
    let done =
        read_plan("{goal: g, version: 1, tasks: [{id: a, description: d, status: completed}]}").unwrap_err();
    assert_eq!(
        done.to_string(),
        "the plan can't be read: task `a` is not pending; leave its status out, as a plan in a file begins anew"
    );
}

#[test]
fn a_reference_in_a_description_is_refused() {
    let error = read_plan(
        "
goal: g
tasks: [{id: a, description: d}, {id: b, description: 'Use {{a.result}}'}]
",
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "input `description` of task `b` has the reference `{{a.result}}`: references stand in inputs, whose values the task reads; write it there"
    );
}
