//! Finds the JSON in a reply: behind reasoning tags, in a fence, amid prose.

use serde_json::Value;

use super::chars::{is_name, is_name_start, is_quote, is_space};
use super::machine::Machine;
use super::{LenientError, Options, Parsed, Repair, RepairKind};

/// How many places of a reply are tried.
const CANDIDATES: usize = 64;

pub(super) fn read(text: &str, options: &Options) -> Result<Parsed, LenientError> {
    let start = after_reasoning(text);
    let value = without_lead(text.get(start..).unwrap_or(""));
    if value.starts_with("[```") || value.starts_with("{```") {
        return from(text, text.len() - value.len() + 1, text.len(), options);
    }
    if stands_alone(value) {
        return from(text, start, text.len(), options);
    }
    if let Some((open, close)) = fenced(text, start) {
        return from(text, open, close, options);
    }
    match amid_prose(text, start) {
        Some(Found::Exact { at, end, value }) => Ok(exact(text, at, end, value)),
        Some(Found::From(at)) => from(text, at, text.len(), options),
        None => from(text, start, text.len(), options),
    }
}

/// Reads the value that begins at `at` and ends before `end`.
fn from(text: &str, at: usize, end: usize, options: &Options) -> Result<Parsed, LenientError> {
    let cut = text.get(..end).unwrap_or(text);
    let mut parsed = Machine::new(cut, at, options).document()?;
    if text.get(..at).is_some_and(|before| !before.chars().all(is_space)) {
        parsed.repairs.insert(0, Repair { kind: RepairKind::TextBefore, at: 0 });
    }
    if text.get(end..).is_some_and(|after| !after.chars().all(is_space)) {
        parsed.repairs.push(Repair { kind: RepairKind::TextAfter, at: end });
    }
    Ok(parsed)
}

fn exact(text: &str, at: usize, end: usize, value: Value) -> Parsed {
    let mut repairs = vec![Repair { kind: RepairKind::TextBefore, at: 0 }];
    if text.get(end..).is_some_and(|after| !after.chars().all(is_space)) {
        repairs.push(Repair { kind: RepairKind::TextAfter, at: end });
    }
    repairs.retain(|repair| repair.kind != RepairKind::TextBefore || at > 0);
    Parsed { value, repairs }
}

/// Where the text after leading reasoning tags begins.
fn after_reasoning(text: &str) -> usize {
    let trimmed = text.trim_start();
    for (open, close) in
        [("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<reasoning>", "</reasoning>")]
    {
        if trimmed.starts_with(open)
            && let Some(end) = text.find(close)
        {
            return end + close.len();
        }
    }
    0
}

/// The text after leading white space and comments.
fn without_lead(mut text: &str) -> &str {
    loop {
        text = text.trim_start_matches(is_space);
        let end = if text.starts_with("/*") {
            text.find("*/").map(|end| end + 2)
        } else if text.starts_with("//") {
            text.find('\n')
        } else {
            None
        };
        match end.and_then(|end| text.get(end..)) {
            Some(rest) => text = rest,
            None => return text,
        }
    }
}

/// Whether the text begins with what only a value begins with, so that nothing is prose before it.
fn stands_alone(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return true };
    match first {
        '{' => true,
        '[' => is_plausible(text) || !text.chars().skip(1).any(|c| c == '{' || c == '['),
        '(' => text.trim_end_matches(|c| is_space(c) || c == ';').ends_with(')'),
        '\\' => true,
        '`' if text.starts_with("```") => false,
        c if is_quote(c) => !text.contains('{'),
        _ => {
            let name = text.find(|c| !is_name(c)).unwrap_or(text.len());
            let call = text.get(name..).is_some_and(|rest| rest.trim_start_matches(' ').starts_with('('));
            call && text.starts_with(is_name_start)
                && text.trim_end_matches(|c| is_space(c) || c == ';').ends_with(')')
        }
    }
}

/// The inside of the first fence whose text begins like a value; one that names JSON wins.
fn fenced(text: &str, start: usize) -> Option<(usize, usize)> {
    let mut best: Option<(usize, usize)> = None;
    let mut from = start;
    for _ in 0..CANDIDATES {
        let Some(fence) = text.get(from..)?.find("```").map(|at| from + at) else { break };
        let rest = text.get(fence + 3..)?;
        let language = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let open = fence + 3 + language;
        let inside = text.get(open..)?;
        let lead = inside.len() - inside.trim_start_matches(is_space).len();
        let close = closing_fence(text, open + lead);
        if is_plausible(inside.get(lead..)?) {
            let json = rest.get(..language).is_some_and(|name| name.to_ascii_lowercase().starts_with("json"));
            if json {
                return Some((open + lead, close));
            }
            best = best.or(Some((open + lead, close)));
        }
        from = (close + 3).min(text.len());
        if !text.is_char_boundary(from) {
            break;
        }
    }
    best
}

/// The fence that closes a block: at the beginning of a line if there is one, else the next, else the end.
fn closing_fence(text: &str, from: usize) -> usize {
    let body = text.get(from..).unwrap_or("");
    let mut offset = 0;
    for line in body.split_inclusive('\n') {
        if line.trim_start().starts_with("```") {
            return from + offset;
        }
        offset += line.len();
    }
    body.rfind("```").map_or(text.len(), |at| from + at)
}

enum Found {
    Exact { at: usize, end: usize, value: Value },
    From(usize),
}

/// The longest strict value in the text, or else the first place that looks like one.
fn amid_prose(text: &str, start: usize) -> Option<Found> {
    let mut best: Option<(usize, usize, Value)> = None;
    let mut plausible = None;
    let mut from = start;
    let mut fuel = text.len().saturating_mul(4);
    for _ in 0..CANDIDATES {
        let Some(at) = text.get(from..)?.find(['{', '[']).map(|at| from + at) else { break };
        from = at + 1;
        let rest = text.get(at..)?;
        if !is_plausible(rest) {
            continue;
        }
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        if let Some(Ok(value)) = values.next() {
            let end = at + values.byte_offset();
            if best.as_ref().is_none_or(|(at, best_end, _)| end - from > best_end - at) {
                best = Some((at, end, value));
            }
            from = end;
        } else {
            plausible = plausible.or(Some(at));
            fuel = fuel.saturating_sub(rest.len());
            if fuel == 0 {
                break;
            }
        }
    }
    // A strict value inside a broken one that begins before it is only a part of it.
    match (best, plausible) {
        (Some((at, end, value)), None) => Some(Found::Exact { at, end, value }),
        (Some((at, end, value)), Some(broken)) if at < broken || !text.get(broken..)?.starts_with('{') => {
            Some(Found::Exact { at, end, value })
        }
        (_, Some(broken)) => Some(Found::From(broken)),
        (None, None) => None,
    }
}

/// Whether the text that begins with a bracket goes on as JSON would.
fn is_plausible(text: &str) -> bool {
    let mut chars = text.chars();
    let Some(open) = chars.next() else { return false };
    let inside = chars.as_str().trim_start_matches(is_space);
    let Some(first) = inside.chars().next() else { return matches!(open, '{' | '[') };
    match open {
        '{' => {
            if is_quote(first)
                || matches!(first, '}' | '\\')
                || inside.starts_with("/*")
                || inside.starts_with("//")
            {
                return true;
            }
            let name = inside.find(|c: char| !is_name(c) && c != '-').unwrap_or(inside.len());
            name > 0
                && inside.get(name..).is_some_and(|rest| rest.trim_start_matches(' ').starts_with([':', '=']))
        }
        '[' => {
            is_quote(first)
                || first.is_ascii_digit()
                || matches!(first, '{' | '[' | ']' | '-')
                || ["true", "false", "null", "True", "False", "None"]
                    .iter()
                    .any(|word| inside.starts_with(word))
        }
        _ => false,
    }
}
