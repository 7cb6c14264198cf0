use serde_json::json;

use super::*;

#[track_caller]
fn of_type(name: &str) -> Value {
    normalize(&json!({"type": name})).unwrap()
}

#[test]
fn json_schema_stays_as_it_is() {
    let schema = json!({
        "type": "object",
        "properties": {"type": {"type": "string", "enum": ["a"]}, "n": {"type": ["integer", "null"], "minimum": 0}},
        "required": ["type"],
        "additionalProperties": false,
        "$defs": {"x": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/x"}]}},
        "x-note": "kept",
    });
    assert_eq!(normalize(&schema), Ok(schema));
}

#[test]
fn names_of_types_are_read() {
    assert_eq!(of_type("STRING"), json!({"type": "string"}));
    assert_eq!(of_type("java.lang.Long"), json!({"type": "integer"}));
    assert_eq!(of_type("any"), json!({}));
    assert_eq!(of_type("set"), json!({"type": "array", "uniqueItems": true}));
    assert_eq!(of_type("Optional[int]"), json!({"type": ["integer", "null"]}));
    assert_eq!(of_type("int | str | None"), json!({"type": ["integer", "string", "null"]}));
    assert_eq!(
        of_type("string[][]"),
        json!({"type": "array", "items": {"type": "array", "items": {"type": "string"}}})
    );
    assert_eq!(
        of_type("Map<String, List<Double>>"),
        json!({"type": "object", "additionalProperties": {"type": "array", "items": {"type": "number"}}})
    );
    assert_eq!(
        of_type("tuple[float, str]"),
        json!({"type": "array", "minItems": 2, "maxItems": 2, "prefixItems": [{"type": "number"}, {"type": "string"}]})
    );
    assert_eq!(of_type("Literal['a', 2, None]"), json!({"enum": ["a", 2, null]}));
    assert_eq!(
        of_type("list[int] | str"),
        json!({"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "string"}]})
    );
}

#[test]
fn marks_on_properties_move_to_their_place() {
    let schema = json!({
        "type": "dict",
        "properties": {
            "a": {"type": "int", "required": true},
            "b": {"type": "str", "optional": "true"},
            "c": {"type": "str", "default": null},
            "d": {"type": "str", "enum": [1, 2], "nullable": true},
            "f": {"type": "str", "enum": ["s", "ms"], "default": "none"},
            "e": {"type": "list", "enum": ["x", "y"], "items": {"type": "str"}},
        },
        "required": ["b"],
    });
    assert_eq!(
        normalize(&schema).unwrap(),
        json!({
            "type": "object",
            "properties": {
                "a": {"type": "integer"},
                "b": {"type": "string"},
                "c": {"type": ["string", "null"], "default": null},
                "d": {"type": ["string", "null"], "enum": ["1", "2", null]},
                "f": {"type": "string", "enum": ["s", "ms", "none"], "default": "none"},
                "e": {"type": "array", "items": {"type": "string", "enum": ["x", "y"]}},
            },
            "required": ["a"],
        })
    );
}

#[test]
fn parameters_are_an_object() {
    assert_eq!(normalize_parameters(&Value::Null), Ok(json!({"type": "object", "properties": {}})));
    assert_eq!(normalize_parameters(&json!({})), Ok(json!({"type": "object", "properties": {}})));
    assert_eq!(
        normalize_parameters(&json!({"type": {"type": "str"}, "n": {"type": "int"}})),
        Ok(json!({"type": "object", "properties": {"type": {"type": "string"}, "n": {"type": "integer"}}}))
    );
    assert_eq!(
        normalize_parameters(&json!({"properties": {}})),
        Ok(json!({"properties": {}, "type": "object"}))
    );
}

#[test]
fn what_is_unknown_is_named() {
    let error = normalize(&json!({"properties": {"a": {"items": {"type": "Frob"}}}})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown type \"Frob\" at /properties/a/items/type of the schema; use a JSON Schema type"
    );
    assert!(
        matches!(normalize(&json!({"properties": {"a": 1}})), Err(DialectError::NoSchema { path, .. }) if path == "/properties/a")
    );
}
