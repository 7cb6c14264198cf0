//! A reply while it is being written.

use super::parser::label::{Label, at_line_start, inside_line, short_input};
use super::parser::{ReactError, ReactParser, Reply};

/// A line is held back only as long as it may still become a label: the longest label with decoration is shorter than this.
const MAX_LABEL: usize = 48;

/// What a reply in progress shows. Meant for eyes: what counts is the result of [`ReactStream::finish`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamEvent {
    /// A further piece of a thought.
    Thought(String),
    /// A further piece of an action, input included.
    Action(String),
    /// A further piece of the final answer.
    Answer(String),
    /// The model begins to write an observation itself. Nothing it writes from here on counts: the request can be
    /// cancelled.
    Observation,
}

/// Takes a reply piece by piece.
///
/// The events, pieces of the same kind joined, are the same however the reply is split, and so is the result.
///
/// ```
/// use agentic_tools::react::{ReactParser, ReactStream, StreamEvent};
/// let mut stream = ReactStream::new(ReactParser::new());
/// assert_eq!(stream.feed("Thought: It is late. Fin"), [StreamEvent::Thought("It is late.".into())]);
/// assert_eq!(stream.feed("al Answer: Yes"), [StreamEvent::Answer("Yes".into())]);
/// let (events, reply) = stream.finish();
/// assert_eq!(events, []);
/// assert_eq!(reply?.answer(), Some("Yes"));
/// # Ok::<(), agentic_tools::react::ReactError>(())
/// ```
#[derive(Debug)]
pub struct ReactStream {
    parser: ReactParser,
    text: String,
    section: Option<Label>,
    /// Text of the current line that may still become a label.
    held: String,
    /// The held text begins where a line begins.
    line_start: bool,
    /// Nothing has been shown of this section yet, so that white space is dropped.
    fresh: bool,
    observed: bool,
    /// The label was decorated, so that decoration behind it belongs to it.
    decorated: bool,
    reasoning: Reasoning,
    input: InputState,
}

/// Where the reply stands with respect to `<think>` tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reasoning {
    Unknown,
    Inside,
    Over,
}

/// Whether the text of an input is inside a JSON string, where no label can stand.
#[derive(Debug, Clone, Copy, Default)]
struct InputState {
    json: Option<bool>,
    in_string: bool,
    escaped: bool,
}

impl InputState {
    fn take(&mut self, c: char) {
        match c {
            _ if self.json.is_none() && c.is_whitespace() => {}
            _ if self.json.is_none() => self.json = Some(matches!(c, '{' | '[')),
            _ if self.json == Some(false) => {}
            _ if self.escaped => self.escaped = false,
            '\\' if self.in_string => self.escaped = true,
            '"' => self.in_string = !self.in_string,
            _ => {}
        }
    }
}

impl ReactStream {
    /// A stream whose result `parser` reads.
    pub fn new(parser: ReactParser) -> Self {
        Self {
            parser,
            text: String::new(),
            section: None,
            held: String::new(),
            line_start: true,
            fresh: true,
            observed: false,
            decorated: false,
            reasoning: Reasoning::Unknown,
            input: InputState::default(),
        }
    }

    /// Takes the next piece.
    pub fn feed(&mut self, delta: &str) -> Vec<StreamEvent> {
        let mut events = Vec::new();
        for c in delta.chars() {
            self.take(c, &mut events);
        }
        self.text.push_str(delta);
        events
    }

    /// Ends the reply and reads the whole of it.
    pub fn finish(mut self) -> (Vec<StreamEvent>, Result<Reply, ReactError>) {
        let mut events = Vec::new();
        let held = std::mem::take(&mut self.held);
        self.show(held.trim_end(), &mut events);
        let reply = self.parser.parse(&self.text);
        (events, reply)
    }

    /// Everything is decided character by character, so that splitting cannot change it.
    fn take(&mut self, c: char, events: &mut Vec<StreamEvent>) {
        if self.observed {
            return;
        }
        self.held.push(c);
        if self.reasoning != Reasoning::Over && self.reason(c, events) {
            return;
        }
        if self.section == Some(Label::Input) {
            self.input.take(c);
        }
        if matches!(c, ':' | '：') && self.label(events) {
            return;
        }
        if c == '\n' {
            if !self.label(events) {
                self.release(self.held.len(), events);
            }
            self.line_start = true;
            return;
        }
        if c.is_whitespace() {
            return;
        }
        if self.line_start {
            let bare = self.held.trim_start();
            let may_be = bare.len() <= MAX_LABEL && !bare.contains(':');
            if may_be
                && bare.chars().all(|c| c.is_alphanumeric() || " #>*_`-".contains(c))
                && starts_like_label(bare)
            {
                return;
            }
            self.line_start = false;
        }
        // Hold only a tail that may become a label inside the line, and the white space before it.
        let tail = self.tail();
        self.release(tail, events);
    }

    /// Follows `<think>` tags at the beginning of the reply; returns whether the character is dealt with.
    fn reason(&mut self, c: char, events: &mut Vec<StreamEvent>) -> bool {
        if c.is_whitespace() {
            if self.reasoning == Reasoning::Inside {
                return true;
            }
            // White space before the reply means nothing.
            if self.held.len() == c.len_utf8() {
                self.held.clear();
                return true;
            }
        }
        if self.reasoning == Reasoning::Unknown {
            let tag = self.held.trim_start();
            if "<think>".starts_with(tag) {
                if tag == "<think>" {
                    self.held.clear();
                    self.reasoning = Reasoning::Inside;
                }
                return true;
            }
            self.reasoning = Reasoning::Over;
            return false;
        }
        if let Some(thought) = self.held.strip_suffix("</think>") {
            let thought = thought.trim_end().to_owned();
            self.show(&thought, events);
            self.held.clear();
            (self.line_start, self.fresh, self.reasoning) = (true, true, Reasoning::Over);
            return true;
        }
        let tag = self.held.rfind('<').filter(|at| "</think>".starts_with(&self.held[*at..]));
        if tag.is_none() {
            self.release(self.held.len(), events);
        }
        true
    }

    /// Where the part begins that may become a label inside a line.
    fn tail(&self) -> usize {
        if !matches!(self.section, None | Some(Label::Thought | Label::Action)) {
            return self.held.len();
        }
        let from = self.held.len().saturating_sub(MAX_LABEL);
        let at = self.held.char_indices().map(|(at, _)| at).find(|at| {
            let rest = self.held[*at..].trim_start_matches(['*', '_']);
            *at >= from
                && self.held[..*at].ends_with(char::is_whitespace)
                && ["Final Answer", "Action Input", "Observation"].iter().any(|name| {
                    name.starts_with(rest)
                        || rest.strip_prefix(name).is_some_and(|rest| rest.len() < 16)
                        || (rest.starts_with("Action ") && rest.len() < 24)
                })
        });
        at.map_or(self.held.len(), |at| self.held[..at].trim_end().len())
    }

    /// Shows the first `end` bytes of the held text.
    fn release(&mut self, end: usize, events: &mut Vec<StreamEvent>) {
        let rest = self.held.split_off(end);
        let text = std::mem::replace(&mut self.held, rest);
        self.show(&text, events);
    }

    fn show(&mut self, text: &str, events: &mut Vec<StreamEvent>) {
        let text = match (self.fresh, self.decorated) {
            (true, true) => text.trim_start_matches(|c: char| c.is_whitespace() || "*_`".contains(c)),
            (true, false) => text.trim_start(),
            (false, _) => text,
        };
        if text.is_empty() || self.observed {
            return;
        }
        self.fresh = false;
        match (self.section, events.last_mut()) {
            (None | Some(Label::Thought), Some(StreamEvent::Thought(last)))
            | (Some(Label::Action | Label::Input), Some(StreamEvent::Action(last)))
            | (Some(Label::Answer), Some(StreamEvent::Answer(last))) => last.push_str(text),
            (None | Some(Label::Thought), _) => events.push(StreamEvent::Thought(text.to_owned())),
            (Some(Label::Action | Label::Input), _) => events.push(StreamEvent::Action(text.to_owned())),
            (Some(Label::Answer), _) => events.push(StreamEvent::Answer(text.to_owned())),
            (Some(Label::Observation), _) => {}
        }
    }

    /// Looks for a label that is complete now.
    fn label(&mut self, events: &mut Vec<StreamEvent>) -> bool {
        if self.section == Some(Label::Input) && self.input.in_string {
            return false;
        }
        let found = if self.line_start {
            let found = at_line_start(&self.held);
            let found = if self.section == Some(Label::Action) {
                found.or_else(|| short_input(&self.held))
            } else {
                found
            };
            let strict = self.section == Some(Label::Answer);
            found
                .filter(|_| {
                    !strict || self.held.starts_with("Observation") || self.held.starts_with("Thought")
                })
                .map(|found| (0, found))
        } else {
            inside_line(&self.held, self.section)
        };
        let Some((start, found)) = found else { return false };
        let before = self.held[..start].trim_end().to_owned();
        self.show(&before, events);
        self.decorated = self.held[start..].trim_start().starts_with(['*', '_', '`']);
        self.input = InputState::default();
        self.held.drain(..found.end.min(self.held.len()));
        self.section = Some(found.label);
        self.line_start = matches!(found.label, Label::Thought | Label::Action);
        self.fresh = true;
        if found.label == Label::Observation {
            self.observed = true;
            self.held.clear();
            events.push(StreamEvent::Observation);
        }
        true
    }
}

/// Whether a line may still become a label.
fn starts_like_label(line: &str) -> bool {
    let name = line.trim_start_matches(['#', '>', '*', '_', '`', ' ']);
    ["thought", "action", "observation", "final", "input"].iter().any(|word| {
        let length = word.len().min(name.len());
        name.get(..length).is_some_and(|head| head.eq_ignore_ascii_case(&word[..length]))
    })
}
