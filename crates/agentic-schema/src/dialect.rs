//! Normalises the dialects in which tools are described to JSON Schema.
//!
//! Tool descriptions in the wild name types of Python (`dict`, `float`, `tuple`, `Optional[int]`), Java
//! (`String`, `ArrayList`, `HashMap<String, Integer>`), JavaScript (`Array`, `Boolean`, `string[]`) or of an API
//! (`STRING`, `nullable`). [`normalize`] turns them into JSON Schema 2020-12 and leaves JSON Schema as it is.
//!
//! ```
//! use agentic_schema::dialect;
//! use serde_json::json;
//!
//! let schema = dialect::normalize(&json!({
//!     "type": "dict",
//!     "properties": {"ratio": {"type": "float"}, "tags": {"type": "List<String>"}},
//!     "required": ["ratio"],
//! }))?;
//! assert_eq!(schema, json!({
//!     "type": "object",
//!     "properties": {"ratio": {"type": "number"}, "tags": {"type": "array", "items": {"type": "string"}}},
//!     "required": ["ratio"],
//! }));
//! # Ok::<(), dialect::DialectError>(())
//! ```

#[cfg(test)]
mod tests;
mod types;

use serde_json::{Map, Value, json};

/// Why a description could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialectError {
    /// A type that no known dialect has.
    #[error("unknown type {name:?} at {path}/type of the schema; use a JSON Schema type")]
    UnknownType {
        /// JSON pointer to the schema.
        path: String,
        /// The type as it was written.
        name: String,
    },
    /// Something that is no schema where one is expected.
    #[error("no schema at {path}: found {found}; give an object")]
    NoSchema {
        /// JSON pointer to the place.
        path: String,
        /// What stands there.
        found: String,
    },
    /// Schemas nested deeper than 128 levels.
    #[error("schema nested deeper than 128 levels; flatten it")]
    TooDeep,
}

/// Turns a schema of any known dialect into JSON Schema 2020-12.
///
/// Beside the names of types it mends: `required: true` and `optional: true` on a property, `nullable` and a
/// `default` of `null` (the type then includes `null`), options listed on an array instead of its items, options
/// of another type than the property's, a `default` that is none of the options. Unknown keywords are kept.
///
/// # Errors
/// [`DialectError`] with the place of what could not be read.
pub fn normalize(schema: &Value) -> Result<Value, DialectError> {
    schema_at(schema, "", 0)
}

/// As [`normalize`], for the parameters of a tool: the result describes an object, also when the description
/// is empty, `null` or just the map of properties.
///
/// # Errors
/// As [`normalize`].
pub fn normalize_parameters(parameters: &Value) -> Result<Value, DialectError> {
    let Value::Object(members) = parameters else {
        return match parameters {
            Value::Null => Ok(json!({"type": "object", "properties": {}})),
            other => Err(no_schema("", other)),
        };
    };
    const KEYWORDS: [&str; 8] =
        ["type", "properties", "$ref", "anyOf", "oneOf", "allOf", "additionalProperties", "required"];
    let is_schema = KEYWORDS.iter().any(|keyword| {
        // A property may be called like a keyword: then its value is a schema.
        members.get(*keyword).is_some_and(|value| *keyword != "type" || !value.is_object())
    });
    if !is_schema && members.values().all(Value::is_object) {
        return normalize(&json!({"type": "object", "properties": members}));
    }
    let mut schema = normalize(parameters)?;
    if let Value::Object(members) = &mut schema
        && !members.contains_key("type")
        && !["$ref", "anyOf", "oneOf", "allOf"].iter().any(|keyword| members.contains_key(*keyword))
    {
        members.insert("type".to_owned(), json!("object"));
    }
    Ok(schema)
}

const MAX_DEPTH: usize = 128;

fn no_schema(path: &str, found: &Value) -> DialectError {
    DialectError::NoSchema { path: path.to_owned(), found: found.to_string().chars().take(60).collect() }
}

fn schema_at(schema: &Value, path: &str, depth: usize) -> Result<Value, DialectError> {
    if depth > MAX_DEPTH {
        return Err(DialectError::TooDeep);
    }
    let members = match schema {
        Value::Bool(_) => return Ok(schema.clone()),
        // A type alone: `{"name": "string"}`.
        Value::String(name) => return named_type(name, path).map(Value::Object),
        Value::Object(members) => members,
        other => return Err(no_schema(path, other)),
    };
    let mut out = Map::new();
    for (keyword, value) in members {
        let here = format!("{path}/{keyword}");
        let value = match (keyword.as_str(), value) {
            ("type", value) => {
                for (keyword, value) in read_type(value, path)? {
                    out.entry(keyword).or_insert(value);
                }
                continue;
            }
            (
                "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas",
                Value::Object(inner),
            ) => properties(inner, &here, depth)?,
            ("properties", Value::Null) => json!({}),
            ("items" | "prefixItems", Value::Array(inner))
            | ("anyOf" | "oneOf" | "allOf", Value::Array(inner)) => {
                let schemas =
                    inner.iter().enumerate().map(|(i, s)| schema_at(s, &format!("{here}/{i}"), depth + 1));
                Value::Array(schemas.collect::<Result<_, _>>()?)
            }
            (
                "items"
                | "additionalProperties"
                | "not"
                | "contains"
                | "propertyNames"
                | "if"
                | "then"
                | "else",
                inner,
            ) => schema_at(inner, &here, depth + 1)?,
            ("optional" | "nullable", _) | ("required", Value::Bool(_) | Value::String(_) | Value::Null) => {
                continue;
            }
            (_, value) => value.clone(),
        };
        // What is written out wins over what the type implied.
        out.insert(keyword.clone(), value);
    }
    if let Some(Value::Array(items)) = out.get("items") {
        let items = items.clone();
        out.remove("items");
        out.insert("prefixItems".to_owned(), Value::Array(items));
    }
    required(members, &mut out);
    options(&mut out);
    if truthy(members.get("nullable")) || members.get("default") == Some(&Value::Null) {
        admit_null(&mut out);
    }
    Ok(Value::Object(out))
}

fn properties(members: &Map<String, Value>, path: &str, depth: usize) -> Result<Value, DialectError> {
    let mut out = Map::new();
    for (name, schema) in members {
        out.insert(name.clone(), schema_at(schema, &format!("{path}/{name}"), depth + 1)?);
    }
    Ok(Value::Object(out))
}

fn named_type(name: &str, path: &str) -> Result<Map<String, Value>, DialectError> {
    types::read(name)
        .ok_or_else(|| DialectError::UnknownType { path: path.to_owned(), name: name.to_owned() })
}

/// The keywords that stand for a `type`, which may also be a list of names.
fn read_type(value: &Value, path: &str) -> Result<Map<String, Value>, DialectError> {
    match value {
        Value::String(name) => named_type(name, path),
        Value::Array(names) => {
            let alternatives = names
                .iter()
                .map(|name| match name {
                    Value::String(name) => named_type(name, path).map(Value::Object),
                    other => Err(no_schema(&format!("{path}/type"), other)),
                })
                .collect::<Result<Vec<_>, _>>()?;
            Ok(types::any_of(alternatives))
        }
        Value::Null => Ok(Map::new()),
        other => Err(no_schema(&format!("{path}/type"), other)),
    }
}

fn truthy(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(value)) => *value,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// Moves `required` and `optional` that stand on properties to where JSON Schema wants them.
fn required(source: &Map<String, Value>, out: &mut Map<String, Value>) {
    let Some(Value::Object(properties)) = source.get("properties") else { return };
    let mut names: Vec<Value> = match out.get("required") {
        Some(Value::Array(names)) => names.clone(),
        _ => Vec::new(),
    };
    for (name, property) in properties {
        if truthy(property.get("required")) && !names.iter().any(|listed| listed == name) {
            names.push(Value::String(name.clone()));
        }
    }
    names.retain(|name| {
        !name.as_str().and_then(|name| properties.get(name)).is_some_and(|p| truthy(p.get("optional")))
    });
    if names.is_empty() && !out.contains_key("required") {
        return;
    }
    out.insert("required".to_owned(), Value::Array(names));
}

/// Puts the options of an enumeration where they belong and in the type of the property.
fn options(out: &mut Map<String, Value>) {
    let Some(Value::Array(options)) = out.get("enum") else { return };
    let type_name = out.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    if type_name == "array" && !options.iter().any(Value::is_array) {
        let options = Value::Array(options.clone());
        out.remove("enum");
        let items = out.entry("items").or_insert_with(|| json!({}));
        if let Value::Object(items) = items
            && !items.contains_key("enum")
        {
            items.insert("enum".to_owned(), options);
        }
        return;
    }
    let mut converted: Vec<Value> = options.iter().map(|option| convert(option, &type_name)).collect();
    // What stands for an absent argument may be said too.
    if let Some(default) =
        out.get("default").filter(|default| !default.is_null()).map(|default| convert(default, &type_name))
        && !converted.contains(&default)
    {
        converted.push(default);
    }
    out.insert("enum".to_owned(), Value::Array(converted));
}

/// An option in the type of its property, if it can be said so.
fn convert(option: &Value, type_name: &str) -> Value {
    match (type_name, option) {
        ("string", Value::Number(_) | Value::Bool(_)) => Value::String(option.to_string()),
        ("integer" | "number", Value::String(text)) => {
            text.parse::<serde_json::Number>().map_or_else(|_| option.clone(), Value::Number)
        }
        ("boolean", Value::String(text)) => {
            text.to_ascii_lowercase().parse().map_or_else(|_| option.clone(), Value::Bool)
        }
        _ => option.clone(),
    }
}

fn admit_null(out: &mut Map<String, Value>) {
    match out.get_mut("type") {
        Some(Value::String(name)) if name != "null" => {
            let names = json!([name, "null"]);
            out.insert("type".to_owned(), names);
        }
        Some(Value::Array(names)) if !names.iter().any(|name| name == "null") => names.push(json!("null")),
        None => {
            if let Some(Value::Array(alternatives)) = out.get_mut("anyOf") {
                alternatives.push(json!({"type": "null"}));
            }
        }
        _ => {}
    }
    if let Some(Value::Array(options)) = out.get_mut("enum")
        && !options.contains(&Value::Null)
    {
        options.push(Value::Null);
    }
}
