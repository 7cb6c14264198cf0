//! Reads the text between the tags of a call, whatever form it has.

use super::convert::ToolSchemas;
use super::event::{Call, ToolCallError};
use super::json::{self, ReadJson};
use super::{python, xml};

const DEEPSEEK_SEPARATOR: &str = "<｜tool▁sep｜>";
const MISTRAL_SEPARATOR: &str = "[ARGS]";

/// Reads all calls of one body. The form is told from the text itself, so that a model which mixes them is understood.
///
/// With `closed` false the reply ended before the call: forms that do not show their own end are then refused, for
/// half an argument must never be taken for a whole one.
pub(super) fn read(
    body: &str,
    closed: bool,
    schemas: &ToolSchemas,
    read: ReadJson,
) -> Result<Vec<Call>, ToolCallError> {
    let text = without_fence(body.trim());
    if text.starts_with("<function=") {
        if !closed && !text.ends_with("</function>") {
            return Err(ToolCallError::Unfinished);
        }
        return xml::read_functions(text, schemas, read);
    }
    if text.starts_with('{') {
        return json::read_calls(text, read);
    }
    if let Some(inner) = text.strip_prefix('[') {
        // `[f(a=1)]` is Python-like, `[{…}]` is JSON.
        let inner = inner.trim_start();
        return if inner.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            python::read_calls(text)
        } else {
            json::read_calls(text, read)
        };
    }
    if let Some((head, arguments)) = text.split_once(DEEPSEEK_SEPARATOR) {
        // Newer models write the kind first and the name after the separator, arguments in a code fence.
        if head.trim() == "function" {
            let (name, arguments) = arguments.split_once('\n').unwrap_or((arguments, ""));
            return named(name, without_fence(arguments.trim()), read);
        }
        return named(head, without_fence(arguments.trim()), read);
    }
    if let Some((name, arguments)) = text.split_once(MISTRAL_SEPARATOR) {
        return named(name, arguments.trim(), read);
    }
    if text.contains("<arg_key>") {
        if !closed {
            return Err(ToolCallError::Unfinished);
        }
        return xml::read_glm(text, schemas, read);
    }
    if let Some((name, _)) = text.split_once('{').filter(|(name, _)| is_name(name.trim())) {
        return named(name, &text[name.len()..], read);
    }
    python::read_calls(text)
}

fn named(name: &str, arguments: &str, read: ReadJson) -> Result<Vec<Call>, ToolCallError> {
    let name = name.trim();
    if name.is_empty() {
        return Err(ToolCallError::NoName);
    }
    let arguments = match arguments {
        "" => None,
        arguments => Some(read(arguments).map_err(ToolCallError::Json)?),
    };
    let arguments = json::arguments_of(name, arguments, read)?;
    Ok(vec![Call::new(name, arguments)])
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_-.:/".contains(c))
}

/// The text inside a code fence, or the text itself.
fn without_fence(text: &str) -> &str {
    let Some(inner) = text.strip_prefix("```") else { return text };
    let inner = inner.split_once('\n').map_or(inner, |(_, inner)| inner);
    inner.trim_end().strip_suffix("```").unwrap_or(inner).trim()
}
