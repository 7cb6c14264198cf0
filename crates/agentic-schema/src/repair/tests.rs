use serde_json::json;

use super::*;

#[track_caller]
fn fits(schema: Value, value: Value, expected: Value) -> Vec<String> {
    let repaired = repair(&value, &Schema::compile(&schema).unwrap()).unwrap();
    assert_eq!(repaired.value, expected);
    repaired.changes.iter().map(ToString::to_string).collect()
}

#[test]
fn a_valid_value_is_never_changed() {
    let schema = json!({"type": "object", "properties": {"a": {"type": ["string", "integer"]}, "b": {"type": "number"}}});
    for value in [json!({"a": "5"}), json!({"A": "5", "b": 1}), json!({"b": 5.0, "c": null}), json!({})] {
        assert!(fits(schema.clone(), value.clone(), value).is_empty());
    }
}

#[test]
fn scalars_are_converted() {
    fits(json!({"type": "integer"}), json!("5"), json!(5));
    fits(json!({"type": "integer"}), json!("1,234"), json!(1234));
    fits(json!({"type": "integer"}), json!("5.0"), json!(5));
    fits(json!({"type": "number"}), json!(" 2.5 "), json!(2.5));
    fits(json!({"type": "boolean"}), json!("Yes"), json!(true));
    fits(json!({"type": "boolean"}), json!(0), json!(false));
    fits(json!({"type": "string"}), json!(12), json!("12"));
    fits(json!({"type": ["integer", "null"]}), json!("None"), json!(null));
    assert_eq!(fits(json!({"type": "string"}), json!(["x"]), json!("x")), ["at the top: unwrapped"]);
}

#[test]
fn options_are_matched_in_any_spelling() {
    fits(json!({"enum": ["Kelvin", "degrees_celsius"]}), json!("degrees Celsius"), json!("degrees_celsius"));
    fits(json!({"enum": [1, 2]}), json!("2"), json!(2));
    fits(json!({"const": "move"}), json!("MOVE"), json!("move"));
    let schema = Schema::compile(&json!({"enum": ["a-b", "ab"]})).unwrap();
    assert!(repair(&json!("a b"), &schema).is_err(), "two options fit");
}

#[test]
fn containers_are_put_on_and_taken_off() {
    let list = json!({"type": "array", "items": {"type": "integer"}});
    fits(list.clone(), json!(3), json!([3]));
    fits(list.clone(), json!("[1, \"2\",]"), json!([1, 2]));
    let point = json!({"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}}, "required": ["x"]});
    fits(point.clone(), json!("{x: 1, y: '2'}"), json!({"x": 1, "y": 2}));
    fits(point.clone(), json!(7), json!({"x": 7}));
    fits(point.clone(), json!([{"x": 1}]), json!({"x": 1}));
    fits(
        json!({"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"], "additionalProperties": false}),
        json!({"arguments": {"x": "1"}}),
        json!({"x": 1}),
    );
}

#[test]
fn properties_are_renamed_dropped_and_filled() {
    let schema = json!({
        "type": "object",
        "properties": {
            "file_name": {"type": "string"},
            "limit": {"type": "integer"},
            "kind": {"const": "read"},
        },
        "required": ["file_name", "kind"],
        "additionalProperties": false,
    });
    let changes =
        fits(schema, json!({"fileName": "a", "limit": null}), json!({"file_name": "a", "kind": "read"}));
    assert_eq!(
        changes,
        [
            "at /file_name: renamed from \"fileName\"",
            "at /limit: left out null",
            "at /kind: filled in the default"
        ]
    );
}

#[test]
fn alternatives_and_references_are_followed() {
    let schema = json!({
        "$defs": {"node": {"type": "object", "properties": {"n": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}, "required": ["n"]}},
        "$ref": "#/$defs/node",
    });
    fits(
        schema,
        json!({"n": "1", "next": {"n": "2", "next": null}}),
        json!({"n": 1, "next": {"n": 2, "next": null}}),
    );
    fits(json!({"anyOf": [{"type": "integer"}, {"type": "boolean"}]}), json!("true"), json!(true));
}

#[test]
fn what_cannot_be_mended_is_named() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]});
    let invalid = repair(&json!({"a": "5", "b": "many"}), &Schema::compile(&schema).unwrap()).unwrap_err();
    assert_eq!(invalid.to_string(), "at /b: expected integer, found string \"many\"");
    let closed = Schema::compile(&json!({"properties": {}, "additionalProperties": false})).unwrap();
    assert!(repair(&json!({"force": true}), &closed).is_err(), "no argument is dropped in silence");
}

#[test]
fn half_a_value_is_never_taken_for_a_whole_one() {
    let command =
        json!({"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]});
    let list = json!({"type": "array", "items": {"type": "string"}});
    for (schema, text) in [
        (&command, "{\"command\": \"half"),
        (&command, "{command: half"),
        (&command, " {\"command\""),
        (&list, "[\"a\", \"ha"),
        (&list, "{\"a\": \"ha"),
    ] {
        assert!(repair(&json!(text), &Schema::compile(schema).unwrap()).is_err(), "{text}");
        assert!(
            repair(&json!([text]), &Schema::compile(&command).unwrap()).is_err() || schema == &list,
            "{text}"
        );
    }
    fits(command, json!("[ -f a ] && cat a"), json!({"command": "[ -f a ] && cat a"}));
    fits(list, json!("half of it"), json!(["half of it"]));
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    let schema = Schema::compile(&json!({"$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"type": "array", "items": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"})).unwrap();
    assert!(repair(&json!("x"), &schema).is_err());
}

#[test]
fn many_nested_alternatives_end() {
    let node = json!({"anyOf": (0..8).map(|i| json!({"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "k": {"const": i}}, "required": ["next", "k"]})).collect::<Vec<_>>()});
    let schema = Schema::compile(&json!({"$defs": {"node": node}, "$ref": "#/$defs/node"})).unwrap();
    let value = (0..4).fold(json!("end"), |next, _| json!({"next": next, "k": 9}));
    assert!(repair(&value, &schema).is_err());
}
