//! The incremental parser: one scan position over a buffer that holds only what is not decided yet.

use super::body;
use super::convert::ToolSchemas;
use super::dialect::{Dialect, Kind, Marker, Thinking};
use super::event::{Call, Event, Malformed, Reply, ToolCallError};
use super::json::{ReadJson, read_bare, read_lenient};
use super::region::{Found, Region};
use super::scan::{JsonScan, Match, is_json_char, match_tag};

/// The longest line that is taken for the opening of a code fence, in bytes.
const MAX_FENCE: usize = 32;

/// Reads a reply piece by piece. See the [module](super) for the rules.
///
/// ```
/// use agentic_llm::toolcall::{Dialect, Event, ToolCallParser, ToolSchemas};
/// let mut parser = ToolCallParser::new(Dialect::hermes(), ToolSchemas::new());
/// assert_eq!(parser.feed("Hi <tool"), [Event::Content("Hi".into())]);
/// assert_eq!(parser.feed("box>"), [Event::Content(" <toolbox>".into())]);
/// assert_eq!(parser.finish(), []);
/// ```
#[derive(Debug)]
pub struct ToolCallParser {
    dialect: Dialect,
    schemas: ToolSchemas,
    read: ReadJson,
    state: State,
    /// Text that is not decided yet. Everything before `at` has been looked at.
    buffer: String,
    at: usize,
    /// White space and the opening of a code fence: dropped if a call follows, else text.
    held: String,
    held_fence: bool,
    /// White space is dropped until the next text.
    skip_space: bool,
    /// Only white space has come since the last newline.
    line_start: bool,
    /// The last call stood in a code fence that is not closed yet.
    in_fence: bool,
    /// A call has been read and no text since.
    after_call: bool,
    /// JSON before this position of the buffer was looked at and is not a call.
    no_bare_before: usize,
}

#[derive(Debug)]
enum State {
    /// The very beginning of reasoning, where an opening tag is dropped.
    ThinkingStart,
    Thinking,
    Text,
    /// Inside a call.
    Region(Region),
    /// JSON without tags, from `start` on.
    Bare {
        start: usize,
        scan: JsonScan,
    },
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// The state changed or moved on: look again.
    Again,
    /// More input is needed.
    Wait,
}

impl ToolCallParser {
    /// A parser of one reply.
    pub fn new(dialect: Dialect, schemas: ToolSchemas) -> Self {
        let (state, skip_space) = match dialect.thinking {
            Thinking::Open if dialect.strip_open => (State::ThinkingStart, false),
            Thinking::Open => (State::Thinking, false),
            Thinking::Tagged => (State::Text, true),
            Thinking::Plain => (State::Text, false),
        };
        Self {
            dialect,
            schemas,
            read: read_lenient,
            state,
            buffer: String::new(),
            at: 0,
            held: String::new(),
            held_fence: false,
            skip_space,
            line_start: true,
            in_fence: false,
            after_call: false,
            no_bare_before: 0,
        }
    }

    /// Reads JSON with `read` in the place of the usual reader, which is lenient about notation.
    #[must_use]
    pub fn with_json(mut self, read: ReadJson) -> Self {
        self.read = read;
        self
    }

    /// Takes the next piece of the reply and returns what it decides.
    pub fn feed(&mut self, delta: &str) -> Vec<Event> {
        self.buffer.push_str(delta);
        self.run(false)
    }

    /// Ends the reply and returns what was still open.
    pub fn finish(mut self) -> Vec<Event> {
        self.run(true)
    }

    fn run(&mut self, end: bool) -> Vec<Event> {
        let mut events = Vec::new();
        while self.step(end, &mut events) == Step::Again {}
        if end && (!self.skip_space || self.held_fence) {
            self.emit(&self.held, &mut events);
            self.held.clear();
        }
        self.compact();
        events
    }

    /// Forgets the part of the buffer that is decided.
    fn compact(&mut self) {
        let done = match &mut self.state {
            State::Region(region) => region.rebase(),
            State::Bare { start, .. } => std::mem::take(start),
            _ => self.at,
        };
        self.buffer.drain(..done);
        self.at -= done;
        self.no_bare_before = self.no_bare_before.saturating_sub(done);
    }

    fn step(&mut self, end: bool, events: &mut Vec<Event>) -> Step {
        match self.state {
            State::ThinkingStart => self.thinking_start(end),
            State::Thinking | State::Text => self.text(end, events),
            State::Region(_) => self.region(end, events),
            State::Bare { .. } => self.bare(end, events),
        }
    }

    fn thinking_start(&mut self, end: bool) -> Step {
        match match_tag(&self.buffer[self.at..], self.dialect.think_open) {
            Match::Partial if !end => return Step::Wait,
            Match::Full => {
                self.at += self.dialect.think_open.len();
                self.skip_space = true;
            }
            _ => {}
        }
        self.state = State::Thinking;
        Step::Again
    }

    /// Passes text on until something begins that may be a tag.
    fn text(&mut self, end: bool, events: &mut Vec<Event>) -> Step {
        let thinking = matches!(self.state, State::Thinking);
        while let Some(c) = self.buffer[self.at..].chars().next() {
            if c.is_whitespace() {
                if !self.skip_space || self.held_fence {
                    self.held.push(c);
                }
                self.line_start |= c == '\n';
                self.at += c.len_utf8();
                continue;
            }
            let mut partial = false;
            if let Some(step) = self.tag(thinking, end, &mut partial) {
                return step;
            }
            if !thinking && self.dialect.bare_json {
                if c == '`' && (self.line_start || self.in_fence) {
                    match self.fence(end) {
                        Some(Step::Again) => continue,
                        Some(Step::Wait) => return Step::Wait,
                        None => {}
                    }
                }
                if (c == '{' || c == '[') && self.line_start && self.at >= self.no_bare_before && !partial {
                    self.state = State::Bare { start: self.at, scan: JsonScan::default() };
                    return Step::Again;
                }
            }
            if partial {
                return Step::Wait;
            }
            self.emit(&self.held, events);
            self.held.clear();
            self.emit(&self.buffer[self.at..self.at + c.len_utf8()], events);
            self.at += c.len_utf8();
            (self.skip_space, self.line_start, self.after_call) = (false, false, false);
            (self.held_fence, self.in_fence) = (false, false);
        }
        Step::Wait
    }

    /// Looks for a tag at the current position. `partial` tells that one may begin here.
    fn tag(&mut self, thinking: bool, end: bool, partial: &mut bool) -> Option<Step> {
        let rest = &self.buffer[self.at..];
        let mut look = |tag| match match_tag(rest, tag) {
            Match::Full => true,
            Match::Partial => {
                *partial |= !end;
                false
            }
            Match::No => false,
        };
        if thinking && look(self.dialect.think_close) {
            self.at += self.dialect.think_close.len();
            self.state = State::Text;
            self.after_tag();
            return Some(Step::Again);
        }
        let opens = !thinking && self.dialect.thinking != Thinking::Plain && self.line_start;
        if opens && look(self.dialect.think_open) {
            self.at += self.dialect.think_open.len();
            self.state = State::Thinking;
            self.after_tag();
            return Some(Step::Again);
        }
        let markers: &'static [Marker] = self.dialect.markers;
        for marker in markers {
            let stray = marker.kind == Kind::DropAfterCall;
            if (stray && !self.after_call) || !look(marker.open) {
                continue;
            }
            let here = self.at;
            self.at += marker.open.len();
            if stray || marker.kind == Kind::Drop {
                return Some(Step::Again);
            }
            self.in_fence |= self.held_fence;
            self.held_fence = false;
            self.held.clear();
            let including = matches!(marker.kind, Kind::Including(_));
            let start = if including { here } else { self.at };
            self.state = State::Region(Region::new(marker, start));
            return Some(Step::Again);
        }
        None
    }

    /// After a tag: white space belongs to the tag, and what follows is like a new line.
    fn after_tag(&mut self) {
        self.held.clear();
        (self.skip_space, self.line_start, self.held_fence) = (true, true, false);
    }

    /// Looks at a backquote: the opening of a code fence is held, the closing one after a call is dropped.
    fn fence(&mut self, end: bool) -> Option<Step> {
        let rest = &self.buffer[self.at..];
        match match_tag(rest, "```") {
            Match::No => return None,
            Match::Partial => return if end { None } else { Some(Step::Wait) },
            Match::Full => {}
        }
        if self.in_fence {
            self.at += 3;
            self.in_fence = false;
            return Some(Step::Again);
        }
        let line = rest.split_once('\n').map(|(line, _)| line);
        let info = &line.unwrap_or(rest)[3..];
        let info = info.strip_suffix('\r').unwrap_or(info);
        if info.len() > MAX_FENCE || !info.chars().all(|c| c.is_ascii_alphanumeric() || "_-+ ".contains(c)) {
            return None;
        }
        let Some(line) = line else { return if end { None } else { Some(Step::Wait) } };
        self.held.push_str(line);
        self.held.push('\n');
        self.at += line.len() + 1;
        self.held_fence = true;
        Some(Step::Again)
    }

    /// Looks for the end of a call.
    fn region(&mut self, end: bool, events: &mut Vec<Event>) -> Step {
        let State::Region(region) = &mut self.state else { return Step::Again };
        let found = region.find_end(&self.buffer, &mut self.at, end);
        let close = region.close_tag().len();
        let (text_end, next, closed) = match (found, region.first_close) {
            (Found::More, _) => return Step::Wait,
            (Found::End { text, next }, _) => (text, next, true),
            // What held the closing tag was never ended: the first closing tag was meant.
            (Found::Nothing, Some(first)) => (first, first + close, true),
            (Found::Nothing, None) => (self.at, self.at, false),
        };
        let raw = &self.buffer[region.start..text_end];
        self.at = next;
        match body::read(raw, closed, &self.schemas, self.read) {
            Ok(calls) => events.extend(calls.into_iter().map(Event::Call)),
            Err(error) => {
                let error = if closed { error } else { ToolCallError::Unfinished };
                events.push(Event::Malformed(Malformed { raw: raw.to_owned(), error }));
            }
        }
        self.called();
        Step::Again
    }

    fn called(&mut self) {
        self.state = State::Text;
        self.after_tag();
        self.after_call = true;
    }

    /// Follows JSON without tags to its end.
    fn bare(&mut self, end: bool, events: &mut Vec<Event>) -> Step {
        let State::Bare { start, scan } = &mut self.state else { return Step::Again };
        let start = *start;
        while let Some(c) = self.buffer[self.at..].chars().next() {
            if !scan.in_string() && !is_json_char(c) {
                return self.not_bare(start);
            }
            scan.push(c);
            self.at += c.len_utf8();
            if scan.done() {
                let calls: Option<Vec<Call>> =
                    read_bare(&self.buffer[start..self.at], &self.schemas, self.read);
                let Some(calls) = calls else { return self.not_bare(start) };
                events.extend(calls.into_iter().map(Event::Call));
                self.in_fence |= self.held_fence;
                self.called();
                return Step::Again;
            }
        }
        if end { self.not_bare(start) } else { Step::Wait }
    }

    /// It was no call: goes back and takes it for text, which happens at most once for each part of the reply.
    fn not_bare(&mut self, start: usize) -> Step {
        self.no_bare_before = self.at.max(start + 1);
        self.at = start;
        self.state = State::Text;
        Step::Again
    }

    fn emit(&self, text: &str, events: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        let thinking = matches!(self.state, State::Thinking | State::ThinkingStart);
        match (events.last_mut(), thinking) {
            (Some(Event::Thinking(last)), true) | (Some(Event::Content(last)), false) => last.push_str(text),
            (_, true) => events.push(Event::Thinking(text.to_owned())),
            (_, false) => events.push(Event::Content(text.to_owned())),
        }
    }
}

/// Reads a whole reply.
pub fn parse(dialect: Dialect, schemas: &ToolSchemas, text: &str) -> Reply {
    let mut parser = ToolCallParser::new(dialect, schemas.clone());
    let mut events = parser.feed(text);
    events.extend(parser.finish());
    events.into_iter().collect()
}
