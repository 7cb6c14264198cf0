//! Reads the input of an action.

use serde_json::Value;

use super::{ActionInput, ReadJson};

/// Reads the text behind `Action Input:`, or an argument.
pub(super) fn read(text: &str, read: ReadJson) -> ActionInput {
    let text = without_fences(text);
    // Bold that was not closed at the label.
    let bare = behind_fence(text).trim_start_matches('*').trim_start();
    let json = if bare.starts_with(['{', '[']) { bare } else { text };
    if json.starts_with(['{', '[']) {
        if let Ok(value) = read(json) {
            return ActionInput::Json(value);
        }
        // JSON with chatter on later lines, or behind a fence.
        let (end, complete) = balanced(json, |_| false);
        let line_ends = || json[end..].trim_start_matches([' ', '\t']).starts_with(['\n', '\r']);
        if complete
            && (json.starts_with('{') || line_ends())
            && let Ok(value) = read(&json[..end])
        {
            return ActionInput::Json(value);
        }
        return ActionInput::Text(text.to_owned());
    }
    ActionInput::Text(unquoted(text, read))
}

/// The value of an `action_input` in JSON.
pub(super) fn of_value(value: Value) -> ActionInput {
    match value {
        Value::Object(_) | Value::Array(_) => ActionInput::Json(value),
        Value::String(text) => ActionInput::Text(text),
        Value::Null => ActionInput::Text(String::new()),
        other => ActionInput::Text(other.to_string()),
    }
}

/// Takes away quotes around the whole text; a quote that stands alone at the beginning is taken away, too.
fn unquoted(text: &str, read: ReadJson) -> String {
    for quote in ['"', '\'', '`'] {
        let Some(inner) = text.strip_prefix(quote) else { continue };
        if quote == '"'
            && let Ok(Value::String(whole)) = read(text)
        {
            return whole;
        }
        match inner.strip_suffix(quote) {
            Some(whole) if !whole.contains(quote) => return whole.to_owned(),
            None if !inner.contains(quote) => return inner.to_owned(),
            _ => {}
        }
    }
    text.to_owned()
}

/// How far the brackets at the beginning of `text` reach, and whether they are closed. Gives up before a line, outside strings, for
/// which `stop` holds.
pub(super) fn balanced(text: &str, stop: impl Fn(&str) -> bool) -> (usize, bool) {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ if in_string => {}
            '{' | '[' => depth += 1,
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return (at + 1, true);
                }
            }
            '\n' => {
                let line = &text[at + 1..];
                if stop(&line[..line.find('\n').unwrap_or(line.len())]) {
                    return (at, false);
                }
            }
            _ => {}
        }
    }
    (text.len(), false)
}

fn is_fence(line: &str) -> bool {
    line.trim().strip_prefix("```").is_some_and(|info| info.len() <= 32 && !info.contains('`'))
}

/// Takes away the last line if it is a code fence that belongs to nothing in the text, or the first.
pub(super) fn without_loose_fence(text: &str) -> &str {
    let text = text.trim();
    if text.lines().filter(|line| is_fence(line)).count() % 2 == 0 {
        return text;
    }
    let (head, last) = text.rsplit_once('\n').unwrap_or(("", text));
    if is_fence(last) {
        return head.trim();
    }
    match text.split_once('\n') {
        Some((first, rest)) if is_fence(first) => rest.trim(),
        _ => text,
    }
}

/// Takes away a loose code fence, and one around the whole text.
pub(super) fn without_fences(text: &str) -> &str {
    let text = without_loose_fence(text);
    let Some((first, rest)) = text.split_once('\n') else {
        return inline_fence(text);
    };
    match rest.rsplit_once('\n').map_or(("", rest), |split| split) {
        (inner, last) if is_fence(first) && is_fence(last) && !inner.lines().any(is_fence) => inner.trim(),
        _ => text,
    }
}

/// The text behind the first line if that is a code fence.
pub(super) fn behind_fence(text: &str) -> &str {
    match text.split_once('\n') {
        Some((first, rest)) if is_fence(first) => rest.trim_start(),
        _ => text,
    }
}

/// "```x```" on one line.
fn inline_fence(text: &str) -> &str {
    let inner = text.strip_prefix("```").and_then(|inner| inner.strip_suffix("```"));
    inner.map_or(text, |inner| inner.strip_prefix("json").unwrap_or(inner).trim())
}
