//! A position in a text, the skipping of what stands between tokens, and bounded look-ahead.

use super::chars::{ends_string, is_json_space, is_quote, is_space};
use super::{Repair, RepairKind};

/// Reads a text from left to right. `fuel` is the number of bytes that look-ahead may still visit: when it is
/// used up, guesses fall back to the nearest sign, so that the whole parse stays linear.
#[derive(Debug)]
pub(super) struct Cursor<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    pub(super) repairs: Vec<Repair>,
    fuel: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str, at: usize) -> Self {
        Self { text, at, repairs: Vec::new(), fuel: text.len().saturating_mul(8).saturating_add(4096) }
    }

    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    pub(super) fn peek(&self) -> Option<char> {
        let byte = *self.text.as_bytes().get(self.at)?;
        if byte.is_ascii() { Some(char::from(byte)) } else { self.rest().chars().next() }
    }

    pub(super) fn peek_at(&self, at: usize) -> Option<char> {
        self.text.get(at..)?.chars().next()
    }

    pub(super) fn bump(&mut self, c: char) {
        self.at += c.len_utf8();
    }

    pub(super) fn note(&mut self, kind: RepairKind) {
        self.note_at(kind, self.at);
    }

    pub(super) fn note_at(&mut self, kind: RepairKind, at: usize) {
        self.repairs.push(Repair { kind, at });
    }

    /// Pays for look-ahead.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.fuel = self.fuel.saturating_sub(bytes + 1);
    }

    pub(super) fn exhausted(&self) -> bool {
        self.fuel == 0
    }

    /// Skips white space, comments, fences and escaped newlines between tokens.
    pub(super) fn skip_filler(&mut self) {
        while self.skip_space(true) || self.skip_comment() || self.skip_fence() || self.skip_escaped_space() {
        }
    }

    fn skip_space(&mut self, newlines: bool) -> bool {
        let start = self.at;
        let mut odd = false;
        while let Some(c) = self.peek() {
            if !is_space(c) || (c == '\n' && !newlines) {
                break;
            }
            odd |= !is_json_space(c);
            self.bump(c);
        }
        if odd {
            self.note_at(RepairKind::OddSpace, start);
        }
        self.at > start
    }

    fn skip_comment(&mut self) -> bool {
        let rest = self.rest();
        let length = if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("//") || rest.starts_with("# ") {
            rest.find('\n').unwrap_or(rest.len())
        } else {
            return false;
        };
        self.note(RepairKind::Comment);
        self.at += length;
        true
    }

    /// Skips ```` ``` ```` and the language that may follow it on the line.
    fn skip_fence(&mut self) -> bool {
        let Some(rest) = self.rest().strip_prefix("```") else { return false };
        let language = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let next = rest.get(language..).and_then(|rest| rest.chars().next());
        let followed_by_space = next.is_none_or(|c| is_space(c) || matches!(c, '{' | '['));
        self.note(RepairKind::Fence);
        self.at += 3 + if followed_by_space { language } else { 0 };
        true
    }

    /// `\n` and the like as two characters between tokens: the whole text was escaped once.
    fn skip_escaped_space(&mut self) -> bool {
        let rest = self.rest();
        if !(rest.starts_with("\\n") || rest.starts_with("\\r") || rest.starts_with("\\t")) {
            return false;
        }
        self.note(RepairKind::OddSpace);
        self.at += 2;
        true
    }

    /// The first character after white space (but not newlines) and comments from `at` on, and where it is.
    pub(super) fn look(&mut self, at: usize) -> (usize, Option<char>) {
        self.look_from(at, false)
    }

    /// As [`Cursor::look`], newlines skipped too.
    pub(super) fn look_over_lines(&mut self, at: usize) -> (usize, Option<char>) {
        self.look_from(at, true)
    }

    fn look_from(&mut self, at: usize, newlines: bool) -> (usize, Option<char>) {
        let (old_at, old_repairs) = (self.at, self.repairs.len());
        self.at = at;
        while self.skip_space(newlines) || self.skip_comment() {}
        let found = (self.at, self.peek());
        self.spend(self.at - at);
        self.at = old_at;
        self.repairs.truncate(old_repairs);
        found
    }

    /// Where the string ends that begins with a quote at `at`: after its first end quote that is not escaped.
    pub(super) fn look_over_string(&mut self, at: usize) -> Option<usize> {
        let open = self.peek_at(at).filter(|c| is_quote(*c))?;
        let body = at + open.len_utf8();
        let mut escaped = false;
        for (offset, c) in self.text.get(body..)?.char_indices().take(LOOK_AHEAD) {
            if !escaped && ends_string(open, c) {
                self.spend(offset);
                return Some(body + offset + c.len_utf8());
            }
            escaped = !escaped && c == '\\';
        }
        self.spend(LOOK_AHEAD);
        None
    }

    /// Whether a quoted key and a colon stand at `at`.
    pub(super) fn is_member(&mut self, at: usize) -> bool {
        if self.exhausted() {
            return false;
        }
        let Some(end) = self.look_over_string(at) else { return false };
        self.look_over_lines(end).1 == Some(':')
    }

    /// Whether a comma, a quoted key and a colon follow `at`.
    pub(super) fn is_next_member(&mut self, at: usize) -> bool {
        let (comma, c) = self.look_over_lines(at);
        c == Some(',') && {
            let (key, _) = self.look_over_lines(comma + 1);
            self.is_member(key)
        }
    }

    /// The last character before `at` that is no white space, and where it is, not before `from`.
    pub(super) fn look_back(&mut self, from: usize, at: usize) -> Option<(usize, char)> {
        let before = self.text.get(from..at)?;
        let found = before.char_indices().rev().find(|(_, c)| !is_space(*c));
        self.spend(at - found.map_or(from, |(offset, _)| from + offset));
        found.map(|(offset, c)| (from + offset, c))
    }
}

/// How many characters one guess about a string may visit.
const LOOK_AHEAD: usize = 512;
