//! What a lenient parse reports.

use std::fmt;

/// One deviation from JSON that was mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repair {
    /// What was mended.
    pub kind: RepairKind,
    /// Byte offset in the text where it was noticed.
    pub at: usize,
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind.as_str(), self.at)
    }
}

/// The kinds of deviations that are mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RepairKind {
    /// Text before the value was skipped.
    TextBefore,
    /// Text after the value was skipped.
    TextAfter,
    /// A Markdown fence was skipped.
    Fence,
    /// A comment was skipped.
    Comment,
    /// White space that JSON does not know, or an escaped newline between tokens, was skipped.
    OddSpace,
    /// Quotes other than `"` around a string.
    OddQuotes,
    /// A string without quotes.
    UnquotedString,
    /// A string without its end quote.
    MissingEndQuote,
    /// A quote inside a string that was not escaped.
    UnescapedQuote,
    /// A control character inside a string that was not escaped.
    RawControl,
    /// An escape that JSON does not know, or half an escape.
    BadEscape,
    /// A string whose quotes were escaped.
    EscapedString,
    /// Strings joined with `+`.
    JoinedStrings,
    /// A comma was missing.
    MissingComma,
    /// A comma too many was skipped.
    ExtraComma,
    /// A colon was missing, or another sign stood for it.
    MissingColon,
    /// A value was missing and became `null`.
    MissingValue,
    /// A closing bracket was missing.
    MissingCloser,
    /// A closing bracket too many, or of the wrong kind.
    WrongCloser,
    /// A literal of another language: `None`, `True`, `undefined`, `NaN`.
    ForeignLiteral,
    /// A number in a form that JSON does not know, or cut short.
    OddNumber,
    /// A call around a value, as in `callback(…)` or `ObjectId(…)`, was taken off.
    Call,
    /// Parentheses around values: a tuple became an array.
    Tuple,
    /// A set in braces became an array.
    Set,
    /// An ellipsis was skipped.
    Ellipsis,
    /// Several values one after another became an array.
    ManyValues,
    /// Key and value inside an array became an object.
    BareMember,
    /// A stray word or sign was skipped.
    Stray,
}

impl RepairKind {
    /// Whether only the notation deviated: quotes, commas, literals, comments. All others guess at the content, as
    /// where a text stops in the middle.
    #[must_use]
    pub fn is_notation(self) -> bool {
        matches!(
            self,
            Self::Comment
                | Self::OddSpace
                | Self::OddQuotes
                | Self::UnquotedString
                | Self::UnescapedQuote
                | Self::RawControl
                | Self::BadEscape
                | Self::JoinedStrings
                | Self::MissingComma
                | Self::ExtraComma
                | Self::ForeignLiteral
                | Self::Tuple
        )
    }

    /// A short name in plain words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TextBefore => "text before the value",
            Self::TextAfter => "text after the value",
            Self::Fence => "code fence",
            Self::Comment => "comment",
            Self::OddSpace => "unusual white space",
            Self::OddQuotes => "unusual quotes",
            Self::UnquotedString => "string without quotes",
            Self::MissingEndQuote => "missing end quote",
            Self::UnescapedQuote => "unescaped quote",
            Self::RawControl => "unescaped control character",
            Self::BadEscape => "bad escape",
            Self::EscapedString => "escaped quotes around a string",
            Self::JoinedStrings => "joined strings",
            Self::MissingComma => "missing comma",
            Self::ExtraComma => "superfluous comma",
            Self::MissingColon => "missing colon",
            Self::MissingValue => "missing value",
            Self::MissingCloser => "missing closing bracket",
            Self::WrongCloser => "wrong closing bracket",
            Self::ForeignLiteral => "literal of another language",
            Self::OddNumber => "unusual number",
            Self::Call => "call around the value",
            Self::Tuple => "tuple",
            Self::Set => "set",
            Self::Ellipsis => "ellipsis",
            Self::ManyValues => "several values",
            Self::BareMember => "key and value in an array",
            Self::Stray => "stray text",
        }
    }
}

impl fmt::Display for RepairKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
