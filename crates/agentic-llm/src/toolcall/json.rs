//! Calls written as JSON.

use agentic_schema::lenient;
use serde_json::{Map, Value};

use super::convert::ToolSchemas;
use super::event::{Call, ToolCallError};
use super::scan::JsonScan;

/// Reads one JSON value; the error is a short reason.
pub type ReadJson = fn(&str) -> Result<Value, String>;

/// The usual reader: lenient about notation (quotes, commas, literals, comments), strict about content. Text that stops in
/// the middle is an error, for half an argument must never be taken for a whole one.
pub(super) fn read_lenient(text: &str) -> Result<Value, String> {
    lenient::parse_whole(text).map_err(|error| error.to_string())
}

const NAMES: [&str; 4] = ["name", "tool", "tool_name", "function"];
const ARGUMENTS: [&str; 4] = ["arguments", "parameters", "args", "input"];

/// Reads one or several values after each other; each is a call or an array of calls.
pub(super) fn read_calls(text: &str, read: ReadJson) -> Result<Vec<Call>, ToolCallError> {
    let mut calls = Vec::new();
    let mut found = false;
    for slice in values(text) {
        found = true;
        match read(slice).map_err(ToolCallError::Json)? {
            Value::Array(items) => {
                for item in items {
                    calls.push(call_of(item, read)?);
                }
            }
            value => calls.push(call_of(value, read)?),
        }
    }
    if found { Ok(calls) } else { Err(ToolCallError::Unrecognised) }
}

/// Reads JSON that stands without tags: strictly a call, with a name the schemas allow and with arguments.
pub(super) fn read_bare(text: &str, schemas: &ToolSchemas, read: ReadJson) -> Option<Vec<Call>> {
    let value = read(text).ok()?;
    let items = match value {
        Value::Array(items) if !items.is_empty() => items,
        value @ Value::Object(_) => vec![value],
        _ => return None,
    };
    items
        .into_iter()
        .map(|item| {
            let inner = item.get("function").filter(|inner| inner.is_object()).unwrap_or(&item);
            ARGUMENTS.iter().any(|key| inner.get(key).is_some()).then_some(())?;
            call_of(item, read).ok().filter(|call| schemas.allows(&call.name))
        })
        .collect()
}

/// Reads the arguments of a call whose name is known: an object, an object written as a string, or nothing.
pub(super) fn arguments_of(
    name: &str,
    value: Option<Value>,
    read: ReadJson,
) -> Result<Map<String, Value>, ToolCallError> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(arguments)) => Ok(arguments),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(Map::new()),
        Some(Value::String(text)) => match read(text.trim()) {
            Ok(Value::Object(arguments)) => Ok(arguments),
            _ => Err(ToolCallError::Arguments(name.to_owned())),
        },
        Some(_) => Err(ToolCallError::Arguments(name.to_owned())),
    }
}

fn call_of(value: Value, read: ReadJson) -> Result<Call, ToolCallError> {
    let Value::Object(mut object) = value else { return Err(ToolCallError::NoName) };
    if let Some(inner @ Value::Object(_)) = object.get_mut("function") {
        let Value::Object(inner) = inner.take() else { return Err(ToolCallError::NoName) };
        object = inner;
    }
    let name = NAMES.iter().find_map(|key| object.get(*key)?.as_str()).map(|name| name.trim().to_owned());
    let Some(name) = name.filter(|name| !name.is_empty()) else { return Err(ToolCallError::NoName) };
    let arguments = ARGUMENTS.iter().find_map(|key| object.remove(*key));
    let arguments = arguments_of(&name, arguments, read)?;
    Ok(Call::new(name, arguments))
}

/// The objects and arrays of a text, one after the other. A value that does not end goes to the end of the text.
fn values(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find(['{', '['])?;
        let mut scan = JsonScan::default();
        let mut end = rest.len();
        for (at, c) in rest[start..].char_indices() {
            scan.push(c);
            if scan.done() {
                end = start + at + c.len_utf8();
                break;
            }
        }
        let value = &rest[start..end];
        rest = &rest[end..];
        Some(value)
    })
}
