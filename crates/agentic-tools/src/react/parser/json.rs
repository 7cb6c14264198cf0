//! How JSON is read.

use agentic_schema::lenient::{self, RepairKind};
use serde_json::Value;

/// The usual reader: lenient about notation (quotes, commas, literals, comments), strict about content. Text that stops in
/// the middle is an error, for half an argument must never be taken for a whole one.
///
/// Only objects are mended: in square brackets a model also writes plain text.
pub(super) fn read_lenient(text: &str) -> Result<Value, String> {
    if !text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    let parsed =
        lenient::parse_with(text, &lenient::Options::document()).map_err(|error| error.to_string())?;
    let guessed = parsed.repairs.iter().find(|repair| {
        !matches!(
            repair.kind,
            RepairKind::Comment
                | RepairKind::OddSpace
                | RepairKind::OddQuotes
                | RepairKind::UnquotedString
                | RepairKind::UnescapedQuote
                | RepairKind::RawControl
                | RepairKind::BadEscape
                | RepairKind::JoinedStrings
                | RepairKind::MissingComma
                | RepairKind::ExtraComma
                | RepairKind::ForeignLiteral
                | RepairKind::Tuple
        )
    });
    match guessed {
        Some(repair) => Err(repair.to_string()),
        None => Ok(parsed.value),
    }
}
