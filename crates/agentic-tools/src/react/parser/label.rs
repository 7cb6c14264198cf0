//! Recognises the labels of the protocol.

/// A label of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::react) enum Label {
    Thought,
    Action,
    Input,
    Observation,
    Answer,
}

/// A label found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::react) struct Found {
    pub(in crate::react) label: Label,
    pub(in crate::react) number: Option<u32>,
    /// Where the text behind the label begins.
    pub(in crate::react) end: usize,
}

/// Longer names first.
const NAMES: [(&[&str], Label); 5] = [
    (&["action", "input"], Label::Input),
    (&["final", "answer"], Label::Answer),
    (&["thought"], Label::Thought),
    (&["action"], Label::Action),
    (&["observation"], Label::Observation),
];

const DECORATION: [char; 5] = ['#', '>', '*', '_', '`'];

/// The label at the beginning of `line`, decorated or not. A label without a colon must be decorated and alone on its line.
pub(in crate::react) fn at_line_start(line: &str) -> Option<Found> {
    let bare = line.trim_start_matches([' ', '\t']);
    let name = bare.trim_start_matches(|c| DECORATION.contains(&c) || c == ' ');
    let decorated = bare.starts_with(DECORATION);
    let (rest, label) = NAMES.iter().find_map(|(words, label)| Some((match_words(name, words)?, *label)))?;
    let rest = rest.trim_start_matches([' ', '\t']);
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number = rest[..digits].parse().ok();
    let rest = rest[digits..].trim_start_matches([' ', '\t']);
    let rest = if decorated { rest.trim_start_matches(DECORATION) } else { rest };
    let rest = rest.trim_start_matches([' ', '\t']);
    let rest = match rest.strip_prefix([':', '：']) {
        Some(rest) if decorated => rest.trim_start_matches(['*', '_', '`']),
        Some(rest) => rest,
        None if decorated && rest.trim_start().is_empty() => rest,
        None => return None,
    };
    Some(Found { label, number, end: line.len() - rest.len() })
}

/// `Input:` alone, which means the input where an action stands directly before it.
pub(in crate::react) fn short_input(line: &str) -> Option<Found> {
    let bare = line.trim_start_matches([' ', '\t']);
    let name = bare.trim_start_matches(['*', '_']);
    let rest = match_words(name, &["input"])?.trim_start_matches(['*', '_']).strip_prefix(':')?;
    let rest = if name.len() < bare.len() { rest.trim_start_matches(['*', '_']) } else { rest };
    Some(Found { label: Label::Input, number: None, end: line.len() - rest.len() })
}

/// The first label inside a line, where `section` is what the line belongs to. Returns where it begins, too.
pub(in crate::react) fn inside_line(line: &str, section: Option<Label>) -> Option<(usize, Found)> {
    if !matches!(section, None | Some(Label::Thought | Label::Action)) {
        return None;
    }
    line.match_indices(['A', 'F', 'O']).find_map(|(at, _)| {
        // The decoration in front belongs to the label.
        let start = line[..at].trim_end_matches(['*', '_']).len();
        let before = &line[..start];
        if !before.ends_with(char::is_whitespace) {
            return None;
        }
        let sentence_ends = || before.trim_end().ends_with(['.', '!', '?', ';', ':', ')', '"', '。']);
        let here = &line[start..];
        let wanted = if here.trim_start_matches(['*', '_']).starts_with("Final Answer") {
            Label::Answer
        } else if section == Some(Label::Action) && line[at..].starts_with("Action Input") {
            Label::Input
        } else if section == Some(Label::Action) && line[at..].starts_with("Observation") {
            Label::Observation
        } else if line[at..].starts_with("Action") && sentence_ends() {
            Label::Action
        } else {
            return None;
        };
        // Inside a line a colon is needed.
        let mut found = at_line_start(here).filter(|found| found.label == wanted)?;
        here[..found.end].contains([':', '：']).then_some(())?;
        found.end += start;
        Some((start, found))
    })
}

/// Matches words in any case, with white space, a line or a number between them; returns what follows.
fn match_words<'a>(text: &'a str, words: &[&str]) -> Option<&'a str> {
    let mut rest = text;
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            rest = rest.trim_start_matches(|c: char| " _-".contains(c) || c.is_ascii_digit());
        }
        let head = rest.get(..word.len())?;
        if !head.eq_ignore_ascii_case(word) {
            return None;
        }
        rest = &rest[word.len()..];
    }
    Some(rest).filter(|rest| !rest.starts_with(char::is_alphabetic))
}
