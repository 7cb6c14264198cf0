use serde_json::json;

use super::*;

const DOCUMENT: &str =
    r#" {"a": [1, -2.5e-3, true, null, "x\u00e9\ud83d\ude00\n", {}], "b": {"c": [[], false]}, "": "" } "#;

#[test]
fn every_prefix_is_read_or_wants_more_and_the_last_is_the_document() {
    for document in [DOCUMENT, "[]", "12", "-0.5", "\"a\\\\\"", "null", "[[[[1]]]]", "{\"k\":1e9}"] {
        for allow in
            [Allow::ALL, Allow::NONE, Allow::ALL.without(Allow::NUMBERS), Allow::OBJECTS | Allow::STRINGS]
        {
            for end in (0..document.len()).filter(|end| document.is_char_boundary(*end)) {
                let read = parse_partial_with(&document[..end], allow);
                assert!(
                    matches!(read, Ok(_) | Err(PartialError::Incomplete)),
                    "{}: {read:?}",
                    &document[..end]
                );
            }
            let partial = parse_partial_with(document, allow).unwrap();
            assert!(partial.complete);
            assert_eq!(partial.value, serde_json::from_str::<Value>(document).unwrap());
        }
    }
}

#[test]
fn nothing_shown_is_taken_back() {
    let mut longest = String::new();
    for end in 1..=r#"{"text": "one two"#.len() {
        if let Ok(partial) = parse_partial(&r#"{"text": "one two"#[..end]) {
            let text = partial.value["text"].as_str().unwrap_or("").to_owned();
            assert!(text.starts_with(&longest));
            longest = text;
        }
    }
    assert_eq!(longest, "one two");
}

#[test]
fn unfinished_parts_follow_the_mode() {
    let read = |text, allow| parse_partial_with(text, allow).map(|partial| partial.value);
    assert_eq!(read("[1, 23", Allow::ALL), Ok(json!([1, 23])));
    assert_eq!(read("[1, 23", Allow::ARRAYS), Ok(json!([1])));
    assert_eq!(read("[1, -", Allow::ALL), Ok(json!([1])));
    assert_eq!(read("{\"a\": 1, \"b", Allow::ALL), Ok(json!({"a": 1})));
    assert_eq!(read("{\"a\": 1, \"b\":", Allow::ALL), Ok(json!({"a": 1})));
    assert_eq!(read("{\"a\": \"x\\u00", Allow::ALL), Ok(json!({"a": "x"})));
    assert_eq!(read("{\"a\": \"x", Allow::OBJECTS), Ok(json!({})));
    assert_eq!(read("{\"a\": [\"x", Allow::OBJECTS), Ok(json!({})));
    assert_eq!(read("[tr", Allow::ALL), Ok(json!([true])));
    assert_eq!(read("[tr", Allow::ARRAYS), Ok(json!([])));
    assert_eq!(read("", Allow::ALL), Err(PartialError::Incomplete));
}

#[test]
fn what_is_no_json_is_malformed() {
    for (text, at) in [
        ("{a", 1),
        ("[1 2", 3),
        ("[,", 1),
        ("[1,]", 3),
        ("trux", 3),
        ("\"\n", 1),
        ("[1]x", 3),
        ("01", 1),
        ("[1.]", 3),
    ] {
        assert_eq!(parse_partial(text), Err(PartialError::Malformed { at }), "{text}");
    }
}

#[test]
fn depth_is_limited() {
    assert_eq!(parse_partial(&"[".repeat(1 << 20)), Err(PartialError::TooDeep { limit: 512, at: 512 }));
}
