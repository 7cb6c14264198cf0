//! Lenient and partial JSON: never a panic, valid input unchanged, every prefix consistent.
#![no_main]

use agentic_schema::lenient::{self, LenientError, Options, RepairKind};
use agentic_schema::partial::{self, Allow, PartialError};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let strict = serde_json::from_str::<Value>(text);
    let lenient = lenient::parse_with_repairs(text);
    match (&strict, &lenient) {
        (Ok(value), Ok(parsed)) => {
            assert_eq!(&parsed.value, value, "valid input was changed");
            assert!(parsed.repairs.is_empty());
        }
        (Ok(_), Err(error)) => panic!("valid input was refused: {error}"),
        (Err(_), Ok(parsed)) => {
            // What was read is JSON, and reading it again changes nothing.
            let written = parsed.value.to_string();
            let again = lenient::parse_with_repairs(&written).expect("what was written is JSON");
            assert_eq!(again.value, parsed.value);
            for repair in &parsed.repairs {
                assert!(repair.at <= text.len() && !repair.to_string().is_empty());
            }
            let silent = parsed.repairs.is_empty() && !text.contains(['[', '{', 'e', 'E', '.']);
            assert!(!silent, "read without a repair what is not JSON");
        }
        (
            Err(_),
            Err(LenientError::Empty | LenientError::TooDeep { .. } | LenientError::Unexpected { .. }),
        ) => {}
        (Err(_), Err(error)) => panic!("a reply was refused as a document: {error}"),
    }
    if let Ok(parsed) = lenient::parse_with(text, &Options::document()) {
        assert!(!parsed.repairs.iter().any(|repair| repair.kind == RepairKind::TextAfter));
    }
    partial_is_consistent(text, strict.ok());
});

/// A document is read to its end, its prefixes want more; nothing that is shown as complete is no document.
fn partial_is_consistent(text: &str, strict: Option<Value>) {
    let read = partial::parse_partial(text);
    if let Ok(partial) = &read
        && partial.complete
    {
        assert_eq!(Some(&partial.value), strict.as_ref());
    }
    let Some(value) = strict else { return };
    assert_eq!(read.expect("a document is read").value, value);
    let cuts = text.char_indices().map(|(at, _)| at);
    for cut in cuts.step_by(1 + text.len() / 64) {
        for allow in [Allow::ALL, Allow::NONE, Allow::OBJECTS | Allow::STRINGS] {
            let read = partial::parse_partial_with(&text[..cut], allow);
            assert!(matches!(read, Ok(_) | Err(PartialError::Incomplete)), "{read:?} after {cut} bytes");
        }
        let _ = lenient::parse(&text[..cut]);
    }
}
