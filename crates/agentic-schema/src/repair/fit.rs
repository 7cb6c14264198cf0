//! Walks a value along its schema and mends what does not fit.

use std::cell::Cell;

use serde_json::{Map, Value};

use super::{Change, ChangeKind, convert};
use crate::lenient;

/// How deep a schema is followed; deeper parts stay as they are.
const MAX_DEPTH: usize = 64;
/// How many schemas are tried: alternatives within alternatives could take exponential time. Beyond that the
/// value stays as it is, and the validation at the end decides.
const MAX_STEPS: usize = 100_000;

pub(super) struct Fitter<'s> {
    root: &'s Value,
    changes: Vec<Change>,
    depth: usize,
    steps: Cell<usize>,
}

impl<'s> Fitter<'s> {
    pub(super) fn new(root: &'s Value) -> Self {
        Self { root, changes: Vec::new(), depth: 0, steps: Cell::new(0) }
    }

    pub(super) fn changes(self) -> Vec<Change> {
        self.changes
    }

    fn note(&mut self, path: &str, kind: ChangeKind) {
        self.changes.push(Change { path: path.to_owned(), kind });
    }

    /// `value` as `schema` wants it, as far as that is plain.
    pub(super) fn fit(&mut self, value: Value, schema: &'s Value, path: &str) -> Value {
        if self.depth >= MAX_DEPTH || self.is_tired() {
            return value;
        }
        self.depth += 1;
        let value = match self.resolve(schema).as_object() {
            Some(schema) => self.fit_to(value, schema, path),
            None => value,
        };
        self.depth -= 1;
        value
    }

    fn is_tired(&self) -> bool {
        self.steps.set(self.steps.get() + 1);
        self.steps.get() > MAX_STEPS
    }

    /// Follows local references.
    fn resolve(&self, mut schema: &'s Value) -> &'s Value {
        for _ in 0..MAX_DEPTH {
            let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { break };
            match reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)) {
                Some(target) => schema = target,
                None => break,
            }
        }
        schema
    }

    fn fit_to(&mut self, value: Value, schema: &'s Map<String, Value>, path: &str) -> Value {
        let mut value = self.fit_option(value, schema, path);
        let types = types(schema);
        if !types.is_empty() && !types.iter().any(|name| is_of_type(&value, name)) {
            value = self.fit_type(value, schema, &types, path);
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Value::Array(branches)) = schema.get(keyword) {
                value = self.fit_alternative(value, branches, path);
            }
        }
        for branch in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            value = self.fit(value, branch, path);
        }
        match value {
            Value::Object(members) => Value::Object(self.fit_members(members, schema, path)),
            Value::Array(items) => Value::Array(self.fit_items(items, schema, path)),
            scalar => scalar,
        }
    }

    fn fit_option(&mut self, value: Value, schema: &Map<String, Value>, path: &str) -> Value {
        let only = schema.get("const").map(std::slice::from_ref);
        let Some(options) = schema.get("enum").and_then(Value::as_array).map(Vec::as_slice).or(only) else {
            return value;
        };
        if options.contains(&value) {
            return value;
        }
        match convert::option(&value, options) {
            Some(option) => {
                self.note(path, ChangeKind::Matched);
                option.clone()
            }
            None => value,
        }
    }

    fn fit_type(
        &mut self,
        value: Value,
        schema: &'s Map<String, Value>,
        types: &[&str],
        path: &str,
    ) -> Value {
        for wanted in types {
            if let Some((converted, name)) = convert::scalar(&value, wanted) {
                self.note(path, ChangeKind::Converted(name));
                return converted;
            }
        }
        let wants = |name: &str| types.contains(&name);
        if let Value::String(text) = &value
            && (wants("object") || wants("array"))
        {
            match lenient::parse_whole(text) {
                Ok(read) if types.iter().any(|name| is_of_type(&read, name)) => {
                    self.note(path, ChangeKind::Parsed);
                    return read;
                }
                // JSON that is cut or broken is not the text that was meant: it must not be wrapped.
                Err(_) if begins_like_json(text, wants("array")) => return value,
                _ => {}
            }
        }
        match value {
            Value::Array(mut items) if items.len() == 1 && !wants("array") => {
                self.note(path, ChangeKind::Unwrapped);
                let only = items.pop().unwrap_or_default();
                if types.iter().any(|name| is_of_type(&only, name)) {
                    return only;
                }
                self.fit_type(only, schema, types, path)
            }
            Value::Null => Value::Null,
            value if wants("array") => {
                self.note(path, ChangeKind::Wrapped);
                Value::Array(vec![value])
            }
            value if wants("object") => match only_required(schema) {
                Some(name) => {
                    self.note(path, ChangeKind::Wrapped);
                    Value::Object(Map::from_iter([(name.to_owned(), value)]))
                }
                None => value,
            },
            value => value,
        }
    }

    /// The first alternative which the value fits as it is, else the first which it can be made to fit.
    fn fit_alternative(&mut self, value: Value, branches: &'s [Value], path: &str) -> Value {
        if branches.iter().any(|branch| self.accepts(&value, branch, 0)) {
            return value;
        }
        for branch in branches {
            let noted = self.changes.len();
            let fitted = self.fit(value.clone(), branch, path);
            if self.accepts(&fitted, branch, 0) {
                return fitted;
            }
            self.changes.truncate(noted);
        }
        value
    }

    fn fit_members(
        &mut self,
        members: Map<String, Value>,
        schema: &'s Map<String, Value>,
        path: &str,
    ) -> Map<String, Value> {
        let Some(Value::Object(properties)) = schema.get("properties") else {
            return self.fit_others(members, schema, path);
        };
        let required: Vec<&str> = names(schema.get("required"));
        let members = self.unwrap_members(members, properties, &required, path);
        let mut out = Map::new();
        for (name, value) in &members {
            let mut name = name.as_str();
            if !properties.contains_key(name)
                && let Some(meant) = respelled(name, properties, &members, &out)
            {
                self.note(&child(path, meant), ChangeKind::Renamed(name.to_owned()));
                name = meant;
            }
            let here = child(path, name);
            let Some(property) = properties.get(name) else {
                let value = match schema.get("additionalProperties") {
                    Some(other) => self.fit(value.clone(), other, &here),
                    None => value.clone(),
                };
                out.insert(name.to_owned(), value);
                continue;
            };
            if value.is_null() && !required.contains(&name) && !self.accepts(value, property, 0) {
                self.note(&here, ChangeKind::Dropped);
                continue;
            }
            let value = self.fit(value.clone(), property, &here);
            out.insert(name.to_owned(), value);
        }
        for name in required {
            let Some(property) = properties.get(name).map(|property| self.resolve(property)) else {
                continue;
            };
            if !out.contains_key(name)
                && let Some(value) = property.get("const").or_else(|| property.get("default"))
            {
                self.note(&child(path, name), ChangeKind::Filled);
                out.insert(name.to_owned(), value.clone());
            }
        }
        out
    }

    /// An object around the wanted one, as in `{"arguments": {…}}`, is taken off.
    fn unwrap_members(
        &mut self,
        members: Map<String, Value>,
        properties: &Map<String, Value>,
        required: &[&str],
        path: &str,
    ) -> Map<String, Value> {
        if members.len() == 1
            && let Some((name, Value::Object(inner))) = members.iter().next()
            && !properties.contains_key(name)
            && respelled(name, properties, &members, &Map::new()).is_none()
            && !required.is_empty()
            && required.iter().all(|name| inner.contains_key(*name))
        {
            self.note(path, ChangeKind::Unwrapped);
            return inner.clone();
        }
        members
    }

    /// Members of an object without named properties.
    fn fit_others(
        &mut self,
        members: Map<String, Value>,
        schema: &'s Map<String, Value>,
        path: &str,
    ) -> Map<String, Value> {
        let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) else {
            return members;
        };
        members
            .into_iter()
            .map(|(name, value)| {
                let here = child(path, &name);
                let value = self.fit(value, values, &here);
                (name, value)
            })
            .collect()
    }

    fn fit_items(&mut self, items: Vec<Value>, schema: &'s Map<String, Value>, path: &str) -> Vec<Value> {
        let places = schema.get("prefixItems").and_then(Value::as_array);
        items
            .into_iter()
            .enumerate()
            .map(|(index, item)| {
                let of_place = places.and_then(|places| places.get(index));
                match of_place.or_else(|| schema.get("items")) {
                    Some(wanted) => self.fit(item, wanted, &format!("{path}/{index}")),
                    None => item,
                }
            })
            .collect()
    }

    /// Whether `value` looks right for `schema`: types, options, required properties. The whole is validated in
    /// the end.
    fn accepts(&self, value: &Value, schema: &'s Value, depth: usize) -> bool {
        let schema = match self.resolve(schema) {
            Value::Bool(accepts) => return *accepts,
            Value::Object(schema) if depth < MAX_DEPTH && !self.is_tired() => schema,
            _ => return true,
        };
        let types = types(schema);
        let in_type = types.is_empty() || types.iter().any(|name| is_of_type(value, name));
        let in_options =
            schema.get("enum").and_then(Value::as_array).is_none_or(|options| options.contains(value));
        let in_const = schema.get("const").is_none_or(|only| only == value);
        let in_branch = ["anyOf", "oneOf"].iter().all(|keyword| {
            let branches = schema.get(*keyword).and_then(Value::as_array);
            branches
                .is_none_or(|branches| branches.iter().any(|branch| self.accepts(value, branch, depth + 1)))
        });
        in_type && in_options && in_const && in_branch && self.accepts_inside(value, schema, depth)
    }

    fn accepts_inside(&self, value: &Value, schema: &'s Map<String, Value>, depth: usize) -> bool {
        match value {
            Value::Object(members) => {
                let properties = schema.get("properties").and_then(Value::as_object);
                let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
                names(schema.get("required")).iter().all(|name| members.contains_key(*name))
                    && members.iter().all(|(name, value)| {
                        match properties.and_then(|properties| properties.get(name)) {
                            Some(property) => self.accepts(value, property, depth + 1),
                            None => !closed,
                        }
                    })
            }
            Value::Array(items) => match schema.get("items") {
                Some(wanted) => items.iter().all(|item| self.accepts(item, wanted, depth + 1)),
                None => true,
            },
            _ => true,
        }
    }
}

/// The property that `name` means by another spelling, if it is the only one and not there itself.
fn respelled<'p>(
    name: &str,
    properties: &'p Map<String, Value>,
    members: &Map<String, Value>,
    done: &Map<String, Value>,
) -> Option<&'p str> {
    let plain = convert::plain(name);
    let mut meant = properties.keys().filter(|known| convert::plain(known) == plain);
    let only = meant.next()?;
    let free = meant.next().is_none() && !members.contains_key(only) && !done.contains_key(only);
    free.then_some(only.as_str())
}

/// Whether the text begins like a wanted array or object, or like an object that would be an item.
fn begins_like_json(text: &str, wants_array: bool) -> bool {
    let text = text.trim_start();
    text.starts_with('{') || (wants_array && text.starts_with('['))
}

fn only_required(schema: &Map<String, Value>) -> Option<&str> {
    match names(schema.get("required")).as_slice() {
        [only] => Some(only),
        _ => None,
    }
}

fn names(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The types a schema names, or the one its keywords imply.
fn types(schema: &Map<String, Value>) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(names @ Value::Array(_)) => self::names(Some(names)),
        _ => Vec::new(),
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

fn child(path: &str, name: &str) -> String {
    format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"))
}
