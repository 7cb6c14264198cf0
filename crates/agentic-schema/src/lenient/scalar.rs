//! Numbers, literals and strings without quotes.

use serde_json::{Number, Value};

use super::RepairKind;
use super::chars::{ends_unquoted, is_name, is_name_start, is_quote, is_space, is_url};
use super::cursor::Cursor;
use super::string::Role;

impl Cursor<'_> {
    /// If a call begins at the cursor (`name(` or `new name(`), moves into its parentheses.
    pub(super) fn enter_call(&mut self) -> bool {
        let rest = self.rest();
        let skipped = if rest.starts_with("new ") { 4 } else { 0 };
        let Some(rest) = rest.get(skipped..).filter(|rest| rest.starts_with(is_name_start)) else {
            return false;
        };
        let name = rest.find(|c| !is_name(c) && c != '.').unwrap_or(rest.len());
        let Some(rest) = rest.get(name..) else { return false };
        let space = rest.find(|c| !is_space(c)).unwrap_or(rest.len());
        if name > 64 || space > 16 || !rest[space..].starts_with('(') {
            return false;
        }
        self.note(RepairKind::Call);
        self.at += skipped + name + space + 1;
        true
    }

    /// Reads a value that begins with neither a bracket nor a quote. `to_end` takes all the text that is left
    /// as one string.
    pub(super) fn scalar(&mut self, role: Role, to_end: bool) -> Value {
        if let Some(value) = self.plain_number(role) {
            return value;
        }
        let start = self.at;
        if let Some(text) = self.regular_expression() {
            return Value::String(text);
        }
        if to_end {
            return self.all_text();
        }
        self.unquoted_run(role);
        let symbol = self.text.get(start..self.at).unwrap_or("").trim_end_matches(is_space);
        if let Some(quote) = self.peek().filter(|c| is_quote(*c))
            && self.closes_unquoted(quote)
        {
            self.note(RepairKind::UnquotedString);
            self.bump(quote);
            return Value::String(symbol.to_owned());
        }
        self.symbol(start, symbol)
    }

    /// Whether a quote after a string without quotes is its end quote (the start quote is missing) rather than
    /// the start of the next string.
    fn closes_unquoted(&mut self, quote: char) -> bool {
        let after = self.at + quote.len_utf8();
        matches!(self.look(after).1, None | Some(',' | '}' | ']' | ')' | '\n' | ':'))
    }

    /// Reads to the end of a string without quotes.
    fn unquoted_run(&mut self, role: Role) {
        let start = self.at;
        let mut previous = None;
        let mut parens = 0_usize;
        while let Some(c) = self.peek() {
            if c == '/' && previous == Some(':') && self.rest().starts_with("//") {
                while let Some(c) = self.peek().filter(|c| is_url(*c)) {
                    self.bump(c);
                }
                break;
            }
            let comment = c == '/' && (self.rest().starts_with("/*") || self.rest().starts_with("//"));
            let quoted = is_quote(c) && !(c == '\'' && previous.is_some_and(char::is_alphanumeric));
            let fence = c == '`' && self.rest().starts_with("```");
            if (ends_unquoted(c) && !(c == '+' && self.at == start))
                || comment
                || quoted
                || fence
                || (c == ')' && parens == 0)
                || (role == Role::Key && matches!(c, ':' | '='))
            {
                break;
            }
            if role == Role::Member && previous.is_some_and(is_space) && !is_space(c) && self.is_bare_member()
            {
                break;
            }
            match c {
                '(' => parens += 1,
                // Without one that is open, a closing one ends a call or a tuple.
                ')' => parens -= 1,
                _ => {}
            }
            previous = Some(c);
            self.bump(c);
        }
    }

    /// Whether a name and a colon stand at the cursor: the next member without a comma before it.
    fn is_bare_member(&self) -> bool {
        let rest = self.rest();
        if !rest.starts_with(is_name_start) {
            return false;
        }
        let name = rest.bytes().take(48).take_while(|b| is_name(char::from(*b))).count();
        rest.get(name..)
            .is_some_and(|rest| rest.starts_with(": ") || rest.starts_with(":\"") || rest.starts_with(":["))
            && rest
                .get(..name)
                .is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_'))
    }

    fn all_text(&mut self) -> Value {
        let start = self.at;
        let rest = self.rest();
        let whole = rest.trim_matches(is_space);
        self.at = self.text.len();
        let end = whole.trim_end_matches([',', ';']).trim_end_matches(is_space);
        let single_line = !whole.contains('\n');
        if let Some(value) = single_line.then(|| literal(end)).flatten() {
            if !matches!(end, "true" | "false" | "null") {
                self.note_at(RepairKind::ForeignLiteral, start);
            }
            if end.len() < whole.len() {
                self.note_at(RepairKind::ExtraComma, start + end.len());
            }
            if rest.contains(|c: char| is_space(c) && !matches!(c, ' ' | '\t' | '\n' | '\r')) {
                self.note_at(RepairKind::OddSpace, start);
            }
            return value;
        }
        self.note_at(RepairKind::UnquotedString, start);
        let open = whole.strip_suffix('"').filter(|text| !text.contains('"'));
        Value::String(open.unwrap_or(whole).to_owned())
    }

    /// `/pattern/` of JavaScript becomes a string with its slashes.
    fn regular_expression(&mut self) -> Option<String> {
        let body = self.rest().strip_prefix('/')?;
        let mut escaped = false;
        let end = body.char_indices().take_while(|(_, c)| *c != '\n').find(|(_, c)| {
            let found = *c == '/' && !escaped;
            escaped = !escaped && *c == '\\';
            found
        });
        self.spend(end.map_or(body.len(), |(offset, _)| offset));
        let (offset, _) = end?;
        let text = self.rest().get(..offset + 2)?.to_owned();
        self.note(RepairKind::UnquotedString);
        self.at += text.len();
        Some(text)
    }

    /// A number at the cursor, if a separator follows it.
    fn plain_number(&mut self, role: Role) -> Option<Value> {
        let rest = self.rest();
        let length = rest
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b'_'))
            .count();
        let text = rest.get(..length)?;
        if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
            return None;
        }
        let text = text.trim_end_matches('_');
        let after = self.at + text.len();
        let (value, odd) = number(text)?;
        let (next, c) = self.look(after);
        let separated = match c {
            None => true,
            Some(c) if ends_unquoted(c) || matches!(c, ')' | ';' | '}') => true,
            Some('/') => self.text.get(next..)?.starts_with("//") || self.text.get(next..)?.starts_with("/*"),
            Some(c) if is_quote(c) => {
                next > after || !matches!(self.look(next + c.len_utf8()).1, None | Some(',' | '}' | ']'))
            }
            Some(c) if next > after => {
                c.is_ascii_digit()
                    || c == '-'
                    || (role == Role::Member && self.is_bare_key(next))
                    || self.text.get(next..)?.starts_with("...")
            }
            Some(':') => role == Role::Element,
            Some(_) => false,
        };
        if !separated {
            return None;
        }
        if odd {
            self.note(RepairKind::OddNumber);
        }
        self.at = after;
        Some(value)
    }

    fn is_bare_key(&mut self, at: usize) -> bool {
        let rest = self.text.get(at..).unwrap_or("");
        let name = rest.bytes().take(48).take_while(|b| is_name(char::from(*b))).count();
        name > 0 && self.look(at + name).1 == Some(':')
    }

    /// A word that may be a literal.
    fn symbol(&mut self, start: usize, symbol: &str) -> Value {
        if let Some(value) = literal(symbol) {
            if !matches!(symbol, "true" | "false" | "null") {
                self.note_at(RepairKind::ForeignLiteral, start);
            }
            return value;
        }
        self.note_at(RepairKind::UnquotedString, start);
        Value::String(symbol.to_owned())
    }
}

/// The literals of JSON, Python and JavaScript.
fn literal(word: &str) -> Option<Value> {
    Some(match word {
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        "null" | "Null" | "NULL" | "None" | "undefined" | "nil" | "NaN" | "nan" | "Infinity"
        | "-Infinity" | "+Infinity" => Value::Null,
        _ => return None,
    })
}

/// The number that `text` writes, and whether it had to be mended.
fn number(text: &str) -> Option<(Value, bool)> {
    if let Ok(number) = serde_json::from_str::<Number>(text) {
        return Some((Value::Number(number), false));
    }
    let unsigned = text.trim_start_matches(['+', '-']);
    if text.len() - unsigned.len() > 1 {
        return None;
    }
    let minus = if text.starts_with('-') { "-" } else { "" };
    if unsigned.is_empty() {
        return (text == "-").then(|| (Value::from(0), true));
    }
    if let Some(hex) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        let number = i64::from_str_radix(hex, 16).ok()?;
        return Some((Value::from(if minus.is_empty() { number } else { -number }), true));
    }
    let mut digits = unsigned.to_owned();
    if has_digit_groups(&digits) {
        digits.retain(|c| c != '_');
    }
    let whole = digits.bytes().take_while(u8::is_ascii_digit).count();
    if whole > 1 && digits.starts_with('0') {
        return None;
    }
    if digits.starts_with('.') {
        digits.insert(0, '0');
    }
    let cut = digits.ends_with(['e', 'E', '+', '-', '.']);
    let cut_digits = digits.trim_end_matches(['+', '-']).trim_end_matches(['e', 'E']);
    let mut mended = if cut { cut_digits.to_owned() } else { digits };
    if cut {
        // A number cut short stays a float if it was going to be one.
        mended = mended.trim_end_matches('.').to_owned();
        if !mended.contains(['.', 'e', 'E']) {
            mended.push_str(".0");
        }
    } else if let Some((head, tail)) = mended.split_once(".e").or_else(|| mended.split_once(".E")) {
        mended = format!("{head}e{tail}");
    }
    let number = serde_json::from_str::<Number>(&format!("{minus}{mended}")).ok()?;
    Some((Value::Number(number), true))
}

/// `12_345_678`: underscores between digits.
fn has_digit_groups(text: &str) -> bool {
    text.contains('_')
        && text.split('_').all(|group| !group.is_empty())
        && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'_' | b'.'))
}
