//! Escapes in strings, and strings whose quotes are escaped themselves.

use super::Draft;
use crate::lenient::chars::is_quote;
use crate::lenient::cursor::Cursor;
use crate::lenient::{LenientError, RepairKind};

impl Cursor<'_> {
    /// Reads the escape at the cursor into `draft`.
    pub(super) fn escape(&mut self, draft: &mut Draft, strict: bool) -> Result<(), LenientError> {
        let start = self.at;
        self.at += 1;
        let Some(c) = self.peek() else {
            self.note_at(RepairKind::BadEscape, start);
            return Ok(());
        };
        if c == 'u' {
            return self.unicode(draft, start, strict);
        }
        self.bump(c);
        match c {
            '"' | '\\' | '/' => draft.push_escaped(c),
            'x' if self.hex(self.at, 2).is_some() => {
                let code = self.hex(self.at, 2).and_then(char::from_u32).unwrap_or('\u{fffd}');
                draft.push_escaped(code);
                self.note_at(RepairKind::BadEscape, start);
                self.at += 2;
            }
            // Regular expressions whose backslash was not doubled: it means something, so it stays.
            'd' | 's' | 'w' | 'D' | 'S' | 'W' | '.' | '(' | ')' | '[' | ']' | '{' | '}' | '*' | '+' | '?'
            | '$' | '^' | '|' | '-' => {
                self.note_at(RepairKind::BadEscape, start);
                draft.push_escaped('\\');
                draft.push_escaped(c);
            }
            _ => match control(c) {
                Some(control) => draft.push_escaped(control),
                None => {
                    self.note_at(RepairKind::BadEscape, start);
                    draft.push_escaped(c);
                }
            },
        }
        Ok(())
    }

    /// Reads `\uXXXX`, also as a pair of surrogates; the cursor is at the `u`.
    fn unicode(&mut self, draft: &mut Draft, start: usize, strict: bool) -> Result<(), LenientError> {
        self.at += 1;
        let Some(code) = self.hex(self.at, 4) else {
            self.note_at(RepairKind::BadEscape, start);
            let digits = self.rest().bytes().take_while(u8::is_ascii_hexdigit).count();
            if digits < 4 && self.at + digits == self.text.len() {
                self.at = self.text.len();
                return Ok(());
            }
            if strict {
                return Err(LenientError::InvalidEscape { at: start });
            }
            draft.push_escaped('\\');
            draft.push_escaped('u');
            return Ok(());
        };
        self.at += 4;
        if let Some(c) = char::from_u32(code) {
            draft.push_escaped(c);
            return Ok(());
        }
        let low =
            (code < 0xdc00 && self.rest().starts_with("\\u")).then(|| self.hex(self.at + 2, 4)).flatten();
        if let Some(low) = low.filter(|low| (0xdc00..0xe000).contains(low)) {
            let whole = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            draft.push_escaped(char::from_u32(whole).unwrap_or('\u{fffd}'));
            self.at += 6;
        } else {
            self.note_at(RepairKind::BadEscape, start);
            if self.at < self.text.len() {
                draft.push_escaped('\u{fffd}');
            }
        }
        Ok(())
    }

    fn hex(&self, at: usize, digits: usize) -> Option<u32> {
        let text = self.text.get(at..at + digits)?;
        if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        u32::from_str_radix(text, 16).ok()
    }

    /// Reads a string whose quotes are escaped, `\"text\"`: it was escaped once more than JSON wants.
    pub(super) fn escaped_string(&mut self) -> String {
        self.note(RepairKind::EscapedString);
        self.at += 1;
        let mut out = String::new();
        let Some(open) = self.peek().filter(|c| is_quote(*c)) else { return out };
        self.bump(open);
        while let Some(c) = self.peek() {
            self.bump(c);
            if c == open {
                return out;
            }
            if c != '\\' {
                out.push(c);
                continue;
            }
            match self.peek() {
                Some(c) if c == open => {
                    self.bump(c);
                    return out;
                }
                Some('\\') => {
                    self.at += 1;
                    if self.rest().starts_with("\\\"") || self.rest().starts_with("\\\\") {
                        self.at += 1;
                    }
                    if let Some(c) = self.peek() {
                        self.bump(c);
                        out.push(control(c).unwrap_or(c));
                    }
                }
                Some(c) => {
                    self.bump(c);
                    out.push(control(c).unwrap_or(c));
                }
                None => {}
            }
        }
        self.note(RepairKind::MissingEndQuote);
        out
    }
}

fn control(c: char) -> Option<char> {
    Some(match c {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        _ => return None,
    })
}
