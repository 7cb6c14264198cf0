//! Splits a reply at its labels.

use super::ReadJson;
use super::input::balanced;
use super::label::{self, Found, Label};

/// A code fence whose first line is longer is none, in characters.
const MAX_INFO: usize = 32;

/// The text behind one label; without a label it is what stands before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Section<'a> {
    pub(super) label: Option<Label>,
    pub(super) text: &'a str,
}

/// Splits `text`. The first section has no label and may be empty.
pub(super) fn split(text: &str, read: ReadJson) -> Vec<Section<'_>> {
    let mut sections = Vec::new();
    let mut label = None;
    let mut start = 0;
    let mut at = 0;
    // Whether a label may begin here as at the beginning of a line.
    let mut fresh = true;
    // JSON that begins before this position was looked for in vain.
    let mut no_json_before = 0;
    let mut line_end = None;
    while at < text.len() {
        let line_end = match line_end {
            Some(end) if end >= at => end,
            _ => *line_end.insert(text[at..].find('\n').map_or(text.len(), |end| at + end)),
        };
        let line = &text[at..line_end];
        let Some((from, found)) = find(line, label, fresh) else {
            at = line_end + 1;
            fresh = true;
            continue;
        };
        sections.push(Section { label, text: &text[start..at + from] });
        label = Some(found.label);
        at += found.end;
        start = at;
        fresh = matches!(found.label, Label::Thought | Label::Action);
        if matches!(found.label, Label::Input | Label::Action) && at >= no_json_before {
            match whole_json(text, at, read) {
                Ok(end) => at = end,
                Err(looked) => no_json_before = looked,
            }
        }
    }
    sections.push(Section { label, text: &text[start..] });
    sections
}

/// The next label of a line that belongs to the section `label`.
fn find(line: &str, label: Option<Label>, fresh: bool) -> Option<(usize, Found)> {
    if fresh {
        let mut found = label::at_line_start(line);
        if label == Some(Label::Action) {
            found = found.or_else(|| label::short_input(line));
        }
        if label == Some(Label::Answer) {
            // An answer may well speak of actions, or have bold words in front of a colon.
            found = found.filter(|_| line.starts_with("Observation") || line.starts_with("Thought"));
        }
        if let Some(found) = found {
            return Some((0, found));
        }
    }
    label::inside_line(line, label)
}

/// Where the JSON that begins at `at` ends, so that labels inside its strings do no harm. The error is how far it was
/// looked for.
fn whole_json(text: &str, at: usize, read: ReadJson) -> Result<usize, usize> {
    let rest = text[at..].trim_start();
    let rest = match rest.strip_prefix("```") {
        // The info string of a fence is short.
        Some(fenced) => match fenced.char_indices().take(MAX_INFO).find(|(_, c)| *c == '\n') {
            Some((newline, _)) => fenced[newline..].trim_start(),
            None => return Err(at),
        },
        None => rest,
    };
    let begin = text.len() - rest.len();
    if !rest.starts_with(['{', '[']) {
        return Err(at);
    }
    let (end, complete) = balanced(rest, |line| label::at_line_start(line).is_some());
    if complete && read(&rest[..end]).is_ok() { Ok(begin + end) } else { Err(begin + end) }
}
