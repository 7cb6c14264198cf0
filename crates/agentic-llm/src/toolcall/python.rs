//! Calls written like Python: `weather(city="Oslo", days=3)`, several on lines of their own or in a list.

use serde_json::{Map, Number, Value};

use super::event::{Call, ToolCallError};

/// Nesting deeper than this is refused, so that the reader's stack stays bounded.
const MAX_DEPTH: usize = 64;

/// Reads all calls of a text. Arguments must be named.
pub(super) fn read_calls(text: &str) -> Result<Vec<Call>, ToolCallError> {
    let mut reader = Reader { rest: text };
    let in_list = reader.eat('[');
    let mut calls = Vec::new();
    loop {
        reader.space();
        if reader.rest.is_empty() || (in_list && reader.eat(']')) {
            break;
        }
        calls.push(reader.call().ok_or(ToolCallError::Unrecognised)?);
        reader.eat(',');
    }
    reader.space();
    if calls.is_empty() || !reader.rest.is_empty() { Err(ToolCallError::Unrecognised) } else { Ok(calls) }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Takes `c` and the white space before it.
    fn eat(&mut self, c: char) -> bool {
        self.space();
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn take(&mut self, part: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !part(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn call(&mut self) -> Option<Call> {
        self.space();
        let name = self.take(|c| c.is_alphanumeric() || "_.-".contains(c));
        if name.is_empty() || !self.eat('(') {
            return None;
        }
        let mut arguments = Map::new();
        while !self.eat(')') {
            self.space();
            let key = self.take(|c| c.is_alphanumeric() || c == '_');
            if key.is_empty() || !self.eat('=') {
                return None;
            }
            arguments.insert(key.to_owned(), self.value(0)?);
            if !self.eat(',') && !self.rest.trim_start().starts_with(')') {
                return None;
            }
        }
        Some(Call::new(name, arguments))
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.space();
        match self.rest.chars().next()? {
            '"' | '\'' => self.string().map(Value::String),
            '[' | '(' if depth < MAX_DEPTH => self.list(depth),
            '{' if depth < MAX_DEPTH => self.dict(depth),
            c if c.is_ascii_digit() || c == '-' || c == '+' => self.number(),
            _ => match self.take(char::is_alphanumeric) {
                "True" | "true" => Some(Value::Bool(true)),
                "False" | "false" => Some(Value::Bool(false)),
                "None" | "null" => Some(Value::Null),
                _ => None,
            },
        }
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        let close = if self.eat('[') { ']' } else { ')' };
        if close == ')' {
            self.eat('(');
        }
        let mut items = Vec::new();
        while !self.eat(close) {
            items.push(self.value(depth + 1)?);
            if !self.eat(',') && !self.rest.trim_start().starts_with(close) {
                return None;
            }
        }
        Some(Value::Array(items))
    }

    fn dict(&mut self, depth: usize) -> Option<Value> {
        self.eat('{');
        let mut items = Map::new();
        while !self.eat('}') {
            self.space();
            let key = self.string()?;
            if !self.eat(':') {
                return None;
            }
            items.insert(key, self.value(depth + 1)?);
            if !self.eat(',') && !self.rest.trim_start().starts_with('}') {
                return None;
            }
        }
        Some(Value::Object(items))
    }

    fn number(&mut self) -> Option<Value> {
        let text = self.take(|c| c.is_ascii_alphanumeric() || "+-._".contains(c)).replace('_', "");
        if let Ok(number) = text.parse::<i64>() {
            return Some(number.into());
        }
        Number::from_f64(text.parse().ok()?).map(Value::Number)
    }

    fn string(&mut self) -> Option<String> {
        let quote = self.rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                _ if c == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Some(text);
                }
                '\\' => match chars.next()?.1 {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    'b' => text.push('\u{8}'),
                    '0' => text.push('\0'),
                    'x' => text.push(char::from_u32(unit(&mut chars, 2)?)?),
                    'u' => text.push(unicode(&mut chars)?),
                    c @ ('\\' | '"' | '\'') => text.push(c),
                    // Python keeps the backslash of an escape it does not know.
                    other => text.extend(['\\', other]),
                },
                _ => text.push(c),
            }
        }
        None
    }
}

/// The character after `\u`; one beyond the first 65536 may be written as two, as in JSON.
fn unicode(chars: &mut impl Iterator<Item = (usize, char)>) -> Option<char> {
    let first = unit(chars, 4)?;
    if !(0xD800..0xDC00).contains(&first) {
        return char::from_u32(first);
    }
    (chars.next()?.1 == '\\' && chars.next()?.1 == 'u').then_some(())?;
    let second = unit(chars, 4).filter(|second| (0xDC00..0xE000).contains(second))?;
    char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00))
}

/// The number of exactly so many hexadecimal digits.
fn unit(chars: &mut impl Iterator<Item = (usize, char)>, digits: usize) -> Option<u32> {
    (0..digits).try_fold(0, |value, _| Some(value * 16 + chars.next()?.1.to_digit(16)?))
}
