//! Reads JSON that is still being written.
//!
//! [`parse_partial`] gives what a prefix of a document says so far, for example the arguments of a tool call
//! while they stream. The grammar is that of JSON, nothing is guessed: a text that cannot be the beginning of a
//! document is [`PartialError::Malformed`] (then [`crate::lenient`] may still read it when it is whole).
//!
//! ```
//! use agentic_schema::partial::parse_partial;
//! use serde_json::json;
//!
//! let partial = parse_partial(r#"{"city": "Os"#)?;
//! assert_eq!((partial.value, partial.complete), (json!({"city": "Os"}), false));
//! let partial = parse_partial(r#"{"city": "Oslo"}"#)?;
//! assert_eq!((partial.value, partial.complete), (json!({"city": "Oslo"}), true));
//! # Ok::<(), agentic_schema::partial::PartialError>(())
//! ```

mod reader;
#[cfg(test)]
mod tests;

use std::ops::BitOr;

use serde_json::Value;

/// What a document says so far.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Partial {
    /// The value; unfinished parts are cut short or left out, as [`Allow`] says.
    pub value: Value,
    /// Whether the text is a whole document (which more digits may still change, if it is a bare number).
    pub complete: bool,
}

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartialError {
    /// Nothing that may be shown has arrived yet: wait for more text.
    #[error("the JSON text has no value yet; wait for more")]
    Incomplete,
    /// The text is no beginning of a JSON document.
    #[error("malformed JSON at byte {at}; read the whole text leniently when it has ended")]
    Malformed {
        /// Byte offset of the first character that does not fit.
        at: usize,
    },
    /// The text is nested too deep.
    #[error("JSON nested deeper than {limit} levels at byte {at}; flatten it")]
    TooDeep {
        /// The limit that was reached.
        limit: usize,
        /// Byte offset of the bracket that went too deep.
        at: usize,
    },
}

/// Which kinds of values may be shown unfinished; an unfinished value of another kind is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allow(u8);

impl Allow {
    /// Nothing unfinished: only a whole document is read.
    pub const NONE: Self = Self(0);
    /// Strings without their end.
    pub const STRINGS: Self = Self(1);
    /// Numbers that may get more digits.
    pub const NUMBERS: Self = Self(2);
    /// Arrays that are still open.
    pub const ARRAYS: Self = Self(4);
    /// Objects that are still open.
    pub const OBJECTS: Self = Self(8);
    /// `null` from its first letter on.
    pub const NULL: Self = Self(16);
    /// `true` and `false` from their first letter on.
    pub const BOOLEANS: Self = Self(32);
    /// Everything.
    pub const ALL: Self = Self(63);

    /// Whether all of `other` is allowed.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// All that is allowed here but not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl BitOr for Allow {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Reads a prefix of a JSON document, unfinished parts of every kind included.
///
/// Takes time linear in the length of the text, each time anew.
///
/// # Errors
/// [`PartialError::Incomplete`] if no value has begun, [`PartialError::Malformed`] if the text is no beginning
/// of a document, [`PartialError::TooDeep`] beyond 512 levels.
pub fn parse_partial(text: &str) -> Result<Partial, PartialError> {
    parse_partial_with(text, Allow::ALL)
}

/// As [`parse_partial`], with unfinished parts only of the kinds that `allow` names.
///
/// # Errors
/// As [`parse_partial`]; [`PartialError::Incomplete`] also if the outermost value may not be shown unfinished.
pub fn parse_partial_with(text: &str, allow: Allow) -> Result<Partial, PartialError> {
    reader::Reader::new(text, allow).read()
}
