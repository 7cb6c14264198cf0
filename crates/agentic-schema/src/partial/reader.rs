//! The reader: an explicit stack over the text that has arrived.

use serde_json::{Map, Number, Value};

use super::{Allow, Partial, PartialError};

const MAX_DEPTH: usize = 512;

/// An open container.
enum Frame {
    Array(Vec<Value>),
    Object(Map<String, Value>, Option<String>),
}

/// What one step found.
enum Step {
    /// A whole value.
    Whole(Value),
    /// The text ends within a value; what may be shown of it.
    Cut(Option<Value>),
    /// A container opened, or a sign between values was read.
    Moved,
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrClose,
    KeyOrClose,
    Key,
    Colon,
    CommaOrClose,
}

pub(super) struct Reader<'t> {
    text: &'t str,
    at: usize,
    allow: Allow,
    stack: Vec<Frame>,
    expect: Expect,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str, allow: Allow) -> Self {
        Self { text, at: 0, allow, stack: Vec::new(), expect: Expect::Value }
    }

    pub(super) fn read(mut self) -> Result<Partial, PartialError> {
        loop {
            self.skip_space();
            let step = match self.peek() {
                None => Step::Cut(None),
                Some(byte) => self.step(byte)?,
            };
            match step {
                Step::Moved => {}
                Step::Cut(value) => {
                    let value = self.unwind(value).ok_or(PartialError::Incomplete)?;
                    return Ok(Partial { value, complete: false });
                }
                Step::Whole(value) => {
                    if let Some(value) = self.place(value) {
                        self.skip_space();
                        return match self.peek() {
                            None => Ok(Partial { value, complete: true }),
                            Some(_) => Err(self.malformed()),
                        };
                    }
                    self.expect = Expect::CommaOrClose;
                }
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn malformed(&self) -> PartialError {
        PartialError::Malformed { at: self.at }
    }

    /// Puts a whole value into the innermost container, or returns it if none is open.
    fn place(&mut self, value: Value) -> Option<Value> {
        match self.stack.last_mut() {
            None => return Some(value),
            Some(Frame::Array(items)) => items.push(value),
            Some(Frame::Object(members, key)) => {
                if let Some(key) = key.take() {
                    members.insert(key, value);
                }
            }
        }
        None
    }

    /// Closes all open containers around an unfinished value.
    fn unwind(&mut self, mut inner: Option<Value>) -> Option<Value> {
        while let Some(frame) = self.stack.pop() {
            inner = match frame {
                Frame::Array(mut items) => {
                    items.extend(inner);
                    self.allow.contains(Allow::ARRAYS).then_some(Value::Array(items))
                }
                Frame::Object(mut members, key) => {
                    if let (Some(key), Some(inner)) = (key, inner) {
                        members.insert(key, inner);
                    }
                    self.allow.contains(Allow::OBJECTS).then_some(Value::Object(members))
                }
            };
        }
        inner
    }

    fn step(&mut self, byte: u8) -> Result<Step, PartialError> {
        match (self.expect, byte) {
            (Expect::ValueOrClose, b']') | (Expect::KeyOrClose, b'}') => self.close(),
            (Expect::CommaOrClose, b']') if matches!(self.stack.last(), Some(Frame::Array(_))) => {
                self.close()
            }
            (Expect::CommaOrClose, b'}') if matches!(self.stack.last(), Some(Frame::Object(..))) => {
                self.close()
            }
            (Expect::CommaOrClose, b',') => {
                self.at += 1;
                self.expect = if matches!(self.stack.last(), Some(Frame::Array(_))) {
                    Expect::Value
                } else {
                    Expect::Key
                };
                Ok(Step::Moved)
            }
            (Expect::Colon, b':') => {
                self.at += 1;
                self.expect = Expect::Value;
                Ok(Step::Moved)
            }
            (Expect::Key | Expect::KeyOrClose, b'"') => {
                let (text, whole) = self.string()?;
                if !whole {
                    return Ok(Step::Cut(None));
                }
                if let Some(Frame::Object(_, key)) = self.stack.last_mut() {
                    *key = Some(text);
                }
                self.expect = Expect::Colon;
                Ok(Step::Moved)
            }
            (Expect::Value | Expect::ValueOrClose, _) => self.value(byte),
            _ => Err(self.malformed()),
        }
    }

    fn close(&mut self) -> Result<Step, PartialError> {
        self.at += 1;
        match self.stack.pop() {
            Some(Frame::Array(items)) => Ok(Step::Whole(Value::Array(items))),
            Some(Frame::Object(members, _)) => Ok(Step::Whole(Value::Object(members))),
            None => Err(self.malformed()),
        }
    }

    fn open(&mut self, frame: Frame, next: Expect) -> Result<Step, PartialError> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(PartialError::TooDeep { limit: MAX_DEPTH, at: self.at });
        }
        self.at += 1;
        self.stack.push(frame);
        self.expect = next;
        Ok(Step::Moved)
    }

    fn value(&mut self, byte: u8) -> Result<Step, PartialError> {
        match byte {
            b'[' => self.open(Frame::Array(Vec::new()), Expect::ValueOrClose),
            b'{' => self.open(Frame::Object(Map::new(), None), Expect::KeyOrClose),
            b'"' => {
                let (text, whole) = self.string()?;
                if whole {
                    return Ok(Step::Whole(Value::String(text)));
                }
                Ok(Step::Cut(self.allow.contains(Allow::STRINGS).then_some(Value::String(text))))
            }
            b'n' => self.literal("null", Value::Null, Allow::NULL),
            b't' => self.literal("true", Value::Bool(true), Allow::BOOLEANS),
            b'f' => self.literal("false", Value::Bool(false), Allow::BOOLEANS),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(self.malformed()),
        }
    }

    fn literal(&mut self, word: &str, value: Value, kind: Allow) -> Result<Step, PartialError> {
        let rest = self.text.get(self.at..).unwrap_or("");
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(Step::Whole(value));
        }
        if word.starts_with(rest) {
            return Ok(Step::Cut(self.allow.contains(kind).then_some(value)));
        }
        self.at += rest.bytes().zip(word.bytes()).take_while(|(a, b)| a == b).count();
        Err(self.malformed())
    }

    fn number(&mut self) -> Result<Step, PartialError> {
        let rest = self.text.get(self.at..).unwrap_or("");
        let (length, ended) = number_prefix(rest);
        let digits = rest.get(..length).unwrap_or("");
        if length == rest.len() {
            if self.stack.is_empty()
                && ended
                && let Some(value) = exact(digits)
            {
                self.at += length;
                return Ok(Step::Whole(value));
            }
            let known = if ended { digits } else { digits.trim_end_matches(['e', 'E', '+', '-', '.']) };
            let shown = self.allow.contains(Allow::NUMBERS).then(|| exact(known)).flatten();
            return Ok(Step::Cut(shown));
        }
        match exact(digits).filter(|_| ended) {
            Some(value) => {
                self.at += length;
                Ok(Step::Whole(value))
            }
            None => {
                self.at += length;
                Err(self.malformed())
            }
        }
    }

    /// Reads a string; `false` if the text ends before its end quote.
    fn string(&mut self) -> Result<(String, bool), PartialError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or("");
            let plain = rest.bytes().take_while(|b| !matches!(b, b'"' | b'\\' | 0..=0x1f)).count();
            out.push_str(rest.get(..plain).unwrap_or(""));
            self.at += plain;
            match self.peek() {
                None => return Ok((out, false)),
                Some(b'"') => {
                    self.at += 1;
                    return Ok((out, true));
                }
                Some(b'\\') => match self.escape()? {
                    Some(c) => out.push(c),
                    None => return Ok((out, false)),
                },
                Some(_) => return Err(self.malformed()),
            }
        }
    }

    /// Reads an escape; `None` if the text ends within it.
    fn escape(&mut self) -> Result<Option<char>, PartialError> {
        let Some(kind) = self.text.as_bytes().get(self.at + 1).copied() else { return Ok(None) };
        let c = match kind {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(self.malformed()),
        };
        self.at += 2;
        Ok(Some(c))
    }

    fn unicode(&mut self) -> Result<Option<char>, PartialError> {
        let Some(high) = self.hex(self.at + 2)? else { return Ok(None) };
        if let Some(c) = char::from_u32(high) {
            self.at += 6;
            return Ok(Some(c));
        }
        let next = self.text.get(self.at + 6..).unwrap_or("");
        if high >= 0xdc00 || !(next.starts_with("\\u") || "\\u".starts_with(next)) {
            return Err(self.malformed());
        }
        if next.len() < 2 {
            return Ok(None);
        }
        let Some(low) = self.hex(self.at + 8)? else { return Ok(None) };
        if !(0xdc00..0xe000).contains(&low) {
            return Err(self.malformed());
        }
        self.at += 12;
        Ok(char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)))
    }

    /// Four hexadecimal digits at `at`; `None` if the text ends within them.
    fn hex(&self, at: usize) -> Result<Option<u32>, PartialError> {
        let rest = self.text.as_bytes().get(at..).unwrap_or(&[]);
        let digits = rest.get(..4).unwrap_or(rest);
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(self.malformed());
        }
        if digits.len() < 4 {
            return Ok(None);
        }
        let value =
            digits.iter().fold(0, |value, digit| value * 16 + char::from(*digit).to_digit(16).unwrap_or(0));
        Ok(Some(value))
    }
}

/// The length of the longest beginning of `text` that can begin a number, and whether it is one.
fn number_prefix(text: &str) -> (usize, bool) {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes.iter().skip(from).take_while(|b| b.is_ascii_digit()).count();
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let whole = if bytes.get(at) == Some(&b'0') { 1 } else { digits(at) };
    at += whole;
    let mut ended = whole > 0;
    if ended && bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        at += 1 + fraction;
        ended = fraction > 0;
    }
    if ended && matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        let exponent = digits(at);
        at += exponent;
        ended = exponent > 0;
    }
    (at, ended)
}

fn exact(digits: &str) -> Option<Value> {
    serde_json::from_str::<Number>(digits).ok().map(Value::Number)
}
