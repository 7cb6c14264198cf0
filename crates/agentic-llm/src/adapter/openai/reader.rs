//! Reads an answer out of the bytes of a body, however they are cut into pieces.

use std::collections::VecDeque;
use std::sync::Arc;

use agentic_core::{Messages, ModelDelta, ModelError, ModelErrorKind as Kind, ModelResponse};

use super::assembly::{Assembly, Deltas};
use super::origin::Origin;
use super::text::page_text;
use super::wire::Reply;
use crate::sse::{Decoder, Event, TooLong};

/// Reads one answer: a JSON object, or a stream of events. Knows nothing of connections.
#[derive(Debug)]
pub(super) struct Reader {
    origin: Arc<Origin>,
    form: Form,
    assembly: Assembly,
    deltas: Deltas,
    /// Whether the stream said that it is over.
    done: bool,
    /// Whether any event came.
    events: bool,
}

/// The form of a body.
#[derive(Debug)]
enum Form {
    /// Not known yet: no byte that tells came. `streamed`: a stream is likely.
    Unknown {
        streamed: bool,
    },
    Whole(Vec<u8>),
    Events(Decoder),
}

/// The longest body that is read whole.
const WHOLE_LIMIT: usize = 64 * 1024 * 1024;

impl Reader {
    /// A reader of a body with this content type. `streamed`: a stream was asked for. Neither is relied on: some
    /// servers ignore the wish, others name the wrong type. `watched`: somebody wants the deltas.
    pub(super) fn new(origin: Arc<Origin>, content_type: &str, streamed: bool, watched: bool) -> Self {
        let streamed = streamed || content_type.contains("event-stream");
        let deltas = Deltas { watched, ..Deltas::default() };
        Self {
            origin,
            form: Form::Unknown { streamed },
            assembly: Assembly::default(),
            deltas,
            done: false,
            events: false,
        }
    }

    /// Takes the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), ModelError> {
        if let Form::Unknown { streamed } = self.form {
            let Some(first) = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) else { return Ok(()) };
            let whole = *first == b'{' || !streamed;
            self.form = if whole { Form::Whole(Vec::new()) } else { Form::Events(Decoder::new()) };
        }
        let Self { origin, form, assembly, deltas, done, events } = self;
        match form {
            Form::Unknown { .. } => Ok(()),
            Form::Whole(body) => {
                if body.len() + bytes.len() > WHOLE_LIMIT {
                    let message = format!("the answer is longer than {WHOLE_LIMIT} bytes");
                    return Err(origin.error(Kind::InvalidResponse, message));
                }
                body.extend_from_slice(bytes);
                Ok(())
            }
            Form::Events(decoder) => decoder
                .push(bytes, |event| {
                    *events = true;
                    take(event, origin, assembly, deltas, done).map_err(Failure::Answer)
                })
                .map_err(|failure| failure.into_error(origin)),
        }
    }

    /// The next delta that is not taken yet.
    pub(super) fn next_delta(&mut self) -> Option<ModelDelta> {
        self.deltas.queue.pop_front()
    }

    /// Whether the answer is whole, so that nothing more needs to be read.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Whether the answer and its usage came, though the stream did not say that it is over.
    pub(super) fn is_whole(&self) -> bool {
        self.assembly.is_finished() && self.assembly.has_usage()
    }

    /// The body is over: gives the answer and the deltas that are left.
    ///
    /// A stream that ends early is [`Kind::Interrupted`], never a shorter answer.
    pub(super) fn finish(
        self,
        history: &Messages,
    ) -> Result<(ModelResponse, VecDeque<ModelDelta>), ModelError> {
        let Self { origin, form, mut assembly, mut deltas, mut done, mut events } = self;
        let interrupted = || {
            let message = format!("the answer of {} broke off before its end; try again", origin.host);
            origin.error(Kind::Interrupted, message)
        };
        match form {
            Form::Unknown { .. } => return Err(interrupted()),
            Form::Whole(body) => read_whole(&body, &origin, &mut assembly, &mut deltas)?,
            Form::Events(decoder) => {
                let left = decoder.finish(|event| {
                    events = true;
                    take(event, &origin, &mut assembly, &mut deltas, &mut done).map_err(Failure::Answer)
                });
                if let Err(failure) = left {
                    let error = failure.into_error(&origin);
                    // What the last event holds is cut, so what is wrong with it says nothing.
                    return Err(if error.kind() == Kind::InvalidResponse { interrupted() } else { error });
                }
                if !events {
                    let message =
                        "the answer holds no events; check that the base URL is one of chat completions";
                    return Err(origin.error(Kind::InvalidResponse, message));
                }
                if !done && !assembly.is_finished() {
                    return Err(interrupted());
                }
            }
        }
        let response = assembly.finish(&origin, history, &mut deltas)?;
        Ok((response, deltas.queue))
    }
}

/// Why the decoder stopped.
enum Failure {
    TooLong(TooLong),
    Answer(ModelError),
}

impl From<TooLong> for Failure {
    fn from(error: TooLong) -> Self {
        Self::TooLong(error)
    }
}

impl Failure {
    fn into_error(self, origin: &Origin) -> ModelError {
        match self {
            Self::TooLong(error) => origin.error(Kind::InvalidResponse, error.to_string()),
            Self::Answer(error) => error,
        }
    }
}

fn take(
    event: Event<'_>,
    origin: &Origin,
    assembly: &mut Assembly,
    deltas: &mut Deltas,
    done: &mut bool,
) -> Result<(), ModelError> {
    let data = event.data.trim();
    // What comes after the end is no part of the answer.
    if data.is_empty() || *done {
        return Ok(());
    }
    if data == "[DONE]" {
        *done = true;
        return Ok(());
    }
    if event.name == "error" {
        return Err(origin.in_band(data));
    }
    match serde_json::from_str::<Reply<'_>>(data) {
        Ok(reply) => assembly.take_chunk(&reply, origin, deltas),
        Err(error) => Err(unreadable(data.as_bytes(), &error, origin)),
    }
}

fn read_whole(
    body: &[u8],
    origin: &Origin,
    assembly: &mut Assembly,
    deltas: &mut Deltas,
) -> Result<(), ModelError> {
    // Looked at as a whole: every piece that is kept as raw JSON would be looked at again.
    let cut = || {
        let message = format!("the answer of {} broke off before its end; try again", origin.host);
        origin.error(Kind::Interrupted, message)
    };
    let text = std::str::from_utf8(body).map_err(|error| match error.error_len() {
        None => cut(),
        Some(_) => {
            let message = format!("the answer of {} is not UTF-8 text; check the base URL", origin.host);
            origin.error(Kind::InvalidResponse, message)
        }
    })?;
    match serde_json::from_str::<Reply<'_>>(text) {
        Ok(reply) => assembly.take_whole(&reply, origin, deltas),
        Err(error) if error.is_eof() => Err(cut()),
        Err(error) => Err(unreadable(body, &error, origin)),
    }
}

/// What is told of an answer that can't be read: where it is wrong if it is JSON, else what the page says.
fn unreadable(body: &[u8], error: &serde_json::Error, origin: &Origin) -> ModelError {
    let message = if matches!(body.trim_ascii().first(), Some(b'{' | b'[')) {
        let (line, column) = (error.line(), error.column());
        format!("the answer is no chat completion: wrong at line {line}, column {column}")
    } else {
        let page = origin.clean(&page_text(&String::from_utf8_lossy(body)));
        format!("the answer is no chat completion but \"{page}\"; check the base URL ({})", origin.host)
    };
    origin.error(Kind::InvalidResponse, message)
}

#[cfg(test)]
mod tests;
