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
            "`inputs` has to be a mapping of names to values, as {days: 3}",
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

/// A plan of two tasks, the second of which has this besides: `id` and `description` are in lines 4 and 5, this from line 6 on.
fn second(more: &str) -> String {
    format!("goal: g\ntasks:\n  - {{id: a, description: A}}\n  - id: b\n    description: B\n    {more}")
}

#[test]
fn slips_of_yaml_are_told_with_their_place_and_what_is_expected() {
    for (more, expected) in [
        ("retries: two", "line 6 column 14: `retries` has to be a whole number from 0, as 2"),
        ("retries: -1", "line 6 column 14: `retries` has to be a whole number"),
        ("retries: 99999999999", "line 6 column 14: `retries` has to be a whole number"),
        (
            "budget_share: 25%",
            "line 6 column 19: `budget_share` has to be a number above 0 and up to 1, as 0.25",
        ),
        ("tools: read_file", "line 6 column 12: `tools` has to be a list of names, as [read_file]"),
        ("tools: [[read_file]]", "line 6 column 13: each of `tools` has to be a text"),
        ("dependencies: a", "`dependencies` has to be a list of ids, as [a, b]"),
        ("dependencies:", "`dependencies` has to be a list of ids, as [a, b]"),
        ("criteria: {type: near}", "`criteria` has to be a list"),
        ("inputs: null", "`inputs` has to be a mapping of names to values, as {days: 3}"),
        ("inputs: {tools: {[x]: 1}}", "line 6 column 22: each name in `inputs` has to be a text"),
        ("reads_goal: [x]", "`reads_goal` has to be `true` or `false`"),
        ("reads_goal: maybe", "`reads_goal` has to be `true` or `false`"),
        ("agent: [x]", "`agent` has to be a text"),
        ("status: done", "`status` has to be left out"),
        ("subtasks: {id: x}", "`subtasks` has to be a list of tasks, each of which begins with `- id: …`"),
        ("subtasks: [{id: x, description: X, retries: x}]", "`retries` has to be a whole number"),
        ("subtasks: [x]", "each of `subtasks` has to be a mapping with `id: …` and `description: …`"),
        ("description: C", "line 6 column 5: `description` is written twice; leave one out"),
        (
            "inputs: {x: {{a.result}}}",
            "line 6 column 18: a text with {{a.result}} in it has to be in quotes, as '{{a.result}}'",
        ),
        (
            "inputs: {x: of {{a.result}}}",
            "a text with {{a.result}} in it has to be in quotes, as '{{a.result}}'",
        ),
        ("inputs: {x: 'it is {{a.result}}, y: {{a.result}}}", "quote"),
        (
            "inputs: {x: [{{ a.result.days[0] }}]}",
            "a text with {{ a.result.days[0] }} in it has to be in quotes",
        ),
        ("inputs: {x: '{{a.result}}', y: [}", "`[` is closed by `}`"),
        ("inputs: {x: {{a.result}}}\n    retries: x", "a text with {{a.result}} in it has to be in quotes"),
        ("\tretries: 1", "there is a tab; indent with spaces"),
        ("agent: @me", "a text can't begin with `@`; put it in quotes"),
        ("agent: Use: it", "put a text with `: ` in it in quotes"),
        ("agent: *me", "put a text that begins with `*` in quotes"),
        ("tools: [x", "`[` is not closed"),
        ("tools: \"a\\q\"", "use single quotes"),
        (
            "depends_on: [a]",
            "line 6 column 5: there is no key `depends_on` here; there are: id, description,",
        ),
        (
            "inputs: {x: '{{b.result}}'}",
            "input `x` of task `b` has the reference `{{b.result}}`: a task has no result while",
        ),
        ("dependencies: [a, a]", "task `b` names `a` twice in its `dependencies`; leave one out"),
        ("tools: [x, y, x]", "task `b` names `x` twice in its `tools`; leave one out"),
    ] {
        let error = read_plan(&second(more)).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains('\n'), "{more}: {error}");
    }
    let deep = format!(
        "goal: g\ntasks: {}[]{}",
        "[{id: a, description: d, subtasks: ".repeat(200),
        "}]".repeat(200)
    );
    for (text, expected) in [
        (
            "",
            "line 1 column 1: nothing is written there; it has to be a mapping with `goal: …` and `tasks: …`",
        ),
        ("pack", "line 1 column 1: it has to be a mapping with `goal: …` and `tasks: …`"),
        ("goal: g\ntasks: [a, b]", "line 2 column 9: each of `tasks` has to be a mapping with `id: …`"),
        ("goal: g\ntasks: {a: {description: A}}", "line 2 column 8: `tasks` has to be a list of tasks"),
        (
            "goal: g\ntasks:\n  - id: a\n   description: A",
            "line 3 column 5: `description` is missing here; write it, in the same column",
        ),
        ("goal: 42\ntasks: []", "`goal` has to be a text, in quotes if it looks like a number"),
        ("goal: [g]\ntasks: []", "`goal` has to be a text"),
        ("goal: {text: g, inputs: [x]}\ntasks: []", "`inputs` has to be a mapping"),
        ("goal: g\ngoal: h\ntasks: []", "line 2 column 1: `goal` is written twice; leave one out"),
        (
            "goal: g\ntasks: [{id: a, description: d}]\n---\ngoal: g",
            "line 4 column 1: a second document begins there",
        ),
        (&deep, "it is nested too deep, more than 64 levels"),
        (
            "version: 7\ngoal: g\ntasks: [{id: a, description: d}]",
            "it is of version 7; leave its version out",
        ),
        ("version: x\ngoal: g\ntasks: []", "line 1 column 10: `version` has to be left out, or 1"),
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
        ("- {type: near, value: 1}", "criterion 1 is of the type `near` and needs a number as `tolerance`"),
        (
            "- {type: near, value: x, tolerance: 1}",
            "criterion 1 is of the type `near` and needs a number as `value`",
        ),
        ("- {type: answer, any_of: Oslo}", "criterion 1 is of the type `answer` and needs a list of texts"),
        ("- {type: tool}", "criterion 1 is of the type `tool` and needs a text as `tool`"),
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
        ("type: judged", "a list of criteria can't be read: line 1 column 1: it has to be a list"),
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
        "the plan can't be read: the description of task `b` has the reference {{a.result}}, which only inputs can have; give the task \
         an input with it, as {what: '{{a.result}}'}, and call it by its name"
    );
}
