//! Strings with quotes, and the guess where one ends whose quotes are wrong.

mod escape;

use super::chars::{
    ends_string, ends_unquoted, is_delimiter, is_name, is_name_start, is_quote, is_space, is_url,
};
use super::cursor::Cursor;
use super::{LenientError, RepairKind};

/// Where a string stands: what may follow it depends on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Key,
    Member,
    Element,
}

/// How the end of a string is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// At an end quote that looks like one.
    Quote,
    /// At the first delimiter or quote: the end quote is missing.
    Delimiter,
    /// At this byte: the end quote is missing.
    At(usize),
}

enum Attempt {
    Done(String),
    Again(Stop),
}

/// What a quote inside a string turned out to be.
enum Verdict {
    End,
    Inner,
    Again(Stop),
}

/// A string under construction.
struct Draft {
    body: usize,
    role: Role,
    stop: Stop,
    out: String,
    /// Length of `out` up to the last character that is no raw white space.
    solid: usize,
    /// Parentheses open in the text so far.
    parens: i32,
    /// The last quote that was taken for a part of the string.
    inner: Option<usize>,
    /// Whether an odd number of inner quotes was read: one waits for its partner.
    open_inner: bool,
}

impl Draft {
    fn push(&mut self, c: char) {
        self.out.push(c);
        if !is_space(c) {
            self.solid = self.out.len();
        }
    }

    fn push_escaped(&mut self, c: char) {
        self.out.push(c);
        self.solid = self.out.len();
    }

    fn cut(mut self) -> String {
        self.out.truncate(self.solid);
        self.out
    }
}

impl Cursor<'_> {
    /// Reads the string that begins at the cursor with a quote (or a backslash and a quote), and those joined
    /// to it with `+`. `strict` makes an impossible `\u` escape an error.
    pub(super) fn string(&mut self, role: Role, strict: bool) -> Result<String, LenientError> {
        let mut whole = self.one_string(role, strict)?;
        loop {
            let (at, c) = self.look_over_lines(self.at);
            if c != Some('+') {
                return Ok(whole);
            }
            self.at = at + 1;
            self.note_at(RepairKind::JoinedStrings, at);
            let (next, c) = self.look_over_lines(self.at);
            if c.is_none_or(|c| !is_quote(c)) {
                return Ok(whole);
            }
            self.at = next;
            whole.push_str(&self.one_string(role, strict)?);
        }
    }

    fn one_string(&mut self, role: Role, strict: bool) -> Result<String, LenientError> {
        let (start, noted) = (self.at, self.repairs.len());
        let mut stop = if self.exhausted() { Stop::Delimiter } else { Stop::Quote };
        loop {
            let attempt = if self.peek() == Some('\\') {
                Attempt::Done(self.escaped_string())
            } else if let Some(text) = self.triple_quoted() {
                Attempt::Done(text)
            } else {
                self.attempt(role, stop, strict)?
            };
            match attempt {
                Attempt::Done(text) => return Ok(text),
                Attempt::Again(next) => {
                    self.spend(self.at - start);
                    self.at = start;
                    self.repairs.truncate(noted);
                    stop = next;
                }
            }
        }
    }

    /// `"""text"""` of Python, read to its end quotes.
    fn triple_quoted(&mut self) -> Option<String> {
        let rest = self.rest();
        let quotes = ["\"\"\"", "'''"].into_iter().find(|quotes| rest.starts_with(quotes))?;
        let body = rest.get(3..)?;
        let end = body.find(quotes)?;
        self.note(RepairKind::OddQuotes);
        self.at += end + 6;
        Some(body.get(..end)?.to_owned())
    }

    fn attempt(&mut self, role: Role, stop: Stop, strict: bool) -> Result<Attempt, LenientError> {
        let Some(open) = self.peek() else { return Ok(Attempt::Done(String::new())) };
        let start = self.at;
        if open != '"' {
            self.note(RepairKind::OddQuotes);
        }
        self.bump(open);
        let doubled = self.is_doubled(open);
        if doubled {
            self.note(RepairKind::OddQuotes);
            self.bump(open);
        }
        let out = String::new();
        let mut draft =
            Draft { body: self.at, role, stop, out, solid: 0, parens: 0, inner: None, open_inner: false };
        loop {
            let Some(c) = self.peek() else { return Ok(self.unended(start, draft)) };
            if stop == Stop::At(self.at) {
                self.note(RepairKind::MissingEndQuote);
                return Ok(Attempt::Done(draft.cut()));
            }
            if ends_string(open, c) {
                match self.judge_quote(c, &draft) {
                    Verdict::End => {
                        self.bump(c);
                        if doubled && self.peek() == Some(c) {
                            self.bump(c);
                        }
                        return Ok(Attempt::Done(draft.out));
                    }
                    Verdict::Again(stop) => return Ok(Attempt::Again(stop)),
                    Verdict::Inner => {
                        self.note(RepairKind::UnescapedQuote);
                        draft.inner = Some(self.at);
                        draft.open_inner = !draft.open_inner;
                        draft.push(c);
                        self.bump(c);
                    }
                }
            } else if stop == Stop::Delimiter && (ends_unquoted(c) || self.rest().starts_with("/*")) {
                self.note(RepairKind::MissingEndQuote);
                return Ok(Attempt::Done(draft.cut()));
            } else if c == '\\' {
                self.escape(&mut draft, strict)?;
            } else if stop == Stop::Delimiter && c == ':' && self.rest().starts_with("://") {
                while let Some(c) = self.peek().filter(|c| is_url(*c)) {
                    draft.push(c);
                    self.bump(c);
                }
            } else {
                match c {
                    '(' => draft.parens += 1,
                    ')' => draft.parens -= 1,
                    '\0' if strict => return Err(LenientError::Unexpected { found: c, at: self.at }),
                    c if c < ' ' => self.note(RepairKind::RawControl),
                    _ => {}
                }
                draft.push(c);
                self.bump(c);
            }
        }
    }

    /// Whether the quote just read was written twice: `""text""`.
    fn is_doubled(&self, open: char) -> bool {
        let mut rest = self.rest().chars();
        rest.next() == Some(open) && rest.next().is_some_and(char::is_alphanumeric)
    }

    /// Decides what the quote at the cursor is: by what follows it, then by what stands before it.
    fn judge_quote(&mut self, quote: char, draft: &Draft) -> Verdict {
        if draft.stop == Stop::Delimiter || self.exhausted() {
            return Verdict::End;
        }
        let after = self.at + quote.len_utf8();
        let (next, c) = self.look(after);
        match c {
            Some(')') if draft.parens > 0 => return Verdict::Inner,
            Some(':') if draft.role != Role::Key => {
                if let Some(key) = draft.inner
                    && draft.stop == Stop::Quote
                {
                    return Verdict::Again(self.end_before_key(key, draft));
                }
                return Verdict::End;
            }
            Some(',') if draft.role == Role::Member && self.text_goes_on(next + 1, quote) => {
                return Verdict::Inner;
            }
            // `say "hi""`: the partner of the inner quote, then the end.
            Some(c) if draft.open_inner && next == after && c == quote => {
                if matches!(self.look_over_lines(after + c.len_utf8()).1, None | Some(',' | '}' | ']')) {
                    return Verdict::Inner;
                }
                return Verdict::End;
            }
            None => return Verdict::End,
            Some('/') if self.is_comment(next) => return Verdict::End,
            Some(c) if is_delimiter(c) && !matches!(c, '/' | '(') => return Verdict::End,
            Some(c) if is_quote(c) || c.is_ascii_digit() || c == '\\' => return Verdict::End,
            Some(_) if self.text.get(next..).is_some_and(|rest| rest.starts_with("```")) => {
                return Verdict::End;
            }
            Some(_) => {}
        }
        match self.look_back(draft.body, self.at) {
            // A comma before a quote which begins the next string: the end quote was forgotten.
            Some((comma, ',')) if draft.stop == Stop::Quote => Verdict::Again(Stop::At(comma)),
            Some((colon, ':')) if draft.role == Role::Key && draft.stop == Stop::Quote => {
                Verdict::Again(Stop::At(colon))
            }
            Some((_, '+')) => Verdict::Again(Stop::Delimiter),
            Some((at, '/')) if at > 0 && self.text.as_bytes().get(at - 1) == Some(&b'*') => {
                Verdict::Again(Stop::Delimiter)
            }
            _ => Verdict::Inner,
        }
    }

    fn is_comment(&self, at: usize) -> bool {
        self.text.get(at..).is_some_and(|rest| rest.starts_with("//") || rest.starts_with("/*"))
    }

    /// A quote before a colon ends a key, so the string ended before the quote at `key` which began it.
    fn end_before_key(&mut self, key: usize, draft: &Draft) -> Stop {
        match self.look_back(draft.body, key) {
            Some((at, ',')) => Stop::At(at),
            Some((_, '{' | '[')) => Stop::Delimiter,
            _ => Stop::At(key),
        }
    }

    /// Whether what follows a quote and a comma is neither a key nor a closer but text which runs on to a
    /// quote that looks like the real end.
    fn text_goes_on(&mut self, after_comma: usize, quote: char) -> bool {
        let (next, c) = self.look_over_lines(after_comma);
        if !c.is_some_and(char::is_alphabetic) {
            return false;
        }
        let rest = self.text.get(next..).unwrap_or("");
        let name = rest.find(|c: char| !is_name(c) && c != '-').unwrap_or(rest.len());
        if matches!(self.look_over_lines(next + name), (_, Some(':' | '"') | None)) {
            return false;
        }
        for (offset, c) in rest.char_indices().take(256) {
            if matches!(c, '\n' | '{' | '}' | ':') {
                break;
            }
            if c == quote {
                self.spend(offset);
                let (end, c) = self.look_over_lines(next + offset + c.len_utf8());
                return matches!(c, Some('}' | ']') | None) || self.is_next_member(end);
            }
        }
        self.spend(256);
        false
    }

    /// The text ended within the string.
    fn unended(&mut self, start: usize, draft: Draft) -> Attempt {
        if draft.stop == Stop::Quote
            && let Some((_, last)) = self.look_back(draft.body, self.at)
            && ((is_delimiter(last) && !matches!(last, ':' | '(' | ')'))
                || self.text.trim_end().ends_with("```"))
        {
            return Attempt::Again(
                if draft.role == Role::Member && last != '+' && !self.holds_member(draft.body) {
                    Stop::At(self.without_closers(draft.body))
                } else {
                    Stop::Delimiter
                },
            );
        }
        self.note_at(RepairKind::MissingEndQuote, start);
        Attempt::Done(draft.cut())
    }

    /// Whether something like `, key:` stands between `from` and the end of the text.
    fn holds_member(&mut self, from: usize) -> bool {
        let rest = self.text.get(from..).unwrap_or("");
        self.spend(rest.len());
        rest.match_indices([',', '\n']).any(|(comma, _)| {
            let after = rest[comma + 1..].trim_start_matches([' ', '\t', '"', '\'']);
            let name = after.find(|c: char| !is_name(c)).unwrap_or(after.len());
            name > 0
                && after.starts_with(is_name_start)
                && name < 64
                && after[name..].trim_start_matches(['"', '\'', ' ']).starts_with(':')
        })
    }

    /// Where the text from `from` on ends if the commas, spaces and the closers at its end that nothing in it
    /// opened are taken off.
    fn without_closers(&self, from: usize) -> usize {
        let body = self.text.get(from..).unwrap_or("");
        let count = |c: char| body.matches(c).count();
        let mut spare = [count('}').saturating_sub(count('{')), count(']').saturating_sub(count('['))];
        let mut end = body.len();
        while let Some(c) = body.get(..end).and_then(|body| body.chars().next_back()) {
            match c {
                '}' if spare[0] > 0 => spare[0] -= 1,
                ']' if spare[1] > 0 => spare[1] -= 1,
                ',' => {}
                '`' if body.get(..end).is_some_and(|body| body.ends_with("```")) => end -= 2,
                c if is_space(c) => {}
                _ => break,
            }
            end -= c.len_utf8();
        }
        from + end
    }
}
