//! Classes of characters.

/// White space that JSON knows.
pub(super) fn is_json_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// Any white space, marks without width included.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{feff}' | '\u{180e}' | '\u{200b}')
}

pub(super) fn is_quote(c: char) -> bool {
    is_double_like(c) || is_single_like(c)
}

fn is_double_like(c: char) -> bool {
    matches!(c, '"' | '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{201f}')
}

fn is_single_like(c: char) -> bool {
    matches!(c, '\'' | '\u{2018}' | '\u{2019}' | '`' | '\u{b4}')
}

/// Whether `c` can end a string that `open` began: plain quotes end with themselves, others with their like.
pub(super) fn ends_string(open: char, c: char) -> bool {
    match open {
        '"' | '\'' => c == open,
        _ if is_double_like(open) => is_double_like(c),
        _ => is_single_like(c),
    }
}

/// Signs that can follow a finished value.
pub(super) fn is_delimiter(c: char) -> bool {
    matches!(c, ',' | ':' | '[' | ']' | '/' | '{' | '}' | '(' | ')' | '\n' | '+')
}

/// Signs that end a string without quotes.
pub(super) fn ends_unquoted(c: char) -> bool {
    matches!(c, ',' | '[' | ']' | '{' | '}' | '\n' | '+')
}

pub(super) fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '_' | '$')
}

pub(super) fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$')
}

/// Characters of a URL (RFC 3986) that are not taken for the end of a string without end quote.
pub(super) fn is_url(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~:/?#@!$&'()*+;=%".contains(c)
}
