//! Fits a value to a schema where the intent is plain.
//!
//! Models write `"5"` where 5 is wanted, one item where a list is wanted, JSON inside a string, a property in
//! another spelling. [`repair`] mends such things and reports each change. It never touches a valid value, and
//! returns a value only if it is valid.
//!
//! ```
//! use agentic_schema::{Schema, repair};
//! use serde_json::json;
//!
//! let schema = Schema::compile(&json!({
//!     "type": "object",
//!     "properties": {"max_days": {"type": "integer"}, "units": {"type": "array", "items": {"enum": ["Celsius", "Kelvin"]}}},
//!     "required": ["max_days"],
//! }))?;
//! let repaired = repair(&json!({"maxDays": "5", "units": "kelvin"}), &schema)?;
//! assert_eq!(repaired.value, json!({"max_days": 5, "units": ["Kelvin"]}));
//! assert_eq!(repaired.changes.len(), 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod convert;
mod fit;
#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::Value;

use crate::{Invalid, Schema};

/// A valid value and what was changed to make it so.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Repaired {
    /// The value; valid.
    pub value: Value,
    /// The changes, outermost first; empty if the value was valid.
    pub changes: Vec<Change>,
}

/// One change to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// JSON pointer to the place, in the repaired value.
    pub path: String,
    /// What was done.
    pub kind: ChangeKind,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.path.is_empty() { "the top" } else { &self.path };
        write!(f, "at {place}: {}", self.kind)
    }
}

/// What was done to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeKind {
    /// A scalar was converted to this type.
    Converted(&'static str),
    /// JSON inside a string was read.
    Parsed,
    /// The value was wrapped into an array or into an object's only required property.
    Wrapped,
    /// The value was taken out of an array of one item, or out of an object around the wanted one.
    Unwrapped,
    /// The option of an enumeration was found in spite of its spelling.
    Matched,
    /// The property was spelled this way.
    Renamed(String),
    /// A `null` for an optional property was left out.
    Dropped,
    /// A missing property got its only possible or its default value.
    Filled,
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Converted(name) => write!(f, "converted to {name}"),
            Self::Parsed => f.write_str("read JSON from a string"),
            Self::Wrapped => f.write_str("wrapped"),
            Self::Unwrapped => f.write_str("unwrapped"),
            Self::Matched => f.write_str("matched an option in spite of its spelling"),
            Self::Renamed(from) => write!(f, "renamed from {from:?}"),
            Self::Dropped => f.write_str("left out null"),
            Self::Filled => f.write_str("filled in the default"),
        }
    }
}

/// Makes `value` valid, if that is plainly possible.
///
/// # Errors
/// [`Invalid`] with what remains wrong after all that could be mended, so that a model can be asked to write it
/// anew.
pub fn repair(value: &Value, schema: &Schema) -> Result<Repaired, Invalid> {
    let Err(invalid) = schema.validate(value) else {
        return Ok(Repaired { value: value.clone(), changes: Vec::new() });
    };
    let mut fitter = fit::Fitter::new(schema.as_value());
    let fitted = fitter.fit(value.clone(), schema.as_value(), "");
    match schema.validate(&fitted) {
        Ok(()) => Ok(Repaired { value: fitted, changes: fitter.changes() }),
        Err(remaining) if remaining.violations.len() <= invalid.violations.len() => Err(remaining),
        Err(_) => Err(invalid),
    }
}
