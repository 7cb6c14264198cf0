//! Finds where a JSON value ends, character by character, and matches tags that may be cut by the end of the input.

/// Follows brackets and strings; knows nothing else of JSON.
#[derive(Debug, Clone, Default)]
pub(super) struct JsonScan {
    depth: usize,
    in_string: bool,
    escaped: bool,
    done: bool,
}

impl JsonScan {
    /// Takes the next character.
    pub(super) fn push(&mut self, c: char) {
        if self.in_string {
            match c {
                _ if self.escaped => self.escaped = false,
                '\\' => self.escaped = true,
                '"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        match c {
            '"' => self.in_string = self.depth > 0,
            '{' | '[' => {
                self.depth += 1;
                self.done = false;
            }
            '}' | ']' if self.depth > 0 => {
                self.depth -= 1;
                self.done = self.depth == 0;
            }
            _ => {}
        }
    }

    /// Whether the last character was inside a string.
    pub(super) fn in_string(&self) -> bool {
        self.in_string
    }

    /// Whether an object or array has just been completed.
    pub(super) fn done(&self) -> bool {
        self.done
    }
}

/// Whether `c` can stand in JSON outside a string.
pub(super) fn is_json_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c.is_whitespace() || "{}[],:\"+-.".contains(c)
}

/// How far a tag matches at the beginning of the remaining text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    No,
    /// All of the remaining text is a beginning of the tag.
    Partial,
    Full,
}

/// Matches `tag` at the beginning of `rest`.
pub(super) fn match_tag(rest: &str, tag: &str) -> Match {
    if rest.starts_with(tag) {
        Match::Full
    } else if tag.starts_with(rest) {
        Match::Partial
    } else {
        Match::No
    }
}
