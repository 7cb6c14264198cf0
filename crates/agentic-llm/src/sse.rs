//! Server-sent events, decoded from bytes in pieces of any size.
//!
//! The format is the WHATWG's (HTML Living Standard, "Server-sent events", "Interpreting an event stream"):
//! lines end with CR, LF or CRLF, a leading byte order mark is skipped, lines of one event's data are joined by
//! LF, bytes that are not UTF-8 become U+FFFD. Three differences, for what model servers send:
//!
//! - `id` and `retry` are skipped: an answer can't be taken up again, so nothing could use them.
//! - [`Decoder::finish`] gives the last event even where the blank line after it is missing.
//! - An event may be at most [`Decoder::with_limit`] bytes long.

use memchr::memchr2;
use thiserror::Error;

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its type; empty if the server names none.
    pub name: &'a str,
    /// Its data, lines joined by LF.
    pub data: &'a str,
}

/// An event is longer than the decoder's limit. The stream can't be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an event of the stream is longer than {limit} bytes; raise the limit if that is right")]
pub struct TooLong {
    /// The limit in bytes.
    pub limit: usize,
}

/// Decodes a stream of events. What comes out does not depend on how the bytes are split.
#[derive(Clone, Debug)]
pub struct Decoder {
    limit: usize,
    /// The start of a line whose end has not come yet.
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    name: Vec<u8>,
    /// The last byte was a CR that ended a line: an LF right after it belongs to it.
    skip_lf: bool,
    /// Whether the first line began: only before it there may be a byte order mark.
    begun: bool,
}

/// The limit on one event, unless said otherwise: 16 MiB.
const DEFAULT_LIMIT: usize = 16 * 1024 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl Default for Decoder {
    fn default() -> Self {
        Self {
            limit: DEFAULT_LIMIT,
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            name: Vec::new(),
            skip_lf: false,
            begun: false,
        }
    }
}

impl Decoder {
    /// A decoder that takes events of up to 16 MiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same decoder, but for events of up to `bytes` bytes.
    pub fn with_limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Decodes the next bytes and gives each event that they complete to `each`.
    ///
    /// # Errors
    /// [`TooLong`], or what `each` gave; then the decoder is of no more use.
    pub fn push<E: From<TooLong>>(
        &mut self,
        mut bytes: &[u8],
        mut each: impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.skip_lf && !bytes.is_empty() {
            self.skip_lf = false;
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = memchr2(b'\r', b'\n', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            let rest = match (bytes[end], rest) {
                (b'\r', []) => {
                    self.skip_lf = true;
                    rest
                }
                (b'\r', [b'\n', rest @ ..]) => rest,
                _ => rest,
            };
            if self.line.is_empty() {
                self.line(line, &mut each)?;
            } else {
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                self.line(&whole, &mut each)?;
                whole.clear();
                self.line = whole;
            }
            bytes = rest;
        }
        if self.line.len() + self.data.len() + bytes.len() > self.limit {
            return Err(TooLong { limit: self.limit }.into());
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    /// The stream is over: gives the last event to `each` if the blank line after it is missing.
    ///
    /// Returns whether there was one. Its data may be cut.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish<E: From<TooLong>>(
        mut self,
        mut each: impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.line(&line, &mut each)?;
        }
        let pending = self.has_data;
        self.dispatch(&mut each)?;
        Ok(pending)
    }

    fn line<E: From<TooLong>>(
        &mut self,
        line: &[u8],
        each: &mut impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if line.len() + self.data.len() > self.limit {
            return Err(TooLong { limit: self.limit }.into());
        }
        let first = !std::mem::replace(&mut self.begun, true);
        let line = if first { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line) } else { line };
        if line.is_empty() {
            return self.dispatch(each);
        }
        let (field, value) = match memchr::memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.has_data = true;
                self.data.extend_from_slice(value);
            }
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(value);
            }
            // A comment, `id`, `retry`, or a field that nobody knows.
            _ => {}
        }
        Ok(())
    }

    fn dispatch<E>(&mut self, each: &mut impl FnMut(Event<'_>) -> Result<(), E>) -> Result<(), E> {
        let result = if self.has_data {
            let (name, data) = (String::from_utf8_lossy(&self.name), String::from_utf8_lossy(&self.data));
            each(Event { name: &name, data: &data })
        } else {
            Ok(())
        };
        self.has_data = false;
        self.data.clear();
        self.name.clear();
        result
    }
}

#[cfg(test)]
mod tests;
