//! JSON Schema validation with messages that a model can act on.
//!
//! A [`Schema`] is compiled once and validates many values. Drafts 2020-12 (the default) and 7, and the older
//! ones when a schema's `$schema` names them. Nothing is fetched: a schema that refers to another document
//! finds it among those given with [`SchemaOptions::document`].
//!
//! ```
//! use agentic_schema::Schema;
//! use serde_json::json;
//!
//! let schema = Schema::compile(&json!({
//!     "type": "object",
//!     "properties": {"city": {"type": "string"}, "days": {"type": "integer", "maximum": 7}},
//!     "required": ["city"],
//! }))?;
//! assert!(schema.validate(&json!({"city": "Oslo", "days": 3})).is_ok());
//! let invalid = schema.validate(&json!({"days": "3"})).unwrap_err();
//! assert_eq!(
//!     invalid.to_string(),
//!     "at /city: expected string (required), found nothing; at /days: expected integer, found string \"3\""
//! );
//! # Ok::<(), agentic_schema::SchemaError>(())
//! ```

mod describe;
mod plain;
#[cfg(test)]
mod tests;
mod violation;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

pub use self::violation::{Invalid, Violation};

/// A compiled JSON Schema; cheap to clone.
#[derive(Clone)]
pub struct Schema {
    source: Arc<Value>,
    validator: Arc<jsonschema::Validator>,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Schema").field(&self.source).finish()
    }
}

impl Schema {
    /// Compiles a schema with the default [`SchemaOptions`].
    ///
    /// # Errors
    /// [`SchemaError`], which names the place in the schema.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        Self::options().compile(schema)
    }

    /// Options for compiling: draft, formats, documents it may refer to.
    #[must_use]
    pub fn options() -> SchemaOptions {
        SchemaOptions::default()
    }

    /// The schema as it was given.
    #[must_use]
    pub fn as_value(&self) -> &Value {
        &self.source
    }

    /// Whether `value` is valid; cheaper than [`Schema::validate`].
    #[must_use]
    pub fn is_valid(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }

    /// Checks `value`.
    ///
    /// # Errors
    /// [`Invalid`] with what is wrong: path, expected, found.
    pub fn validate(&self, value: &Value) -> Result<(), Invalid> {
        if self.is_valid(value) {
            return Ok(());
        }
        let mut violations = Vec::new();
        for error in self.validator.iter_errors(value) {
            describe::violations(&error, &self.source, &mut violations);
        }
        Err(Invalid::new(violations))
    }
}

/// The drafts a schema without `$schema` can be read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Draft {
    /// Draft 7.
    Draft7,
    /// Draft 2020-12.
    #[default]
    Draft202012,
}

/// How a schema is compiled.
#[derive(Debug, Clone, Default)]
pub struct SchemaOptions {
    draft: Draft,
    formats: Option<bool>,
    documents: BTreeMap<String, Value>,
}

impl SchemaOptions {
    /// The draft of a schema that does not say it with `$schema` (default 2020-12).
    #[must_use]
    pub fn draft(mut self, draft: Draft) -> Self {
        self.draft = draft;
        self
    }

    /// Whether `format` is checked; without this call as the draft says: in draft 7 it is, in 2020-12 not.
    #[must_use]
    pub fn formats(mut self, check: bool) -> Self {
        self.formats = Some(check);
        self
    }

    /// Adds a document that the schema may refer to by `uri` (absolute, without fragment).
    #[must_use]
    pub fn document(mut self, uri: impl Into<String>, schema: Value) -> Self {
        self.documents.insert(uri.into(), schema);
        self
    }

    /// Compiles `schema`. The schema is first checked against the meta-schema of its draft.
    ///
    /// # Errors
    /// [`SchemaError::Invalid`] if it is no schema, [`SchemaError::Unresolved`] if it refers to a document
    /// that was not given.
    pub fn compile(&self, schema: &Value) -> Result<Schema, SchemaError> {
        let mut options = jsonschema::options().with_retriever(Documents(self.documents.clone()));
        let mut formats = self.formats;
        if schema.get("$schema").is_none() {
            options = options.with_draft(match self.draft {
                Draft::Draft7 => jsonschema::Draft::Draft7,
                // Draft 7 knows fewer formats.
                Draft::Draft202012 if formats != Some(true) && plain::is_plain(schema) => {
                    formats = formats.or(Some(false));
                    jsonschema::Draft::Draft7
                }
                Draft::Draft202012 => jsonschema::Draft::Draft202012,
            });
        }
        if let Some(check) = formats {
            options = options.should_validate_formats(check);
        }
        let validator = options.build(schema).map_err(|error| SchemaError::new(&error))?;
        Ok(Schema { source: Arc::new(schema.clone()), validator: Arc::new(validator) })
    }
}

/// Documents in memory, the only place references lead to.
struct Documents(BTreeMap<String, Value>);

impl jsonschema::Retrieve for Documents {
    fn retrieve(
        &self,
        uri: &jsonschema::Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let uri = uri.as_str();
        let uri = uri.split_once('#').map_or(uri, |(uri, _)| uri);
        self.0.get(uri).cloned().ok_or_else(|| format!("no document was given for {uri}").into())
    }
}

/// Why a schema could not be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// It breaks the rules of its draft.
    #[error("invalid JSON Schema {}: {message}; correct the schema", violation::place(path))]
    Invalid {
        /// JSON pointer into the schema.
        path: String,
        /// What is wrong there.
        message: String,
    },
    /// It refers to something that is not there.
    #[error("unresolved reference in JSON Schema: {message}; give the document it refers to")]
    Unresolved {
        /// Which reference, and why.
        message: String,
    },
}

impl SchemaError {
    fn new(error: &jsonschema::ValidationError<'_>) -> Self {
        match error.kind() {
            ValidationErrorKind::Referencing(error) => Self::Unresolved { message: error.to_string() },
            _ => {
                let mut violations = Vec::new();
                describe::violations(error, &Value::Null, &mut violations);
                match violations.into_iter().next() {
                    Some(first) => Self::Invalid {
                        message: format!("expected {}, found {}", first.expected, first.found),
                        path: first.path,
                    },
                    None => {
                        Self::Invalid { path: error.instance_path().to_string(), message: error.to_string() }
                    }
                }
            }
        }
    }
}
