//! What is wrong with a file, in the words of who writes YAML and not of who reads it.

use serde_path_to_error::{Path, Segment};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::granit_parser::ErrorKind;
use serde_saphyr::{Error, ExternalMessageSource, SnippetMode, UserMessageFormatter};

/// What the whole of a file is.
pub(super) const PLAN: &str = "a mapping with `goal: …` and `tasks: …`";
pub(super) const CRITERIA: &str = "a list with a line `- {type: …, …}` for each criterion";

const TASKS: &str = "a list of tasks, each of which begins with `- id: …`";
const TASK: &str = "a mapping with `id: …` and `description: …`, a space after each `:`";

/// What belongs to each key, and what its items are where it is a list.
const EXPECTED: [(&str, &str, &str); 16] = [
    ("goal", "a text, in quotes if it looks like a number, or a mapping with `text: …`", ""),
    ("text", "a text", ""),
    ("tasks", TASKS, TASK),
    ("subtasks", TASKS, TASK),
    ("version", "left out, or 1", ""),
    ("status", "left out", ""),
    ("id", "a text", ""),
    ("description", "a text", ""),
    ("agent", "a text", ""),
    ("dependencies", "a list of ids, as [a, b]", "a text"),
    ("tools", "a list of names, as [read_file]", "a text"),
    ("inputs", "a mapping of names to values, as {days: 3}", "a text"),
    ("reads_goal", "`true` or `false`", ""),
    ("criteria", "a list, as [{type: matches, pattern: rain}]", ""),
    ("retries", "a whole number from 0, as 2", ""),
    ("budget_share", "a number above 0 and up to 1, as 0.25 for a quarter", ""),
];

/// The place, and what is wrong there. `whole` is what the file has to be.
pub(super) fn told(error: &Error, path: &Path, text: &str, whole: &str) -> String {
    let error = original(error);
    let (place, before, after) = match error.location() {
        Some(location) => {
            let (line, column) = (location.line(), location.column());
            let number = |count: u64| usize::try_from(count.saturating_sub(1)).unwrap_or(usize::MAX);
            let written = text.lines().nth(number(line)).unwrap_or_default();
            let before: String = written.chars().take(number(column)).collect();
            let after: String = written.chars().skip(number(column)).collect();
            (format!("line {line} column {column}: "), before, after)
        }
        None => (String::new(), String::new(), String::new()),
    };
    place + &problem(error, path, whole, &before, &after)
}

/// Without what it is wrapped in.
fn original(mut error: &Error) -> &Error {
    while let Error::AliasError { error: inner, .. } | Error::WithSnippet { error: inner, .. } = error {
        error = inner;
    }
    error
}

/// What is wrong, between these two parts of a line.
fn problem(error: &Error, path: &Path, whole: &str, before: &str, after: &str) -> String {
    match error {
        Error::Eof { .. } => format!("nothing is written there; it has to be {whole}"),
        Error::MultipleDocuments { .. } => {
            "a second document begins there, after `---`; a file has one, so put it into another file"
                .to_owned()
        }
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("`{key}` is written twice; leave one out")
        }
        Error::DuplicateMappingKey { .. } => "a key is written twice; leave one out".to_owned(),
        Error::SerdeUnknownField { field, expected, .. } => {
            format!("there is no key `{field}` here; there are: {}", expected.join(", "))
        }
        Error::SerdeMissingField { field, .. } => {
            format!("`{field}` is missing here; write it, in the same column as the other keys")
        }
        Error::UnknownAnchor { .. } => {
            "`*` is followed by a name that no `&` gives; put a text that begins with `*` in quotes"
                .to_owned()
        }
        Error::Budget { breach: BudgetBreach::Depth { depth }, .. } => format!(
            "it is nested too deep, more than {} levels; split tasks into fewer levels",
            depth.saturating_sub(1)
        ),
        Error::Budget { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            "it is too large with all its parts and the aliases (`*name`) in it; write a smaller one"
                .to_owned()
        }
        Error::MergeValueNotMapOrSeqOfMaps { .. } => {
            "`<<` takes over the keys of another mapping, and has to be one".to_owned()
        }
        Error::ExternalMessage { source, msg, .. } => match (unquoted(before, after), &**source) {
            (Some(reference), _) => in_quotes(&reference),
            (None, ExternalMessageSource::Parser(error)) => {
                syntax(error.kind()).unwrap_or_else(|| msg.clone())
            }
            (None, _) => msg.clone(),
        },
        error if is_of_form(error) => {
            let opens = before.ends_with('{') && after.starts_with('{');
            match unquoted(before, after).filter(|_| opens) {
                Some(reference) => in_quotes(&reference),
                None => expected(path, whole),
            }
        }
        error => {
            let options = serde_saphyr::render_options! {
                formatter: &UserMessageFormatter,
                snippets: SnippetMode::Off,
            };
            error.render_with_options(options)
        }
    }
}

/// Whether something is there, and not what it has to be.
fn is_of_form(error: &Error) -> bool {
    matches!(
        error,
        Error::Unexpected { .. }
            | Error::InvalidScalar { .. }
            | Error::NonFiniteFloat { .. }
            | Error::InvalidBooleanStrict { .. }
            | Error::NullIntoString { .. }
            | Error::TaggedScalarCannotDeserializeIntoString { .. }
            | Error::QuotingRequired { .. }
            | Error::SerdeInvalidType { .. }
            | Error::SerdeInvalidValue { .. }
            | Error::SerdeInvalidLength { .. }
            | Error::SerdeUnknownVariant { .. }
            | Error::ExternallyTaggedEnumExpectedScalarOrMapping { .. }
            | Error::ExpectedStringKeyForExternallyTaggedEnum { .. }
            | Error::TaggedEnumMismatch { .. }
            | Error::UnexpectedValueForUnitEnumVariant { .. }
    )
}

/// What has to be at a place. Below an input everything may be, and has names of its own.
fn expected(path: &Path, whole: &str) -> String {
    let segments: Vec<&Segment> = path.iter().collect();
    let key = |segment: &&Segment| match segment {
        Segment::Map { key } => EXPECTED.iter().find(|(name, ..)| name == key),
        _ => None,
    };
    let leads = |name: &str| matches!(name, "goal" | "tasks" | "subtasks");
    let mut known = segments.iter().enumerate().filter_map(|(place, segment)| Some((place, key(segment)?)));
    let mut last = known.next();
    while let Some((_, (name, ..))) = last
        && leads(name)
        && let Some(next) = known.next()
    {
        last = Some(next);
    }
    match last {
        Some((_, (name, value, ""))) => format!("`{name}` has to be {value}"),
        Some((place, (name, value, item))) => match segments.get(place + 1) {
            Some(Segment::Seq { .. }) => format!("each of `{name}` has to be {item}"),
            Some(_) => format!("each name in `{name}` has to be {item}"),
            None => format!("`{name}` has to be {value}"),
        },
        None => format!("it has to be {whole}"),
    }
}

/// A reference without quotes that is at this place of a line, or the last one before it.
fn unquoted(before: &str, after: &str) -> Option<String> {
    let next: String = after.chars().take_while(|c| *c == '{').collect();
    let read = format!("{before}{next}");
    let (head, _) = read.rsplit_once("{{")?;
    if head.matches(['\'', '"']).count() % 2 == 1 {
        return None;
    }
    let line = format!("{before}{after}");
    let (reference, _) = line.strip_prefix(head)?.split_once("}}")?;
    Some(format!("{reference}}}}}"))
}

fn in_quotes(reference: &str) -> String {
    format!("a text with {reference} in it has to be in quotes, as '{reference}'")
}

/// What is wrong before it is a matter of plans at all.
fn syntax(kind: &ErrorKind) -> Option<String> {
    let told = match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => "there is a tab; indent with spaces",
        ErrorKind::UnclosedFlowCollection { open } => {
            return Some(format!(
                "`{open}` is not closed; close it, or put a text that begins with it in quotes"
            ));
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            return Some(format!("`{open}` is closed by `{close}`; close each bracket by its own"));
        }
        ErrorKind::UnexpectedCharacter { character } => {
            return Some(format!("a text can't begin with `{character}`; put it in quotes"));
        }
        ErrorKind::MisplacedFlowCollectionEnd => {
            "a bracket is closed that was not opened; leave it out, or put the text in quotes"
        }
        ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping => {
            "a bracket is not closed; close it, or put a text with brackets in quotes"
        }
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => {
            "a `,` or a closing bracket is missing before it; put a text with brackets or `,` in it in quotes"
        }
        ErrorKind::UnclosedQuotedScalar
        | ErrorKind::InvalidQuotedScalarIndent
        | ErrorKind::DocumentIndicatorInQuotedScalar => {
            "a text before it begins with a quote that is not closed; close it"
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            "something follows the closing quote of a text; put all of the text in quotes"
        }
        ErrorKind::UnknownQuotedScalarEscape | ErrorKind::InvalidQuotedScalarHexEscape => {
            "`\\` has a meaning of its own in double quotes; use single quotes, or write it twice"
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            "a `:` is not after a key here; put a text with `: ` in it in quotes, and close brackets and quotes before it"
        }
        ErrorKind::InvalidIndentation
        | ErrorKind::MappingKeyNotAllowed
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::ExpectedDocumentStart
        | ErrorKind::SimpleKeyExpected => {
            "the indentation does not fit; put the keys of one mapping into one column"
        }
        _ => return None,
    };
    Some(told.to_owned())
}
