//! How JSON is read.

use agentic_schema::lenient;
use serde_json::Value;

/// The usual reader: lenient about notation (quotes, commas, literals, comments), strict about content. Text that stops in
/// the middle is an error, for half an argument must never be taken for a whole one.
///
/// Only objects are mended: in square brackets a model also writes plain text.
pub(super) fn read_lenient(text: &str) -> Result<Value, String> {
    if !text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    lenient::parse_whole(text).map_err(|error| error.to_string())
}
