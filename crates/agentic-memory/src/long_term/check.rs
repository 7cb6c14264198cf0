//! What can be kept, and asked for, at all.

use agentic_core::{MemoryEntry, MemoryError};
use serde_json::Value;

use super::MAX_CONTENT;

/// An entry's metadata may be nested so deep; what reads them again has a limit too.
const MAX_DEPTH: usize = 64;

pub(crate) const NO_TENANT: &str = "the scope has no tenant; say whose memory it is";

fn is_deeper(value: &Value, most: usize) -> bool {
    let deeper = |value: &Value| most == 0 || is_deeper(value, most - 1);
    match value {
        Value::Array(values) => values.iter().any(deeper),
        Value::Object(values) => values.values().any(deeper),
        _ => false,
    }
}

/// Nothing can be found by an empty text.
pub(crate) fn asked(text: &str) -> Result<(), MemoryError> {
    let message = "the query is empty; say what to look for, or ask for what is recent";
    if text.trim().is_empty() { Err(MemoryError::invalid(message)) } else { Ok(()) }
}

/// Whether an entry can be kept at all.
pub(crate) fn check(entry: &MemoryEntry) -> Result<(), MemoryError> {
    let bytes = entry.content.len();
    let wrong = match () {
        () if entry.content.trim().is_empty() => "the entry is empty; say what to remember".to_owned(),
        () if bytes > MAX_CONTENT => {
            format!("the entry has {bytes} bytes, more than {MAX_CONTENT}; split it or summarise it")
        }
        () if !(0.0..=1.0).contains(&entry.importance) => {
            format!("an importance of {} is not from 0 to 1", entry.importance)
        }
        () if entry.scope.tenant.is_empty() => NO_TENANT.to_owned(),
        () if entry.metadata.values().any(|value| is_deeper(value, MAX_DEPTH)) => {
            format!("its metadata are nested more than {MAX_DEPTH} deep; flatten them")
        }
        () => return Ok(()),
    };
    Err(MemoryError::invalid(wrong))
}
