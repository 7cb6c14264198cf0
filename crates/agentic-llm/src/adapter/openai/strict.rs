//! Whether OpenAI takes a schema in strict mode.

use serde_json::Value;

/// Whether a schema keeps to the rules of strict mode: every object, at any depth, lists all its properties as
/// required and allows no others. A server refuses `strict` with any other schema.
///
/// Rules: <https://developers.openai.com/api/docs/guides/structured-outputs>, "Supported schemas".
pub(super) fn keeps_to_strict_rules(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("object") && every_object_is_closed(schema)
}

fn every_object_is_closed(schema: &Value) -> bool {
    match schema {
        Value::Array(items) => items.iter().all(every_object_is_closed),
        Value::Object(fields) => {
            let is_object = fields.get("type").is_some_and(|kind| match kind {
                Value::String(kind) => kind == "object",
                Value::Array(kinds) => kinds.iter().any(|kind| kind == "object"),
                _ => false,
            });
            let closed = fields.get("additionalProperties") == Some(&Value::Bool(false));
            let required = fields.get("required").and_then(Value::as_array);
            let complete = match fields.get("properties") {
                None => true,
                Some(Value::Object(properties)) => properties
                    .keys()
                    .all(|name| required.is_some_and(|required| required.iter().any(|item| item == name))),
                Some(_) => false,
            };
            (!is_object || closed)
                && complete
                && fields.iter().all(|(name, value)| match name.as_str() {
                    // Names and values of the user's, not schemas.
                    "enum" | "const" | "default" | "examples" | "required" => true,
                    "properties" | "$defs" | "definitions" => {
                        value.as_object().is_some_and(|schemas| schemas.values().all(every_object_is_closed))
                    }
                    _ => every_object_is_closed(value),
                })
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn closed_and_complete_objects_are_strict() {
        let inner = json!({"type": "object", "properties": {}, "additionalProperties": false});
        let schema = json!({
            "type": "object",
            "properties": {"type": {"type": "string"}, "list": {"type": "array", "items": inner}},
            "required": ["type", "list"],
            "additionalProperties": false,
        });
        assert!(keeps_to_strict_rules(&schema));
    }

    #[test]
    fn open_or_optional_is_not() {
        let open = json!({"type": "object", "properties": {}});
        let optional =
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false});
        let nested = json!({
            "type": "object", "properties": {"a": open}, "required": ["a"], "additionalProperties": false,
        });
        for schema in [open, optional, nested, json!({"type": "string"}), json!(true)] {
            assert!(!keeps_to_strict_rules(&schema), "{schema}");
        }
    }
}
