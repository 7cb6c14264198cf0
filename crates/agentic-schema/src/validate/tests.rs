use serde_json::{Value, json};

use super::*;

#[track_caller]
fn message(schema: Value, value: Value) -> String {
    Schema::compile(&schema).unwrap().validate(&value).unwrap_err().to_string()
}

#[test]
fn messages_say_path_expected_and_found() {
    let schema = json!({
        "type": "object",
        "properties": {
            "unit": {"enum": ["c", "f"]},
            "stops": {"type": "array", "items": {"type": "object", "properties": {"n": {"minimum": 1}}}},
        },
        "additionalProperties": false,
    });
    assert_eq!(
        message(schema.clone(), json!({"unit": "k"})),
        "at /unit: expected one of \"c\", \"f\", found string \"k\""
    );
    assert_eq!(
        message(schema.clone(), json!({"stops": [{}, {"n": 0}]})),
        "at /stops/1/n: expected a number of at least 1, found integer 0"
    );
    assert_eq!(
        message(schema.clone(), json!({"unit": "c", "a/b": []})),
        "at /a~1b: expected no such property (known: unit, stops), found an empty array"
    );
    assert_eq!(
        message(schema, json!([1, 2])),
        "at the top: expected object, found an array of 2 items [1,2]"
    );
}

#[test]
fn a_missing_property_is_named_with_its_type() {
    let schema = json!({"$defs": {"p": {"properties": {"x": {"type": "number"}}, "required": ["x", "y"]}}, "items": {"$ref": "#/$defs/p"}});
    assert_eq!(
        message(schema, json!([{}])),
        "at /0/x: expected number (required), found nothing; at /0/y: expected a value (required), found nothing"
    );
}

#[test]
fn of_alternatives_the_nearest_is_explained() {
    let schema = json!({"anyOf": [
        {"type": "string"},
        {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
    ]});
    assert_eq!(message(schema.clone(), json!(7)), "at the top: expected string or object, found integer 7");
    assert_eq!(message(schema, json!({"id": "7"})), "at /id: expected integer, found string \"7\"");
}

#[test]
fn long_lists_are_cut() {
    let schema = json!({"items": {"type": "integer"}});
    let invalid = Schema::compile(&schema).unwrap().validate(&json!(vec!["x".repeat(200); 8])).unwrap_err();
    assert_eq!(invalid.violations.len(), 8);
    let text = invalid.to_string();
    assert!(text.ends_with("; and 3 more") && text.len() < 700, "{text}");
}

#[test]
fn an_invalid_schema_names_the_place() {
    let error = Schema::compile(&json!({"properties": {"a": {"type": "strnig"}}})).unwrap_err();
    assert!(matches!(&error, SchemaError::Invalid { path, .. } if path == "/properties/a/type"), "{error}");
    assert!(error.to_string().starts_with("invalid JSON Schema at /properties/a/type: expected "), "{error}");
}

#[test]
fn documents_come_from_the_caller_alone() {
    let schema = json!({"$ref": "https://example.test/n.json"});
    assert!(matches!(Schema::compile(&schema), Err(SchemaError::Unresolved { .. })));
    let schema = Schema::options()
        .document("https://example.test/n.json", json!({"type": "null"}))
        .compile(&schema)
        .unwrap();
    assert!(schema.is_valid(&json!(null)) && !schema.is_valid(&json!(0)));
}

#[test]
fn formats_are_checked_if_asked() {
    let schema = json!({"format": "date"});
    assert!(Schema::compile(&schema).unwrap().is_valid(&json!("tomorrow")));
    assert!(!Schema::options().formats(true).compile(&schema).unwrap().is_valid(&json!("tomorrow")));
}

#[test]
fn formats_of_the_newer_draft_are_checked_if_asked() {
    let uuid = json!({"type": "string", "format": "uuid"});
    let checked = Schema::options().formats(true).compile(&uuid).unwrap();
    assert!(!checked.is_valid(&json!("nope")));
    assert!(checked.is_valid(&json!("2eb8aa08-aa98-11ea-b4aa-73b441d16380")));
    assert!(
        Schema::compile(&uuid).unwrap().is_valid(&json!("nope")),
        "by default a format says, and is not checked"
    );
}
