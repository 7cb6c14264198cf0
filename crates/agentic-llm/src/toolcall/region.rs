//! Finds the end of one call.

use super::dialect::{Kind, Marker};
use super::scan::{JsonScan, Match, match_tag};

/// Before the JSON of a marker without closing tag stand at most this many bytes of a tool's name.
const MAX_HEAD: usize = 256;
const FUNCTION: &str = "<function=";
const FUNCTION_END: &str = "</function>";

/// A call whose marker has been read and whose end has not.
#[derive(Debug)]
pub(super) struct Region {
    marker: &'static Marker,
    /// Where the call's text begins in the buffer.
    pub(super) start: usize,
    /// The first closing tag that stood inside a string or a parameter.
    pub(super) first_close: Option<usize>,
    form: Form,
    scan: JsonScan,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Only white space so far.
    Unknown,
    Json,
    /// `<function=…`, not closed yet.
    Function,
    /// Anything else, or a function that is closed.
    Other,
}

/// Where a call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Its text ends at `text`; what follows begins at `next`.
    End { text: usize, next: usize },
    /// It does not end where it can be expected to.
    Nothing,
    /// More input is needed.
    More,
}

impl Region {
    pub(super) fn new(marker: &'static Marker, start: usize) -> Self {
        Self { marker, start, first_close: None, form: Form::Unknown, scan: JsonScan::default() }
    }

    /// The closing tag; empty where the end of the JSON value ends the call.
    pub(super) fn close_tag(&self) -> &'static str {
        match self.marker.kind {
            Kind::Until(close) | Kind::Including(close) => close,
            _ => "",
        }
    }

    /// Moves the call to the beginning of the buffer; returns by how much.
    pub(super) fn rebase(&mut self) -> usize {
        let by = std::mem::take(&mut self.start);
        self.first_close = self.first_close.map(|close| close - by);
        by
    }

    /// Moves `at` forward to the end of the call.
    pub(super) fn find_end(&mut self, buffer: &str, at: &mut usize, end: bool) -> Found {
        let tagged = !self.close_tag().is_empty();
        while let Some(c) = buffer[*at..].chars().next() {
            let rest = &buffer[*at..];
            let found =
                if tagged { self.at_tag(rest, *at, end) } else { self.at_next_marker(rest, *at, end) };
            if let Some(found) = found {
                return found;
            }
            let over = self.take(c, rest, *at, tagged);
            *at += if over { 0 } else { c.len_utf8() };
            if over || (!tagged && self.scan.done()) {
                return Found::End { text: *at, next: *at };
            }
        }
        if end { Found::Nothing } else { Found::More }
    }

    /// Looks for the closing tag, and for the tag of the next call where this one seems complete.
    fn at_tag(&mut self, rest: &str, at: usize, end: bool) -> Option<Found> {
        if self.form == Form::Unknown && match_tag(rest, FUNCTION) == Match::Partial && !end {
            return Some(Found::More);
        }
        if self.form == Form::Function {
            match match_tag(rest, FUNCTION_END) {
                Match::Full => self.form = Form::Other,
                Match::Partial if !end => return Some(Found::More),
                _ => {}
            }
        }
        let close = self.close_tag();
        match match_tag(rest, close) {
            Match::Full if self.inside() => {
                self.first_close.get_or_insert(at);
            }
            Match::Full => {
                let next = at + close.len();
                let including = matches!(self.marker.kind, Kind::Including(_));
                return Some(Found::End { text: if including { next } else { at }, next });
            }
            Match::Partial if !end => return Some(Found::More),
            _ => {}
        }
        if self.first_close.is_some() || self.scan.done() {
            match match_tag(rest, self.marker.open) {
                Match::Full if self.first_close.is_some() => return Some(Found::Nothing),
                Match::Full => return Some(Found::End { text: at, next: at }),
                Match::Partial if !end => return Some(Found::More),
                _ => {}
            }
        }
        None
    }

    /// Without a closing tag: a broken call ends at the latest where the next one begins.
    fn at_next_marker(&self, rest: &str, at: usize, end: bool) -> Option<Found> {
        if self.inside() {
            return None;
        }
        match match_tag(rest, self.marker.open) {
            Match::Full => Some(Found::End { text: at, next: at }),
            Match::Partial if !end => Some(Found::More),
            _ => None,
        }
    }

    /// Whether a tag here would be part of an argument.
    fn inside(&self) -> bool {
        match self.form {
            Form::Json => self.scan.in_string(),
            Form::Function => matches!(self.marker.kind, Kind::Until(_)),
            Form::Unknown | Form::Other => false,
        }
    }

    /// Takes a character that begins no tag; returns whether the call is over before it.
    fn take(&mut self, c: char, rest: &str, at: usize, tagged: bool) -> bool {
        if self.form == Form::Unknown && !c.is_whitespace() {
            self.form = match c {
                '{' | '[' => Form::Json,
                // Only where `at_tag` has waited for the whole of it.
                _ if tagged && rest.starts_with(FUNCTION) => Form::Function,
                _ => Form::Other,
            };
        }
        if self.form == Form::Json {
            self.scan.push(c);
        } else if !tagged && self.form == Form::Other {
            // The name before the JSON.
            if c == '{' {
                self.form = Form::Json;
                self.scan.push(c);
            } else {
                return c == '\n' || at - self.start >= MAX_HEAD;
            }
        }
        false
    }
}
