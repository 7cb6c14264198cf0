use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;
use crate::{Schema, repair};

/// How hot.
#[derive(JsonSchema, Deserialize, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Scale {
    /// Water freezes at 0.
    Celsius,
    Kelvin,
}

#[derive(JsonSchema, Deserialize, Debug, PartialEq)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Shape {
    Circle { radius: f64 },
    Square { side: f64 },
}

#[derive(JsonSchema, Deserialize, Debug, PartialEq)]
struct Tree {
    name: String,
    #[serde(default)]
    children: Vec<Tree>,
}

#[derive(JsonSchema, Deserialize, Debug, PartialEq)]
struct Everything {
    scale: Scale,
    second: Option<Scale>,
    shapes: Vec<Shape>,
    extra: BTreeMap<String, i32>,
    #[serde(default)]
    note: String,
}

fn contains_key(value: &Value, key: &str) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| name == key || contains_key(value, key)),
        Value::Array(items) => items.iter().any(|item| contains_key(item, key)),
        _ => false,
    }
}

#[test]
fn the_schema_is_short_and_inlined() {
    let schema = schema_for::<Everything>();
    for keyword in ["$schema", "title", "$defs", "$ref", "format"] {
        assert!(!contains_key(&schema, keyword), "{keyword} in {schema}");
    }
    assert_eq!(
        schema["properties"]["scale"],
        json!({"description": "How hot.\ncelsius: Water freezes at 0.", "type": "string", "enum": ["kelvin", "celsius"]})
    );
    assert_eq!(
        schema["properties"]["extra"],
        json!({"type": "object", "additionalProperties": {"type": "integer"}})
    );
    assert_eq!(schema["additionalProperties"], json!(false));
    Schema::compile(&schema).unwrap();
}

#[test]
fn a_recursive_type_keeps_its_definition() {
    let schema = Schema::compile(&schema_for::<Tree>()).unwrap();
    let tree = json!({"name": "a", "children": [{"name": "b", "children": []}]});
    assert!(schema.is_valid(&tree));
    assert!(!schema.is_valid(&json!({"name": "a", "children": [{"nam": "b"}]})));
    assert_eq!(serde_json::from_value::<Tree>(tree).unwrap().children.len(), 1);
}

#[test]
fn in_strict_form_all_is_required_and_null_stands_for_nothing() {
    let loose = schema_for::<Everything>();
    let strict = strict_schema(&loose);
    assert_eq!(strict["required"], json!(["scale", "second", "shapes", "extra", "note"]));
    assert_eq!(strict["properties"]["note"], json!({"type": ["string", "null"]}));
    assert!(!contains_key(&strict, "oneOf") && !contains_key(&strict, "default"));
    let answer = json!({"scale": "kelvin", "second": null, "shapes": [{"kind": "circle", "radius": 1.5}], "extra": {}, "note": null});
    assert!(Schema::compile(&strict).unwrap().is_valid(&answer));
    let repaired = repair(&answer, &Schema::compile(&loose).unwrap()).unwrap().value;
    let everything: Everything = serde_json::from_value(repaired).unwrap();
    assert_eq!(everything.shapes, [Shape::Circle { radius: 1.5 }]);
    assert_eq!((everything.note.as_str(), everything.second), ("", None));
}
