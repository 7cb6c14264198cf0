//! Calls written as XML-like parameters: the Qwen 3 Coder form and the GLM form. Values are not escaped in either.

use serde_json::Map;

use super::convert::ToolSchemas;
use super::event::{Call, ToolCallError};
use super::json::ReadJson;

/// Reads `<function=name><parameter=x>…</parameter></function>`, several if there are.
///
/// A value ends at the first `</parameter>` that is followed by another tag of the form or by the end; an inner
/// `</parameter>` therefore does no harm. Where the closing tag is missing, it ends at the next tag.
pub(super) fn read_functions(
    text: &str,
    schemas: &ToolSchemas,
    read: ReadJson,
) -> Result<Vec<Call>, ToolCallError> {
    let mut calls = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("<function=") {
        rest = &rest[start + "<function=".len()..];
        let head = rest.find(['>', '<', '\n']).unwrap_or(rest.len());
        let name = name_of(&rest[..head]);
        if name.is_empty() {
            return Err(ToolCallError::NoName);
        }
        rest = &rest[head..];
        let mut arguments = Map::new();
        while let Some(parameter) = next_parameter(rest) {
            let Some((key, value, after)) = read_parameter(parameter) else {
                return Err(ToolCallError::Unfinished);
            };
            arguments.insert(key.to_owned(), schemas.convert(name, key, one_newline(value), read));
            rest = after;
        }
        calls.push(Call::new(name, arguments));
    }
    if calls.is_empty() { Err(ToolCallError::Unrecognised) } else { Ok(calls) }
}

/// The text behind the next `<parameter=` of this function.
fn next_parameter(rest: &str) -> Option<&str> {
    for (at, _) in rest.match_indices('<') {
        let here = &rest[at..];
        if let Some(parameter) = here.strip_prefix("<parameter=") {
            return Some(parameter);
        }
        if here.starts_with("</function>") || here.starts_with("<function=") {
            return None;
        }
    }
    None
}

/// Splits `name>value</parameter>rest`.
fn read_parameter(text: &str) -> Option<(&str, &str, &str)> {
    let head = text.find('>')?;
    let (key, body) = (name_of(&text[..head]), &text[head + 1..]);
    for (at, _) in body.match_indices('<') {
        let here = &body[at..];
        if let Some(after) = here.strip_prefix("</parameter>") {
            let next = after.trim_start();
            let closes = ["<parameter=", "</function>", "<function="].iter().any(|tag| next.starts_with(tag));
            if closes || next.is_empty() {
                return Some((key, &body[..at], after));
            }
        } else if here.starts_with("<parameter=") || here.starts_with("</function>") {
            return Some((key, &body[..at], here));
        }
    }
    Some((key, body, ""))
}

/// Reads `name<arg_key>x</arg_key><arg_value>…</arg_value>`.
pub(super) fn read_glm(
    text: &str,
    schemas: &ToolSchemas,
    read: ReadJson,
) -> Result<Vec<Call>, ToolCallError> {
    let Some((name, mut rest)) = text.split_once("<arg_key>") else {
        return Err(ToolCallError::Unrecognised);
    };
    let name = name.trim();
    if name.is_empty() {
        return Err(ToolCallError::NoName);
    }
    let mut arguments = Map::new();
    loop {
        let (key, after) = rest.split_once("</arg_key>").ok_or(ToolCallError::Unfinished)?;
        let (_, after) = after.split_once("<arg_value>").ok_or(ToolCallError::Unfinished)?;
        let (value, after) = after.split_once("</arg_value>").unwrap_or((after, ""));
        let key = key.trim();
        arguments.insert(key.to_owned(), schemas.convert(name, key, one_newline(value), read));
        match after.split_once("<arg_key>") {
            Some((_, next)) => rest = next,
            None => return Ok(vec![Call::new(name, arguments)]),
        }
    }
}

fn name_of(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

/// Takes away one newline on each side.
fn one_newline(value: &str) -> &str {
    let value = value.strip_prefix("\r\n").or_else(|| value.strip_prefix('\n')).unwrap_or(value);
    value.strip_suffix("\r\n").or_else(|| value.strip_suffix('\n')).unwrap_or(value)
}
