//! Open containers: how values go into them and how they close.

use serde_json::{Map, Value};

use super::{Expect, Machine};
use crate::lenient::chars::is_quote;
use crate::lenient::{LenientError, RepairKind};

/// A container that is not closed yet.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Array {
        items: Vec<Value>,
    },
    Object {
        members: Map<String, Value>,
        key: Option<String>,
    },
    /// Parentheses around values.
    Tuple {
        items: Vec<Value>,
        comma: bool,
    },
    /// The arguments of a call.
    Call {
        items: Vec<Value>,
    },
    /// Values without keys in braces.
    Set {
        items: Vec<Value>,
    },
}

impl Frame {
    fn closer(&self) -> char {
        match self.kind {
            Kind::Array { .. } => ']',
            Kind::Object { .. } | Kind::Set { .. } => '}',
            Kind::Tuple { .. } | Kind::Call { .. } => ')',
        }
    }

    /// Whether a key waits for its value.
    pub(super) fn awaits_value(&self) -> bool {
        matches!(self.kind, Kind::Object { key: Some(_), .. })
    }

    fn items(&mut self) -> Option<&mut Vec<Value>> {
        match &mut self.kind {
            Kind::Array { items }
            | Kind::Tuple { items, .. }
            | Kind::Call { items }
            | Kind::Set { items } => Some(items),
            Kind::Object { .. } => None,
        }
    }

    fn is_object(&self) -> bool {
        matches!(self.kind, Kind::Object { .. })
    }

    fn finish(self) -> Value {
        match self.kind {
            Kind::Array { items } | Kind::Set { items } => Value::Array(items),
            Kind::Object { mut members, key } => {
                if let Some(key) = key {
                    members.insert(key, Value::Null);
                }
                Value::Object(members)
            }
            Kind::Tuple { mut items, comma: false } if items.len() == 1 => items.remove(0),
            Kind::Call { mut items } if items.len() < 2 => items.pop().unwrap_or(Value::Null),
            Kind::Tuple { items, .. } | Kind::Call { items } => Value::Array(items),
        }
    }
}

impl Machine<'_> {
    pub(super) fn open(&mut self, kind: Kind, next: Expect) -> Result<Expect, LenientError> {
        if self.stack.len() >= self.max_depth {
            return Err(LenientError::TooDeep { limit: self.max_depth, at: self.cursor.at });
        }
        self.stack.push(Frame { kind });
        self.cursor.at += 1;
        Ok(next)
    }

    /// Puts a finished value where it belongs.
    pub(super) fn deliver(&mut self, value: Value) -> Expect {
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(value);
            return Expect::End;
        };
        if let Kind::Object { members, key } = &mut frame.kind {
            if let Some(key) = key.take() {
                members.insert(key, value);
            }
        } else if let Some(items) = frame.items() {
            items.push(value);
        }
        Expect::Separator
    }

    /// Delivers a string; before a colon in an array it is the key of an object without braces.
    pub(super) fn deliver_string(&mut self, text: String) -> Expect {
        let in_array = self.stack.last().is_some_and(|frame| matches!(frame.kind, Kind::Array { .. }));
        if in_array
            && self.stack.len() < self.max_depth
            && self.cursor.look_over_lines(self.cursor.at).1 == Some(':')
        {
            self.cursor.note(RepairKind::BareMember);
            self.stack.push(Frame { kind: Kind::Object { members: Map::new(), key: Some(text) } });
            self.cursor.skip_filler();
            self.cursor.at += 1;
            return Expect::Value;
        }
        self.deliver(Value::String(text))
    }

    /// Closes the innermost container.
    pub(super) fn close(&mut self) -> Expect {
        match self.stack.pop() {
            Some(frame) => self.deliver(frame.finish()),
            None => Expect::End,
        }
    }

    pub(super) fn read_separator(&mut self) -> Result<Expect, LenientError> {
        let Some(frame) = self.stack.last_mut() else { return Ok(Expect::End) };
        let next = if frame.is_object() { Expect::Key } else { Expect::Element };
        let Some(c) = self.cursor.peek() else {
            self.cursor.note(RepairKind::MissingCloser);
            return Ok(self.close());
        };
        Ok(match c {
            ',' => {
                if let Kind::Tuple { comma, .. } = &mut frame.kind {
                    *comma = true;
                }
                self.cursor.at += 1;
                self.after_comma = true;
                next
            }
            '}' | ']' | ')' => self.read_closer(c),
            '.' if self.cursor.rest().starts_with("...") => {
                self.skip_ellipsis();
                Expect::Separator
            }
            ':' | ';' => {
                self.cursor.note(RepairKind::Stray);
                self.cursor.at += 1;
                Expect::Separator
            }
            _ => {
                self.cursor.note(RepairKind::MissingComma);
                self.after_comma = false;
                next
            }
        })
    }

    fn read_closer(&mut self, c: char) -> Expect {
        let Some(top) = self.stack.last() else { return Expect::End };
        if top.closer() == c {
            // `{"a": 1}, "b": 2}`: the object goes on.
            let goes_on =
                self.stack.len() == 1 && top.is_object() && self.cursor.is_next_member(self.cursor.at + 1);
            self.cursor.at += 1;
            if goes_on {
                self.cursor.note(RepairKind::WrongCloser);
                return Expect::Separator;
            }
            return self.close();
        }
        let Some(depth) = self.stack.iter().rposition(|frame| frame.closer() == c) else {
            self.cursor.note(RepairKind::WrongCloser);
            self.cursor.at += 1;
            self.cursor.spend(self.stack.len());
            return Expect::Separator;
        };
        let outer_is_object =
            depth.checked_sub(1).and_then(|outer| self.stack.get(outer)).is_some_and(Frame::is_object);
        if c == '}' && !outer_is_object && self.cursor.is_next_member(self.cursor.at + 1) {
            // The wrong kind of closer: the object it would close has further members.
            self.cursor.note(RepairKind::WrongCloser);
            self.cursor.at += 1;
            return self.close();
        }
        self.cursor.note(RepairKind::MissingCloser);
        self.close()
    }
}

impl super::Cursor<'_> {
    /// A key without quotes.
    pub(super) fn bare_key(&mut self) -> String {
        use crate::lenient::chars::{ends_unquoted, is_space};
        let start = self.at;
        while let Some(c) = self.peek() {
            if ends_unquoted(c)
                || matches!(c, ':' | '=' | ')')
                || is_quote(c)
                || self.rest().starts_with("/*")
            {
                break;
            }
            self.bump(c);
        }
        let key = self.text.get(start..self.at).unwrap_or("").trim_end_matches(is_space).to_owned();
        self.note_at(RepairKind::UnquotedString, start);
        if let Some(quote) = self.peek().filter(|c| is_quote(*c))
            && self.look(self.at + quote.len_utf8()).1 == Some(':')
        {
            self.bump(quote);
        }
        key
    }
}
