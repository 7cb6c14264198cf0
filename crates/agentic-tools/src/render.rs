//! A tool's result as the model gets to read it.

use serde_json::{Map, Value};

/// A result as text, at most `limit` bytes of it, and how many bytes were cut off.
///
/// Text is shown as it is, anything else as JSON. What was cut is named, so that a model knows to ask for less: of an object the
/// middle of long texts, so that it has all its fields, as the errors beside a long output.
pub(crate) fn render(value: Value, limit: usize) -> (String, u64) {
    let mut text = match &value {
        Value::String(text) => text.clone(),
        Value::Null => "done".into(),
        other => other.to_string(),
    };
    let all = text.len();
    if all <= limit {
        return (text, 0);
    }
    if let Some(shorter) = value.as_object().and_then(|fields| with_shorter_texts(fields, limit)) {
        let cut = all.saturating_sub(shorter.len());
        return (shorter, cut as u64);
    }
    text.truncate(text.floor_char_boundary(limit));
    let cut = all - text.len();
    text.push_str(&format!("\n[cut: {cut} of {all} bytes are not shown; ask for a smaller part]"));
    (text, cut as u64)
}

/// The object in so many bytes, if it is its own texts that are too long: each as long as may be.
fn with_shorter_texts(fields: &Map<String, Value>, limit: usize) -> Option<String> {
    const LEAST: usize = 128;
    let shorter = |most: usize| {
        let field = |(name, value): (&String, &Value)| match value {
            Value::String(text) => (name.clone(), without_middle(text, most).into()),
            other => (name.clone(), other.clone()),
        };
        Some(Value::Object(fields.iter().map(field).collect()).to_string()).filter(|text| text.len() <= limit)
    };
    let mut found = shorter(LEAST)?;
    // Letters may be escaped, so how much fits is found by halves.
    let (mut fits, mut too_long) = (LEAST, limit);
    while too_long - fits > LEAST {
        let most = fits + (too_long - fits) / 2;
        match shorter(most) {
            Some(text) => (found, fits) = (text, most),
            None => too_long = most,
        }
    }
    Some(found)
}

/// The text, of a longer one half as many bytes from its beginning and from its end each.
fn without_middle(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let (head, tail) = (text.floor_char_boundary(most / 2), text.ceil_char_boundary(text.len() - most / 2));
    format!("{}\n[cut: {} bytes are not shown]\n{}", &text[..head], tail - head, &text[tail..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn says_what_was_cut_and_keeps_characters_whole() {
        assert_eq!(render(json!("short"), 5), ("short".into(), 0));
        let (text, cut) = render(json!("aäb"), 2);
        assert_eq!((text.as_str(), cut), ("a\n[cut: 3 of 4 bytes are not shown; ask for a smaller part]", 3));
        assert_eq!(render(json!({"a": [1]}), 100).0, r#"{"a":[1]}"#);
    }

    #[test]
    fn of_an_object_no_field_is_lost_behind_a_long_one() {
        let value = json!({"exit_code": 1, "stdout": "ä\n".repeat(9_000), "stderr": "Boom"});
        let all = value.to_string().len();
        let (text, cut) = render(value, 4_096);
        let shown: Value = serde_json::from_str(&text).unwrap();
        assert!((3_700..=4_096).contains(&text.len()) && cut as usize == all - text.len(), "{}", text.len());
        assert_eq!((&shown["exit_code"], &shown["stderr"]), (&json!(1), &json!("Boom")));
        let stdout = shown["stdout"].as_str().unwrap();
        assert!(stdout.starts_with("ä\nä") && stdout.ends_with("ä\n"), "{stdout}");
        assert!(stdout.contains("bytes are not shown]"), "{stdout}");
        let (list, _) = render(json!(vec!["long"; 100]), 200);
        assert!(list.ends_with("bytes are not shown; ask for a smaller part]"), "{list}");
    }
}
