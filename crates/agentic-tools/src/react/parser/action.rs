//! Reads the text of an action.

use serde_json::{Map, Value};

use super::input::{self, balanced, behind_fence, without_fences};
use super::{Action, ActionInput, ReadJson};

/// What stands behind an `Action:` label.
#[derive(Debug, PartialEq)]
pub(super) enum Read {
    /// Complete calls, at least one.
    Calls(Vec<Action>),
    /// A name whose input stands elsewhere.
    Name(String),
    /// Nothing, or a word for it.
    Nothing,
    /// Something else.
    Bad,
}

/// Names longer than this are sentences.
const MAX_NAME: usize = 128;
const NONE: [&str; 7] =
    ["none", "n/a", "na", "nothing", "no action", "no action needed", "no action required"];
const NAMES: [&str; 4] = ["action", "tool", "tool_name", "name"];
const INPUTS: [&str; 8] =
    ["action_input", "actioninput", "input", "tool_input", "arguments", "args", "parameters", "params"];

/// Reads the text behind `Action:`.
pub(super) fn read(text: &str, read: ReadJson) -> Read {
    let text = undecorated(behind_fence(without_fences(text)));
    if text.is_empty() || NONE.iter().any(|none| text.trim_end_matches('.').eq_ignore_ascii_case(none)) {
        return Read::Nothing;
    }
    if text.starts_with(['{', '[']) {
        return match json_calls(text, read) {
            Some(calls) if !calls.is_empty() => Read::Calls(calls),
            // `[name]`, copied from a description of the format.
            _ => match text.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
                Some(name) if is_name(name) => Read::Name(name.trim().to_owned()),
                _ => Read::Bad,
            },
        };
    }
    if let Some(calls) = bracket_calls(text, read) {
        return calls;
    }
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let name = undecorated(first.trim());
    if !is_name(name) {
        return Read::Bad;
    }
    // The label of the input is missing, but the input is unmistakable.
    let rest = without_fences(rest);
    if rest.starts_with('{')
        && let input @ ActionInput::Json(_) = input::read(rest, read)
    {
        return Read::Calls(vec![action(name, input)]);
    }
    Read::Name(name.to_owned())
}

/// Finds actions in a text without labels: JSON that names an action and its input, or a known tool with brackets.
/// Returns where the first begins, too.
pub(super) fn without_label(text: &str, tools: &[String], read: ReadJson) -> (usize, Vec<Action>) {
    let mut calls = Vec::new();
    let mut begins = text.len();
    let mut rest = text;
    let mut fresh = true;
    while !rest.is_empty() {
        let line_end = rest.find('\n').map_or(rest.len(), |end| end + 1);
        let line = rest[..line_end].trim();
        let mut taken = line_end;
        if fresh && line.starts_with(['{', '[']) {
            let begin = rest.len() - rest.trim_start().len();
            let (end, complete) = balanced(&rest[begin..], |_| false);
            // What is not closed here is not closed further down either.
            fresh = complete;
            if let Some(mut found) = json_calls(&rest[begin..begin + end], read) {
                calls.append(&mut found);
                taken = begin + end;
            } else if complete {
                taken = begin + end;
            }
        } else if let Some(at) = line.find(['[', '('])
            && tools.iter().any(|tool| tool == line[..at].trim_start_matches('`'))
            && let Some(Read::Calls(mut found)) = bracket_calls(undecorated(line), read)
        {
            calls.append(&mut found);
        }
        if !calls.is_empty() {
            begins = begins.min(text.len() - rest.len());
        }
        rest = &rest[taken..];
    }
    (begins, calls)
}

fn action(tool: &str, input: ActionInput) -> Action {
    Action { tool: tool.trim().to_owned(), input, thought: String::new() }
}

/// Objects with a name and an input, several after each other or in an array.
fn json_calls(text: &str, read: ReadJson) -> Option<Vec<Action>> {
    let mut calls = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find(['{', '[']) {
        rest = &rest[begin..];
        let (end, _) = balanced(rest, |_| false);
        match read(&rest[..end]).ok()? {
            Value::Array(items) => {
                for item in items {
                    calls.push(json_call(item)?);
                }
            }
            value => calls.push(json_call(value)?),
        }
        rest = &rest[end..];
    }
    Some(calls)
}

fn json_call(value: Value) -> Option<Action> {
    let Value::Object(mut object) = value else { return None };
    let name =
        NAMES.iter().find_map(|key| object.get(*key)?.as_str()).filter(|name| is_name(name))?.to_owned();
    let input = INPUTS.iter().find_map(|key| object.remove(*key))?;
    Some(action(&name, input::of_value(input)))
}

/// `Tool[argument]` and `tool(argument)`, several after each other. `None` if the text does not have that form.
fn bracket_calls(text: &str, read: ReadJson) -> Option<Read> {
    let mut calls = Vec::new();
    let mut rest = text;
    while let Some((name, inner, close)) = bracket(rest) {
        let Some(end) = matching(inner, close) else {
            // Not closed: the last closing bracket was meant, if there is one at the end.
            let Some(argument) = inner.trim_end_matches(['.', ' ', '\n', '`']).strip_suffix(close) else {
                return Some(if calls.is_empty() { Read::Bad } else { Read::Calls(calls) });
            };
            calls.push(action(name, argument_of(argument, close, read)));
            break;
        };
        let after = inner[end + 1..].trim_start_matches([' ', '\n', '\r', '\t', ',', ';', '.', '`']);
        if !after.is_empty()
            && bracket(after).is_none()
            && after.trim_end().ends_with(close)
            && calls.is_empty()
        {
            // `Search[a] b]`: the argument itself has brackets that do not match.
            let argument = inner.trim_end().strip_suffix(close).unwrap_or(inner);
            calls.push(action(name, argument_of(argument, close, read)));
            break;
        }
        calls.push(action(name, argument_of(&inner[..end], close, read)));
        rest = after;
    }
    if calls.is_empty() { None } else { Some(Read::Calls(calls)) }
}

/// Splits `name[rest`.
fn bracket(text: &str) -> Option<(&str, &str, char)> {
    let at = text.find(|c: char| !(c.is_alphanumeric() || "_-.".contains(c)))?;
    let (name, rest) = text.split_at(at);
    if name.is_empty() || at > MAX_NAME {
        return None;
    }
    match rest.chars().next()? {
        '[' => Some((name, &rest[1..], ']')),
        '(' => Some((name, &rest[1..], ')')),
        _ => None,
    }
}

/// Where the bracket that was opened before `inner` closes.
fn matching(inner: &str, close: char) -> Option<usize> {
    let open = if close == ']' { '[' } else { '(' };
    let mut depth = 0_usize;
    for (at, c) in inner.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            if depth == 0 {
                return Some(at);
            }
            depth -= 1;
        }
    }
    None
}

fn argument_of(text: &str, close: char, read: ReadJson) -> ActionInput {
    let text = text.trim();
    // In the form of the paper the argument stands as it is; the other form is a program's.
    if close == ']' && !text.starts_with('{') {
        return ActionInput::Text(text.to_owned());
    }
    if close == ')'
        && let Some(named) = named_arguments(text, read)
    {
        return ActionInput::Json(Value::Object(named));
    }
    input::read(text, read)
}

/// `a="x", b=3`: names with JSON values; strings in single quotes and Python's words are understood, too.
fn named_arguments(text: &str, read: ReadJson) -> Option<Map<String, Value>> {
    let mut named = Map::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim();
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return None;
        }
        let after = after.trim_start();
        let end = value_end(after)?;
        let value = match &after[..end] {
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            "None" => Value::Null,
            word => match word.strip_prefix('\'').and_then(|word| word.strip_suffix('\'')) {
                Some(word) => Value::String(word.replace("\\'", "'")),
                None => read(word).ok()?,
            },
        };
        named.insert(name.to_owned(), value);
        let after = after[end..].trim_start();
        rest = match after.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if after.is_empty() => "",
            None => return None,
        };
    }
    (!named.is_empty()).then_some(named)
}

fn value_end(text: &str) -> Option<usize> {
    match text.chars().next()? {
        '{' | '[' => Some(balanced(text, |_| false)).filter(|(_, complete)| *complete).map(|(end, _)| end),
        quote @ ('"' | '\'') => {
            let mut escaped = false;
            text.char_indices().skip(1).find_map(|(at, c)| {
                let ends = c == quote && !escaped;
                escaped = c == '\\' && !escaped;
                ends.then_some(at + 1)
            })
        }
        _ => Some(text.find([',', ' ', '\n']).unwrap_or(text.len())),
    }
}

fn is_name(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.len() <= MAX_NAME && !text.contains('\n')
}

/// Takes away bold, code marks and quotes around a name.
fn undecorated(text: &str) -> &str {
    text.trim().trim_matches(['*', '`', '"', '\'']).trim()
}
