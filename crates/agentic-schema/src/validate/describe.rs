//! Turns the errors of the validator into violations.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

use super::Violation;

/// How many names or options a message lists.
const LISTED: usize = 12;
/// How many characters of a value a message shows.
const SHOWN: usize = 60;
/// How many violations of one value are collected.
const COLLECTED: usize = 100;

/// Appends what `error` says about a value that was checked against `schema`.
pub(super) fn violations(error: &ValidationError<'_>, schema: &Value, out: &mut Vec<Violation>) {
    if out.len() >= COLLECTED {
        return;
    }
    let path = error.instance_path().to_string();
    let instance = error.instance().as_ref();
    let mut add = |path: String, expected: String, found: String| {
        out.push(Violation { path, keyword: error.kind().keyword().to_owned(), expected, found });
    };
    match error.kind() {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let wanted = parent_schema(error, schema)
                .and_then(|parent| parent.get("properties")?.get(name))
                .and_then(type_names)
                .unwrap_or_else(|| "a value".to_owned());
            add(child(&path, name), format!("{wanted} (required)"), "nothing".to_owned());
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let known = parent_schema(error, schema)
                .and_then(|parent| parent.get("properties"))
                .and_then(Value::as_object);
            let expected = match known {
                Some(known) if !known.is_empty() => {
                    format!("no such property (known: {})", listed(known.keys().map(String::as_str)))
                }
                _ => "no such property".to_owned(),
            };
            for name in unexpected {
                add(child(&path, name), expected.clone(), instance.get(name).map_or_else(String::new, found));
            }
        }
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            alternatives(error, context, schema, out);
        }
        Kind::PropertyNames { error } => {
            let mut inner = Vec::new();
            violations(error, schema, &mut inner);
            for violation in inner {
                let expected = format!("property names to be {}", violation.expected);
                out.push(Violation { path: path.clone(), expected, ..violation });
            }
        }
        kind => add(path, expected(kind), found(instance)),
    }
}

/// Of several alternatives that all failed: if they fail right here, what they want; else the violations of
/// the one that came furthest.
fn alternatives(
    error: &ValidationError<'_>,
    context: &[Vec<ValidationError<'static>>],
    schema: &Value,
    out: &mut Vec<Violation>,
) {
    let here = error.instance_path().to_string();
    let mut branches: Vec<Vec<Violation>> = context
        .iter()
        .map(|errors| {
            let mut inner = Vec::new();
            errors.iter().for_each(|error| violations(error, schema, &mut inner));
            inner
        })
        .collect();
    let wrong_type = |branch: &Vec<Violation>| {
        branch.iter().any(|v| {
            v.path == here && matches!(v.keyword.as_str(), "type" | "enum" | "const" | "falseSchema")
        })
    };
    if branches.iter().all(wrong_type) {
        let mut wanted: Vec<String> =
            branches.iter().flatten().filter(|v| v.path == here).map(|v| v.expected.clone()).collect();
        wanted.dedup();
        out.push(Violation {
            path: here,
            keyword: error.kind().keyword().to_owned(),
            expected: wanted.join(" or "),
            found: found(error.instance()),
        });
        return;
    }
    branches.retain(|branch| !wrong_type(branch));
    let nearest = branches.into_iter().min_by_key(|branch| {
        let deepest = branch.iter().map(|v| v.path.matches('/').count()).max().unwrap_or(0);
        (branch.len(), usize::MAX - deepest)
    });
    out.extend(nearest.into_iter().flatten());
}

fn expected(kind: &Kind) -> String {
    match kind {
        Kind::Type { kind: TypeKind::Single(name) } => name.to_string(),
        Kind::Type { kind: TypeKind::Multiple(names) } => {
            names.iter().map(|name| name.to_string()).collect::<Vec<_>>().join(" or ")
        }
        Kind::Enum { options } => match options.as_array() {
            Some(options) => format!("one of {}", listed(options.iter().map(Value::to_string))),
            None => "one of the options".to_owned(),
        },
        Kind::Constant { expected_value } => cut(&expected_value.to_string()),
        Kind::Minimum { limit } => format!("a number of at least {limit}"),
        Kind::Maximum { limit } => format!("a number of at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("a number above {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("a number below {limit}"),
        Kind::MultipleOf { multiple_of } => format!("a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("at least {limit} characters"),
        Kind::MaxLength { limit } => format!("at most {limit} characters"),
        Kind::Pattern { pattern } => format!("a string that matches {}", cut(pattern)),
        Kind::Format { format } => format!("a string in the format {format:?}"),
        Kind::MinItems { limit } => format!("at least {limit} items"),
        Kind::MaxItems { limit } => format!("at most {limit} items"),
        Kind::AdditionalItems { limit } => format!("at most {limit} items"),
        Kind::UnevaluatedItems { .. } => "no further items".to_owned(),
        Kind::UniqueItems => "items that differ from one another".to_owned(),
        Kind::Contains => "an array that contains the wanted item".to_owned(),
        Kind::MinProperties { limit } => format!("at least {limit} properties"),
        Kind::MaxProperties { limit } => format!("at most {limit} properties"),
        Kind::FalseSchema => "no value at all".to_owned(),
        Kind::Not { schema } => format!("anything that does not match {}", cut(&schema.to_string())),
        Kind::OneOfMultipleValid { .. } => "a value that matches exactly one alternative".to_owned(),
        Kind::ContentEncoding { content_encoding } => format!("text encoded as {content_encoding}"),
        Kind::ContentMediaType { content_media_type } => format!("text of the type {content_media_type}"),
        Kind::Custom { message, .. } => message.clone(),
        other => format!("a value that satisfies {:?}", other.keyword()),
    }
}

/// A value in a few words.
fn found(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => format!("boolean {value}"),
        Value::Number(number) if number.is_f64() => format!("number {number}"),
        Value::Number(number) => format!("integer {number}"),
        Value::String(_) => format!("string {}", cut(&value.to_string())),
        Value::Array(items) => match items.len() {
            0 => "an empty array".to_owned(),
            1 => format!("an array of one item {}", cut(&value.to_string())),
            count => format!("an array of {count} items {}", cut(&value.to_string())),
        },
        Value::Object(members) if members.is_empty() => "an empty object".to_owned(),
        Value::Object(members) => format!("an object with {}", listed(members.keys().map(String::as_str))),
    }
}

/// The schema that holds the keyword which `error` is about.
fn parent_schema<'s>(error: &ValidationError<'_>, schema: &'s Value) -> Option<&'s Value> {
    let path = error.schema_path().to_string();
    let (parent, _) = path.rsplit_once('/')?;
    schema.pointer(parent)
}

fn type_names(schema: &Value) -> Option<String> {
    match schema.get("type")? {
        Value::String(name) => Some(name.clone()),
        Value::Array(names) => Some(names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")),
        _ => None,
    }
}

/// The pointer to the member `name` of the object at `path`.
fn child(path: &str, name: &str) -> String {
    format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn listed(names: impl ExactSizeIterator<Item = impl AsRef<str>>) -> String {
    let more = names.len().saturating_sub(LISTED);
    let mut text = names.take(LISTED).map(|name| cut(name.as_ref())).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}
