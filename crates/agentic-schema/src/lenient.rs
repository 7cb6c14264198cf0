//! A tolerant JSON parser for text that a language model wrote.
//!
//! [`parse`] first reads the text as strict JSON, so valid input is never changed. Otherwise a recovering
//! parser mends what models, people and logs usually break: fences and prose around the value, quotes of
//! any kind or none, missing or superfluous commas, colons and closers, comments, literals of Python and
//! JavaScript, concatenated and doubly escaped strings, call wrappers, newline-delimited values, and text
//! that stops in the middle. Every deviation is reported as a [`Repair`].
//!
//! The parser keeps its own stack, limits the depth ([`Options::max_depth`]) and bounds all look-ahead by a
//! budget proportional to the input, so its time is linear in the length of the text, whatever it holds.
//!
//! ```
//! use agentic_schema::lenient;
//! use serde_json::json;
//!
//! let reply = "Here you are:\n```json\n{name: 'Ada', tags: [\"maths\", \"poetry\",], born: 1815\n```";
//! assert_eq!(lenient::parse(reply)?, json!({"name": "Ada", "tags": ["maths", "poetry"], "born": 1815}));
//! # Ok::<(), lenient::LenientError>(())
//! ```

mod chars;
mod cursor;
mod envelope;
mod machine;
mod report;
mod scalar;
mod string;
#[cfg(test)]
mod tests;

use serde_json::Value;

use self::machine::Machine;
pub use self::report::{Repair, RepairKind};

/// How [`parse_with`] reads a text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Whether the text may be a reply: a value with prose, reasoning tags or fences around it (default
    /// `true`). With `false` the text must be one document (or a list of documents separated by commas or
    /// newlines); whatever cannot belong to it is an error.
    pub prose: bool,
    /// The deepest nesting of arrays and objects that is read (default 512). It also bounds the stack that
    /// dropping, comparing or printing the value needs.
    pub max_depth: usize,
}

impl Options {
    /// For a model's reply: the value may stand anywhere in the text.
    #[must_use]
    pub fn reply() -> Self {
        Self { prose: true, max_depth: 512 }
    }

    /// For a text that is meant to be JSON and nothing else.
    #[must_use]
    pub fn document() -> Self {
        Self { prose: false, ..Self::reply() }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::reply()
    }
}

/// A value and what had to be mended to read it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Parsed {
    /// The value.
    pub value: Value,
    /// What deviated from JSON, in the order of the text; empty if the text was valid JSON.
    pub repairs: Vec<Repair>,
}

/// Why a text could not be read as JSON, even leniently.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LenientError {
    /// The text is empty or holds only white space and comments.
    #[error("no JSON value in the text: it is empty; write one JSON value")]
    Empty,
    /// Arrays or objects are nested deeper than [`Options::max_depth`].
    #[error("JSON nested deeper than {limit} levels at byte {at}; flatten it")]
    TooDeep {
        /// The limit that was reached.
        limit: usize,
        /// Byte offset of the bracket that went too deep.
        at: usize,
    },
    /// A character that cannot belong to a value stands where one is expected, or text follows the value of
    /// a document.
    #[error("unexpected {found:?} at byte {at} of the JSON; remove it or quote it")]
    Unexpected {
        /// The character.
        found: char,
        /// Its byte offset.
        at: usize,
    },
    /// An object key of a document has no value.
    #[error("the object key ending at byte {at} has no colon and no value; add both")]
    ColonExpected {
        /// Byte offset after the key.
        at: usize,
    },
    /// A `\u` escape of a document is not followed by four hexadecimal digits.
    #[error("invalid \\u escape at byte {at}; write four hexadecimal digits")]
    InvalidEscape {
        /// Byte offset of the backslash.
        at: usize,
    },
    /// Reading the text would take a guess at its content; only [`parse_whole`] refuses it for that.
    #[error("not whole JSON: {0}; write the whole value")]
    Guess(Repair),
}

/// Reads the JSON value in a model's reply; see the [module](self) for what is tolerated.
///
/// Numbers become what `serde_json` makes of them: exact within `i64` and `u64`, else the nearest `f64`.
///
/// # Errors
/// [`LenientError::Empty`] if there is no value, [`LenientError::TooDeep`] beyond 512 levels. A reply without
/// any bracket or quote is a string: prose is returned as it stands, reported as [`RepairKind::UnquotedString`].
pub fn parse(text: &str) -> Result<Value, LenientError> {
    parse_with(text, &Options::reply()).map(|parsed| parsed.value)
}

/// Like [`parse`], with the list of what was repaired.
///
/// # Errors
/// As [`parse`].
pub fn parse_with_repairs(text: &str) -> Result<Parsed, LenientError> {
    parse_with(text, &Options::reply())
}

/// Reads a text that is meant to be JSON and nothing else: lenient about notation, strict about content. For what is
/// acted upon, as half an argument must never be taken for a whole one.
///
/// # Errors
/// As [`parse_with`] with [`Options::document`]; [`LenientError::Guess`] with the first repair that is not
/// [notation](RepairKind::is_notation).
pub fn parse_whole(text: &str) -> Result<Value, LenientError> {
    let parsed = parse_with(text, &Options::document())?;
    match parsed.repairs.into_iter().find(|repair| !repair.kind.is_notation()) {
        Some(guess) => Err(LenientError::Guess(guess)),
        None => Ok(parsed.value),
    }
}

/// Reads a JSON value as `options` say.
///
/// # Errors
/// As [`parse`]; with [`Options::document`] also [`LenientError::Unexpected`],
/// [`LenientError::ColonExpected`] and [`LenientError::InvalidEscape`].
pub fn parse_with(text: &str, options: &Options) -> Result<Parsed, LenientError> {
    if options.max_depth >= STRICT_DEPTH
        && let Ok(value) = serde_json::from_str(text)
    {
        return Ok(Parsed { value, repairs: Vec::new() });
    }
    if options.prose { envelope::read(text, options) } else { Machine::new(text, 0, options).document() }
}

/// `serde_json` refuses deeper input by itself.
const STRICT_DEPTH: usize = 128;
