//! The JSON Schema of a Rust type, in the short form that models read best.

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The JSON Schema (2020-12) of what `T` is deserialized from, cleaned for models: no `$schema`, no `title`, no
/// machine formats (`int32`), definitions inlined unless they are recursive, plain enumerations as `enum`,
/// objects closed with `additionalProperties: false` unless the type takes further members.
///
/// ```
/// use agentic_schema::schema_for;
/// use schemars::JsonSchema;
/// use serde_json::json;
///
/// /// Where to look.
/// #[derive(JsonSchema)]
/// struct Place {
///     /// Name of the city.
///     city: String,
///     days: Option<u8>,
/// }
///
/// assert_eq!(schema_for::<Place>(), json!({
///     "description": "Where to look.",
///     "type": "object",
///     "properties": {
///         "city": {"description": "Name of the city.", "type": "string"},
///         "days": {"type": ["integer", "null"], "minimum": 0, "maximum": 255},
///     },
///     "required": ["city"],
///     "additionalProperties": false,
/// }));
/// ```
#[must_use]
pub fn schema_for<T: JsonSchema + ?Sized>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    each_schema(&mut schema, &mut clean);
    schema
}

/// `schema` in the subset that endpoints with a strict mode accept: every object is closed, every property is
/// required, and one that was optional may be `null` instead. A `null` for a property that does not admit it by
/// the original schema is left out again by [`repair`](crate::repair()).
#[must_use]
pub fn strict_schema(schema: &Value) -> Value {
    let mut schema = schema.clone();
    each_schema(&mut schema, &mut make_strict);
    schema
}

/// Applies `change` to a schema and all schemas in it, the innermost first.
fn each_schema(schema: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    let Value::Object(members) = schema else { return };
    for (keyword, value) in members.iter_mut() {
        match (keyword.as_str(), value) {
            ("properties" | "patternProperties" | "$defs" | "definitions", Value::Object(inner)) => {
                inner.values_mut().for_each(|schema| each_schema(schema, change));
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(inner)) => {
                inner.iter_mut().for_each(|schema| each_schema(schema, change));
            }
            ("items" | "additionalProperties" | "contains" | "not", inner) => each_schema(inner, change),
            _ => {}
        }
    }
    change(members);
}

fn clean(schema: &mut Map<String, Value>) {
    schema.shift_remove("title");
    schema.shift_remove("$schema");
    const MACHINE: [&str; 14] = [
        "int", "int8", "int16", "int32", "int64", "int128", "uint", "uint8", "uint16", "uint32", "uint64",
        "uint128", "float", "double",
    ];
    if schema.get("format").and_then(Value::as_str).is_some_and(|format| MACHINE.contains(&format)) {
        schema.shift_remove("format");
    }
    merge_enumeration(schema);
    let is_struct =
        schema.get("type").is_some_and(|name| name == "object") && schema.contains_key("properties");
    if is_struct && !schema.contains_key("additionalProperties") && !is_composed(schema) {
        schema.insert("additionalProperties".to_owned(), json!(false));
    }
}

/// Whether members come from elsewhere too (flattened types), so that the object must stay open.
fn is_composed(schema: &Map<String, Value>) -> bool {
    ["anyOf", "oneOf", "allOf", "$ref", "unevaluatedProperties"]
        .iter()
        .any(|keyword| schema.contains_key(*keyword))
}

/// `oneOf` of constants, which is how documented enumerations come, becomes one `enum`; what the options mean
/// goes to the description.
fn merge_enumeration(schema: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = schema.get("oneOf") else { return };
    let mut options = Vec::new();
    let mut notes = Vec::new();
    for branch in branches {
        let Some(branch) = branch.as_object() else { return };
        let simple =
            branch.keys().all(|key| matches!(key.as_str(), "type" | "const" | "enum" | "description"));
        let values = match (branch.get("const"), branch.get("enum")) {
            (Some(only), None) => vec![only.clone()],
            (None, Some(Value::Array(values))) => values.clone(),
            _ => return,
        };
        if !simple || !values.iter().all(Value::is_string) {
            return;
        }
        if let (Some(text), [Value::String(name)]) =
            (branch.get("description").and_then(Value::as_str), values.as_slice())
        {
            notes.push(format!("{name}: {text}"));
        }
        options.extend(values);
    }
    schema.shift_remove("oneOf");
    let own = schema.get("description").and_then(Value::as_str).map(str::to_owned);
    let description = own.into_iter().chain(notes).collect::<Vec<_>>().join("\n");
    if !description.is_empty() {
        schema.insert("description".to_owned(), Value::String(description));
    }
    schema.insert("type".to_owned(), json!("string"));
    schema.insert("enum".to_owned(), Value::Array(options));
}

fn make_strict(schema: &mut Map<String, Value>) {
    if let Some(branches) = schema.shift_remove("oneOf") {
        schema.entry("anyOf").or_insert(branches);
    }
    schema.shift_remove("default");
    let Some(Value::Object(properties)) = schema.get("properties") else { return };
    let names: Vec<Value> = properties.keys().map(|name| json!(name)).collect();
    let required: Vec<Value> = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for (name, property) in properties.iter_mut() {
            if !required.iter().any(|required| required == name) {
                admit_null(property);
            }
        }
    }
    schema.insert("required".to_owned(), Value::Array(names));
    schema.insert("additionalProperties".to_owned(), json!(false));
}

fn admit_null(schema: &mut Value) {
    let null = json!({"type": "null"});
    let Value::Object(members) = schema else { return };
    if let Some(Value::Array(options)) = members.get_mut("enum")
        && !options.contains(&Value::Null)
    {
        options.push(Value::Null);
    }
    if let Some(Value::Array(branches)) = members.get_mut("anyOf") {
        if !branches.contains(&null) {
            branches.push(null);
        }
        return;
    }
    if !members.contains_key("type") && (members.contains_key("$ref") || members.contains_key("const")) {
        let inner = schema.take();
        *schema = json!({"anyOf": [inner, null]});
        return;
    }
    match members.get_mut("type") {
        Some(Value::String(name)) if name != "null" => {
            let names = json!([name, "null"]);
            members.insert("type".to_owned(), names);
        }
        Some(Value::Array(names)) if !names.iter().any(|name| name == "null") => names.push(json!("null")),
        _ => {}
    }
}
