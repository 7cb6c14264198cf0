//! Converts a parameter written as plain text into a JSON value, directed by the tool's schema.

use std::collections::HashMap;

use serde_json::Value;

use super::json::ReadJson;

/// The JSON schemas of the tools a model was offered: which names exist and which types their parameters have.
#[derive(Debug, Clone, Default)]
pub struct ToolSchemas(HashMap<String, Value>);

impl ToolSchemas {
    /// No tools known: every name is accepted, every plain parameter is a string.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tool with the JSON schema of its arguments.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, schema: Value) -> Self {
        self.0.insert(name.into(), schema);
        self
    }

    /// Whether a call without tags may name this tool.
    pub(super) fn allows(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.contains_key(name)
    }

    /// Converts the text of one parameter.
    ///
    /// The types of the schema are tried from the narrowest to the widest: null, boolean, integer, number, array, object. A text
    /// that fits none of them stays a string, for the validation to refuse; so does every text where the schema
    /// says nothing, or says string alone.
    pub(super) fn convert(&self, tool: &str, parameter: &str, text: &str, read: ReadJson) -> Value {
        let schema = self.0.get(tool).and_then(|schema| schema.get("properties")?.get(parameter));
        let types = Types::of(schema);
        let word = text.trim();
        if types.null && word.eq_ignore_ascii_case("null") {
            return Value::Null;
        }
        if types.boolean {
            if word.eq_ignore_ascii_case("true") {
                return Value::Bool(true);
            }
            if word.eq_ignore_ascii_case("false") {
                return Value::Bool(false);
            }
        }
        if types.integer || types.number {
            if let Ok(number) = word.parse::<i64>() {
                return number.into();
            }
            if let Ok(number) = word.parse::<u64>() {
                return number.into();
            }
            if let Some(number) = word.parse::<f64>().ok().filter(|number| number.is_finite()) {
                if number.fract() == 0.0 && number.abs() < 9e15 {
                    return (number as i64).into();
                }
                if types.number {
                    return number.into();
                }
            }
        }
        let composite = (types.array && word.starts_with('[')) || (types.object && word.starts_with('{'));
        match composite.then(|| read(word)) {
            Some(Ok(value @ (Value::Array(_) | Value::Object(_)))) => value,
            _ => Value::String(text.to_owned()),
        }
    }
}

#[derive(Debug, Default)]
struct Types {
    null: bool,
    boolean: bool,
    integer: bool,
    number: bool,
    array: bool,
    object: bool,
}

impl Types {
    fn of(schema: Option<&Value>) -> Self {
        let mut types = Self::default();
        if let Some(schema) = schema {
            types.add(schema);
        }
        types
    }

    /// One level of `anyOf`/`oneOf` is followed; deeper ones and `$ref` are left to validation.
    fn add(&mut self, schema: &Value) {
        self.add_types(schema);
        for key in ["anyOf", "oneOf"] {
            for choice in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
                self.add_types(choice);
            }
        }
    }

    fn add_types(&mut self, schema: &Value) {
        match schema.get("type") {
            Some(Value::String(name)) => self.add_name(name),
            Some(Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).for_each(|name| self.add_name(name))
            }
            _ => {}
        }
    }

    fn add_name(&mut self, name: &str) {
        match name {
            "null" => self.null = true,
            "boolean" => self.boolean = true,
            "integer" => self.integer = true,
            "number" => self.number = true,
            "array" => self.array = true,
            "object" => self.object = true,
            _ => {}
        }
    }
}
