//! The recovering parser: a loop over an explicit stack of open containers.

mod container;

use serde_json::{Map, Value};

use self::container::{Frame, Kind};
use super::chars::is_quote;
use super::cursor::Cursor;
use super::string::Role;
use super::{LenientError, Options, Parsed, RepairKind};

/// What is read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// A value: at the root, after a colon, or an element.
    Value,
    /// An element, a comma too many or the closer of an array.
    Element,
    /// A key, a comma too many or the closer of an object.
    Key,
    /// A comma or a closer.
    Separator,
    /// Nothing: the root value is complete.
    End,
}

#[derive(Debug)]
pub(super) struct Machine<'t> {
    cursor: Cursor<'t>,
    stack: Vec<Frame>,
    root: Option<Value>,
    strict: bool,
    max_depth: usize,
    /// A comma was read and nothing since.
    after_comma: bool,
}

impl<'t> Machine<'t> {
    pub(super) fn new(text: &'t str, at: usize, options: &Options) -> Self {
        Self {
            cursor: Cursor::new(text, at),
            stack: Vec::new(),
            root: None,
            strict: !options.prose,
            max_depth: options.max_depth,
            after_comma: false,
        }
    }

    /// Reads a whole text: one value, or several separated by commas or newlines.
    pub(super) fn document(mut self) -> Result<Parsed, LenientError> {
        let first = self.value()?;
        let mut values = vec![first];
        loop {
            self.skip_spare_closers();
            let comma = self.cursor.peek() == Some(',');
            if comma {
                self.cursor.note(RepairKind::ExtraComma);
                self.cursor.at += 1;
                self.cursor.skip_filler();
            }
            let Some(c) = self.cursor.peek() else { break };
            let separated = comma
                || self.cursor.look_back(0, self.cursor.at).is_none_or(|(at, _)| {
                    self.cursor.text.get(at..self.cursor.at).is_some_and(|gap| gap.contains('\n'))
                });
            let nested = matches!(c, '{' | '[');
            let alike = match values.first() {
                Some(Value::Object(_) | Value::Array(_)) => nested,
                _ => !matches!(c, ')' | ':' | ';'),
            };
            if !alike || !(separated || (nested && !self.strict)) {
                if self.strict {
                    return Err(LenientError::Unexpected { found: c, at: self.cursor.at });
                }
                self.cursor.note(RepairKind::TextAfter);
                break;
            }
            values.push(self.value()?);
        }
        let repairs = self.cursor.repairs;
        Ok(match <[Value; 1]>::try_from(values) {
            Ok([value]) => Parsed { value, repairs },
            Err(values) => {
                let mut repairs = repairs;
                repairs.push(super::Repair { kind: RepairKind::ManyValues, at: 0 });
                Parsed { value: Value::Array(values), repairs }
            }
        })
    }

    fn skip_spare_closers(&mut self) {
        self.cursor.skip_filler();
        while let Some('}' | ']' | ';' | ')') = self.cursor.peek() {
            self.cursor.note(RepairKind::WrongCloser);
            self.cursor.at += 1;
            self.cursor.skip_filler();
        }
    }

    /// Reads one value with all that is nested in it.
    fn value(&mut self) -> Result<Value, LenientError> {
        let mut expect = Expect::Value;
        loop {
            self.cursor.skip_filler();
            expect = match expect {
                Expect::Value => self.read_value()?,
                Expect::Element => self.read_element(),
                Expect::Key => self.read_key()?,
                Expect::Separator => self.read_separator()?,
                Expect::End => match self.root.take() {
                    Some(value) => return Ok(value),
                    None => return Err(self.no_value()),
                },
            };
        }
    }

    fn no_value(&self) -> LenientError {
        match self.cursor.peek() {
            None => LenientError::Empty,
            Some(found) => LenientError::Unexpected { found, at: self.cursor.at },
        }
    }

    fn role(&self) -> Role {
        match self.stack.last() {
            Some(frame) if matches!(frame.kind, Kind::Object { .. }) => Role::Member,
            _ => Role::Element,
        }
    }

    fn read_value(&mut self) -> Result<Expect, LenientError> {
        let Some(c) = self.cursor.peek() else { return self.missing_value() };
        self.after_comma = false;
        Ok(match c {
            '{' => self.open(Kind::Object { members: Map::new(), key: None }, Expect::Key)?,
            '[' => self.open(Kind::Array { items: Vec::new() }, Expect::Element)?,
            '(' => {
                self.cursor.note(RepairKind::Tuple);
                self.open(Kind::Tuple { items: Vec::new(), comma: false }, Expect::Element)?
            }
            '}' | ']' | ')' | ',' | ';' => return self.missing_value(),
            ':' | '=' => {
                self.cursor.note(RepairKind::Stray);
                self.cursor.at += 1;
                Expect::Value
            }
            '.' if self.cursor.rest().starts_with("...") => {
                self.skip_ellipsis();
                Expect::Value
            }
            c if is_quote(c) || self.is_escaped_quote() => {
                let text = self.cursor.string(self.role(), self.strict)?;
                self.deliver_string(text)
            }
            _ => {
                if self.cursor.enter_call() {
                    self.cursor.at -= 1;
                    self.open(Kind::Call { items: Vec::new() }, Expect::Element)?
                } else {
                    let start = self.cursor.at;
                    let to_end = self.stack.is_empty() && !c.is_ascii_digit() && c != '-';
                    let value = self.cursor.scalar(self.role(), to_end);
                    if self.cursor.at == start {
                        // A sign that begins nothing.
                        self.cursor.note(RepairKind::Stray);
                        self.cursor.bump(c);
                        return Ok(Expect::Value);
                    }
                    self.deliver(value)
                }
            }
        })
    }

    fn is_escaped_quote(&self) -> bool {
        let mut chars = self.cursor.rest().chars();
        chars.next() == Some('\\') && chars.next().is_some_and(is_quote)
    }

    fn skip_ellipsis(&mut self) {
        self.cursor.note(RepairKind::Ellipsis);
        self.cursor.at += 3;
    }

    /// Nothing stands where a value is expected: `null` for a key that waits for it.
    fn missing_value(&mut self) -> Result<Expect, LenientError> {
        let waiting = self.stack.last().is_some_and(Frame::awaits_value);
        if waiting {
            self.cursor.note(RepairKind::MissingValue);
            return Ok(self.deliver(Value::Null));
        }
        if self.stack.is_empty() {
            return Err(self.no_value());
        }
        Ok(Expect::Separator)
    }

    fn read_element(&mut self) -> Expect {
        match self.cursor.peek() {
            Some(',') => {
                self.skip_comma();
                Expect::Element
            }
            Some('.') if self.cursor.rest().starts_with("...") => {
                self.skip_ellipsis();
                Expect::Element
            }
            Some('}' | ']' | ')') | None => {
                self.note_spare_comma();
                Expect::Separator
            }
            Some(_) => Expect::Value,
        }
    }

    fn skip_comma(&mut self) {
        self.cursor.note(RepairKind::ExtraComma);
        self.cursor.at += 1;
    }

    fn note_spare_comma(&mut self) {
        if self.after_comma {
            self.cursor.note(RepairKind::ExtraComma);
            self.after_comma = false;
        }
    }

    fn read_key(&mut self) -> Result<Expect, LenientError> {
        let Some(c) = self.cursor.peek() else {
            self.note_spare_comma();
            return Ok(Expect::Separator);
        };
        match c {
            ',' | ';' => {
                self.skip_comma();
                return Ok(Expect::Key);
            }
            '.' if self.cursor.rest().starts_with("...") => {
                self.skip_ellipsis();
                return Ok(Expect::Key);
            }
            '}' | ']' | ')' => {
                self.note_spare_comma();
                return Ok(Expect::Separator);
            }
            // A value where a key is due: the object ended before it.
            '{' | '[' => {
                self.cursor.note(RepairKind::MissingCloser);
                return Ok(self.close());
            }
            _ => {}
        }
        self.after_comma = false;
        let start = self.cursor.at;
        let bare = !is_quote(c) && !self.is_escaped_quote();
        let key = if bare { self.cursor.bare_key() } else { self.cursor.string(Role::Key, self.strict)? };
        if self.cursor.at == start {
            self.cursor.note(RepairKind::Stray);
            self.cursor.bump(c);
            return Ok(Expect::Key);
        }
        self.cursor.skip_filler();
        self.read_colon(key, bare)
    }

    /// Reads what separates a key from its value.
    fn read_colon(&mut self, key: String, bare: bool) -> Result<Expect, LenientError> {
        let next = self.cursor.peek();
        let rest = self.cursor.rest();
        if next == Some(':') {
            self.cursor.at += if rest.starts_with(":=") { 2 } else { 1 };
        } else if next == Some('=') {
            self.cursor.note(RepairKind::MissingColon);
            self.cursor.at += if rest.starts_with("=>") { 2 } else { 1 };
        } else if bare && next.is_some_and(is_quote) && self.cursor.is_member(self.cursor.at) {
            // A stray word before the next key.
            self.cursor.note(RepairKind::Stray);
            return Ok(Expect::Key);
        } else if matches!(next, Some(',' | '}' | ']' | ')')) {
            if self.strict {
                return Err(LenientError::ColonExpected { at: self.cursor.at });
            }
            return Ok(self.member_without_value(key, bare));
        } else if next.is_some() {
            self.cursor.note(RepairKind::MissingColon);
        }
        if let Some(Frame { kind: Kind::Object { key: pending, .. }, .. }) = self.stack.last_mut() {
            *pending = Some(key);
        }
        Ok(Expect::Value)
    }

    /// `{"a", "b"}` is a set of Python; elsewhere a word without a value is stray or worth `null`.
    fn member_without_value(&mut self, key: String, bare: bool) -> Expect {
        let Some(frame) = self.stack.last_mut() else { return Expect::End };
        if let Kind::Object { members, key: pending } = &mut frame.kind {
            if members.is_empty() {
                self.cursor.note(RepairKind::Set);
                frame.kind = Kind::Set { items: vec![Value::String(key)] };
            } else if bare {
                self.cursor.note(RepairKind::Stray);
            } else {
                *pending = Some(key);
                return Expect::Value;
            }
        }
        Expect::Separator
    }
}
