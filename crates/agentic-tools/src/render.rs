//! A tool's result as the model gets to read it.

use serde_json::Value;

/// A result as text, at most `limit` bytes of it, and how many bytes were cut off.
///
/// Text is shown as it is, anything else as JSON. What was cut is named, so that a model knows to ask for less.
pub(crate) fn render(value: Value, limit: usize) -> (String, u64) {
    let mut text = match value {
        Value::String(text) => text,
        Value::Null => "done".into(),
        other => other.to_string(),
    };
    if text.len() <= limit {
        return (text, 0);
    }
    let all = text.len();
    text.truncate(text.floor_char_boundary(limit));
    let cut = all - text.len();
    text.push_str(&format!("\n[cut: {cut} of {all} bytes are not shown; ask for a smaller part]"));
    (text, cut as u64)
}

#[cfg(test)]
mod tests {
    use super::render;
    use serde_json::json;

    #[test]
    fn says_what_was_cut_and_keeps_characters_whole() {
        assert_eq!(render(json!("short"), 5), ("short".into(), 0));
        let (text, cut) = render(json!("aäb"), 2);
        assert_eq!((text.as_str(), cut), ("a\n[cut: 3 of 4 bytes are not shown; ask for a smaller part]", 3));
        assert_eq!(render(json!({"a": [1]}), 100).0, r#"{"a":[1]}"#);
    }
}
