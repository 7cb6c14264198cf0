//! The arguments of a function: their schema, and taking them out of the JSON.

use std::borrow::Cow;
use std::marker::PhantomData;

use agentic_core::ToolError;
use agentic_schema::schema_for;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::schema::drop_null;

/// Writes the JSON Schema of a function's arguments.
#[derive(Debug, Default)]
pub struct ArgumentsSchema {
    properties: Map<String, Value>,
    required: Vec<Value>,
    definitions: Map<String, Value>,
}

impl ArgumentsSchema {
    /// A function without arguments.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more argument. It is required unless its type takes `null`.
    pub fn property<T: DeserializeOwned + JsonSchema>(&mut self, name: &str, description: &str) {
        let mut property = self.schema_of::<T>();
        if !drop_null(&mut property) {
            self.required.push(name.into());
        }
        self.add(name, description, property);
    }

    /// One more argument, which has this value if it is left out.
    pub fn property_or<T>(&mut self, name: &str, description: &str, default: T)
    where
        T: DeserializeOwned + JsonSchema + Serialize,
    {
        let mut property = self.schema_of::<T>();
        drop_null(&mut property);
        if let (Ok(default), Value::Object(property)) = (serde_json::to_value(default), &mut property) {
            property.insert("default".into(), default);
        }
        self.add(name, description, property);
    }

    /// The schema of a type. Only types that contain themselves have definitions; those belong to the root.
    fn schema_of<T: JsonSchema>(&mut self) -> Value {
        let mut root = schema_for::<Holder<T>>();
        if let Some(Value::Object(definitions)) = root.get_mut("$defs") {
            self.definitions.append(definitions);
        }
        root["properties"]["value"].take()
    }

    fn add(&mut self, name: &str, description: &str, mut property: Value) {
        if property == Value::Bool(true) {
            property = json!({});
        }
        if let (false, Value::Object(property)) = (description.is_empty(), &mut property) {
            property.insert("description".into(), description.into());
        }
        self.properties.insert(name.into(), property);
    }

    /// The schema: an object with nothing but these properties.
    pub fn finish(self) -> Value {
        let Self { properties, required, definitions } = self;
        let mut root = json!({ "type": "object", "properties": properties });
        if let Value::Object(root) = &mut root {
            if !required.is_empty() {
                root.insert("required".into(), required.into());
            }
            root.insert("additionalProperties".into(), false.into());
            if !definitions.is_empty() {
                root.insert("$defs".into(), definitions.into());
            }
        }
        root
    }
}

/// A type with a `T` in it: a schema within a schema refers to itself by a definition's name, and not as the root.
struct Holder<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for Holder<T> {
    fn schema_name() -> Cow<'static, str> {
        "Holder".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "properties": { "value": generator.subschema_for::<T>() } })
    }
}

/// The arguments of one call.
#[derive(Debug)]
pub struct ArgumentValues(Map<String, Value>);

impl ArgumentValues {
    /// The arguments of a call; `null` stands for none.
    ///
    /// # Errors
    /// If they are no object.
    pub fn new(arguments: Value) -> Result<Self, ToolError> {
        match arguments {
            Value::Object(values) => Ok(Self(values)),
            Value::Null => Ok(Self(Map::new())),
            other => Err(ToolError::invalid(format!("the arguments are {other}; give a JSON object"))),
        }
    }

    /// Takes an argument out.
    ///
    /// # Errors
    /// If it is missing and its type can't be without a value, or if it has another form.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, ToolError> {
        match self.0.remove(name) {
            Some(value) => decode(name, value),
            None => serde_json::from_value(Value::Null)
                .map_err(|_| ToolError::invalid(format!("the argument `{name}` is missing; add it"))),
        }
    }

    /// Takes an argument out that has this value if it is missing or `null`.
    ///
    /// # Errors
    /// If it has another form.
    pub fn take_or<T: DeserializeOwned>(
        &mut self,
        name: &str,
        default: impl FnOnce() -> T,
    ) -> Result<T, ToolError> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(default()),
            Some(value) => decode(name, value),
        }
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// If there is an argument that the function does not have.
    pub fn finish(self) -> Result<(), ToolError> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(ToolError::invalid(format!("there is no argument `{name}`; leave it out"))),
        }
    }
}

fn decode<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, ToolError> {
    serde_json::from_value(value).map_err(|error| {
        ToolError::invalid(format!("the argument `{name}` does not fit: {error}")).with_source(error)
    })
}
