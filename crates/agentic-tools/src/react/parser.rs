//! A tolerant parser of one ReAct reply.
//!
//! It is synchronous and pure, never panics, and takes time linear in the length of the reply. What it cannot read with
//! confidence is a [`ReactError`] whose message tells the model what to write: bad output is never taken for an answer.
//!
//! # Rules
//!
//! **Labels** are `Thought:`, `Action:`, `Action Input:`, `Observation:` and `Final Answer:` at the beginning of a line, in any
//! case, bold or as a heading, with or without a number. Text before the first label is a thought.
//!
//! ```
//! use agentic_tools::react::parse;
//! let reply = parse("I need the time.\n**Action 1:** clock\n**Action Input 1:** {\"zone\": \"UTC\"}")?;
//! assert_eq!(reply.thought, "I need the time.");
//! assert_eq!(reply.actions()[0].tool, "clock");
//! assert_eq!(reply.actions()[0].input.to_string(), r#"{"zone":"UTC"}"#);
//! # Ok::<(), agentic_tools::react::ReactError>(())
//! ```
//!
//! **Inside a line** a label counts only where a thought or an action stands before it: `Final Answer:` after white space,
//! `Action:` after the end of a sentence, `Action Input:` and `Observation:` behind an action.
//!
//! ```
//! # use agentic_tools::react::parse;
//! assert_eq!(parse("Thought: Done. Final Answer: 42")?.answer(), Some("42"));
//! # Ok::<(), agentic_tools::react::ReactError>(())
//! ```
//!
//! **An action** is a name with an input below it, `Tool[argument]`, `tool(argument)`, or a JSON object such as
//! `{"action": …, "action_input": …}` or `{"name": …, "arguments": …}`; with JSON and one of these key pairs the label may be
//! missing. When the names of the tools are given, `tool[argument]` on a line of its own needs no label either.
//!
//! ```
//! # use agentic_tools::react::parse;
//! for text in [
//!     "Action: search\nAction Input: tides",
//!     "Action: Search[tides]",
//!     "Action: `search(\"tides\")`",
//!     "```json\n{\"action\": \"search\", \"action_input\": \"tides\"}\n```",
//! ] {
//!     assert_eq!(parse(text)?.actions()[0].input.to_string(), "tides");
//! }
//! # Ok::<(), agentic_tools::react::ReactError>(())
//! ```
//!
//! **An input** that is a JSON object or array is [`ActionInput::Json`]; anything else is text, without the quotes around the whole of it. JSON
//! may go over several lines, stand in a code fence, and be followed by chatter. Labels inside its strings are not labels.
//!
//! ```
//! # use agentic_tools::react::parse;
//! let reply = parse("Action: write\nAction Input:\n```json\n{\"lines\": [\n  \"Action: none\"\n]}\n```\nI wait.")?;
//! assert_eq!(reply.actions()[0].input.to_string(), r#"{"lines":["Action: none"]}"#);
//! # Ok::<(), agentic_tools::react::ReactError>(())
//! ```
//!
//! **Observations are not the model's to write.** Everything from its own first `Observation:` on is cut off and reported in [`Reply::cut`].
//!
//! ```
//! # use agentic_tools::react::{Cut, parse};
//! let reply = parse("Action: Search[tides]\nObservation: High.\nFinal Answer: High.")?;
//! assert_eq!((reply.actions().len(), reply.cut), (1, Some(Cut::Observation)));
//! # Ok::<(), agentic_tools::react::ReactError>(())
//! ```
//!
//! **Several actions** before that are all returned, in order. [`Reply::first_only`] keeps the first.
//!
//! ```
//! # use agentic_tools::react::parse;
//! let reply = parse("Action 1: Search[a]\nAction 2: Search[b]")?;
//! assert_eq!(reply.actions().len(), 2);
//! assert_eq!(reply.first_only().actions().len(), 1);
//! # Ok::<(), agentic_tools::react::ReactError>(())
//! ```
//!
//! **Both an action and a final answer:** what stands first holds. An answer written behind an action was written before its
//! observation and is cut; an action behind an answer is part of the answer's text. `Action: none` is no action.
//!
//! ```
//! # use agentic_tools::react::{Cut, parse};
//! let reply = parse("Action: Search[tides]\nFinal Answer: High.")?;
//! assert_eq!((reply.answer(), reply.cut), (None, Some(Cut::Answer)));
//! assert_eq!(parse("Action: none\nFinal Answer: High.")?.answer(), Some("High."));
//! # Ok::<(), agentic_tools::react::ReactError>(())
//! ```
//!
//! **A final answer** goes to the end of the reply, or to a `Thought:` or `Observation:` at the beginning of a later line. An action named
//! `Finish` or `Final Answer` is a final answer.
//!
//! ```
//! # use agentic_tools::react::parse;
//! assert_eq!(parse("Action: Finish[Oslo]")?.answer(), Some("Oslo"));
//! # Ok::<(), agentic_tools::react::ReactError>(())
//! ```
//!
//! **Neither, nothing, or half a step** is an error.
//!
//! ```
//! # use agentic_tools::react::{ReactError, parse};
//! assert_eq!(parse("It is raining."), Err(ReactError::NoStep));
//! assert_eq!(parse(" \n"), Err(ReactError::Empty));
//! assert_eq!(parse("Action: clock"), Err(ReactError::MissingInput { tool: "clock".into() }));
//! ```
//!
//! **Reasoning tags** (`<think>…</think>`) at the beginning hold a thought; labels inside them do not count.

mod action;
mod input;
mod json;
pub(super) mod label;
mod section;

#[cfg(test)]
pub(super) mod tests;

use std::fmt;

use serde_json::Value;

use action::Read;
use label::Label;
use section::Section;

/// Reads one JSON value; the error is a short reason.
pub type ReadJson = fn(&str) -> Result<Value, String>;

/// What a reply says.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Reply {
    /// The thoughts before the step; empty when there are none.
    pub thought: String,
    /// What to do.
    pub step: ReactStep,
    /// Why the end of the reply was left out, if it was.
    pub cut: Option<Cut>,
}

/// What a reply wants done.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ReactStep {
    /// Call these tools, in this order. Never empty.
    Actions(Vec<Action>),
    /// The work is done.
    Finish {
        /// The final answer; may be empty.
        answer: String,
    },
}

/// One call of a tool.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Action {
    /// The tool's name as written, without decoration.
    pub tool: String,
    /// Its input.
    pub input: ActionInput,
    /// What the model thought between the previous action and this one. For the first see [`Reply::thought`].
    pub thought: String,
}

/// The input of an action.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ActionInput {
    /// A JSON object or array.
    Json(Value),
    /// Anything else.
    Text(String),
}

impl fmt::Display for ActionInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(value) => value.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Why the end of a reply was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cut {
    /// The model wrote an observation itself: it and all after it is invented.
    Observation,
    /// A final answer stood behind an action whose observation the model had not seen.
    Answer,
    /// A further action could not be read.
    Unreadable,
    /// The model went on after its final answer.
    AfterAnswer,
}

/// Why a reply is no step. The message is written for the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReactError {
    /// Nothing but white space.
    #[error("the reply is empty; {HOW}")]
    Empty,
    /// Neither an action nor a final answer.
    #[error("the reply has neither an action nor a final answer; {HOW}")]
    NoStep,
    /// The model wrote an observation before any action.
    #[error("the reply begins with an observation, but observations are given to you; {HOW}")]
    ObservationFirst,
    /// A tool without input.
    #[error(
        "action `{tool}` has no input; below `Action: {tool}` write `Action Input:` and its arguments as JSON, {{}} if there are none"
    )]
    MissingInput {
        /// The tool's name.
        tool: String,
    },
    /// An input without a tool.
    #[error(
        "there is an `Action Input:` without an action; write `Action:` and the name of one tool above it"
    )]
    MissingTool,
    /// The action is broken.
    #[error(
        "action `{text}` cannot be read; write `Action:` and the name of one tool, below it `Action Input:` and its arguments as JSON"
    )]
    BadAction {
        /// The beginning of the action's text.
        text: String,
    },
}

const HOW: &str = "write `Thought:` and your reasoning, then either `Action:` with the name of one tool and `Action Input:` with its arguments as \
                   JSON, or `Final Answer:` with the answer";

impl Reply {
    /// The actions; none if the reply is a final answer.
    pub fn actions(&self) -> &[Action] {
        match &self.step {
            ReactStep::Actions(actions) => actions,
            ReactStep::Finish { .. } => &[],
        }
    }

    /// The final answer.
    pub fn answer(&self) -> Option<&str> {
        match &self.step {
            ReactStep::Actions(_) => None,
            ReactStep::Finish { answer } => Some(answer),
        }
    }

    /// The same reply with its first action only.
    #[must_use]
    pub fn first_only(mut self) -> Self {
        if let ReactStep::Actions(actions) = &mut self.step {
            actions.truncate(1);
        }
        self
    }
}

/// Reads a reply without knowing the tools.
///
/// # Errors
///
/// A [`ReactError`] when the reply is no step.
pub fn parse(text: &str) -> Result<Reply, ReactError> {
    ReactParser::new().parse(text)
}

/// The parser with its settings. See the [module](self) for the rules.
#[derive(Debug, Clone)]
pub struct ReactParser {
    tools: Vec<String>,
    read: ReadJson,
}

impl Default for ReactParser {
    fn default() -> Self {
        Self::new()
    }
}

impl ReactParser {
    /// Knows no tools; reads JSON objects leniently where only their notation is broken.
    pub fn new() -> Self {
        Self { tools: Vec::new(), read: json::read_lenient }
    }

    /// Names the tools, so that `tool[argument]` on a line of its own is an action without a label.
    #[must_use]
    pub fn with_tools(mut self, tools: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.tools.extend(tools.into_iter().map(Into::into));
        self
    }

    /// Reads JSON with `read` in the place of the usual reader.
    #[must_use]
    pub fn with_json(mut self, read: ReadJson) -> Self {
        self.read = read;
        self
    }

    /// Reads a reply.
    ///
    /// # Errors
    ///
    /// A [`ReactError`] when the reply is no step.
    pub fn parse(&self, text: &str) -> Result<Reply, ReactError> {
        if text.trim().is_empty() {
            return Err(ReactError::Empty);
        }
        let (reasoning, rest) = match text.trim_start().strip_prefix("<think>") {
            Some(inner) => inner.split_once("</think>").unwrap_or((inner, "")),
            None => ("", text),
        };
        let mut walk = self.walk(reasoning, rest);
        if walk.found_nothing() {
            let (begin, calls) = action::without_label(rest, &self.tools, self.read);
            if !calls.is_empty() {
                walk = self.walk(reasoning, &rest[..begin]);
                walk.calls(calls);
            }
        }
        walk.end()
    }

    /// Reads the text behind an `Action:` label: `Tool[argument]`, `tool(argument)` or JSON.
    ///
    /// # Errors
    ///
    /// [`ReactError::MissingInput`] for a name alone, [`ReactError::BadAction`] for what is no action.
    pub fn parse_action(&self, text: &str) -> Result<Vec<Action>, ReactError> {
        match action::read(text, self.read) {
            Read::Calls(calls) => Ok(calls),
            Read::Name(tool) => Err(ReactError::MissingInput { tool }),
            Read::Nothing | Read::Bad => Err(bad(text)),
        }
    }

    fn walk(&self, reasoning: &str, text: &str) -> Walk {
        let mut walk = Walk::default();
        walk.think(reasoning);
        for section in section::split(text, self.read) {
            if self.take(&mut walk, section) {
                break;
            }
        }
        walk.settle();
        walk
    }

    /// Takes one section; returns whether the rest of the reply does not count.
    fn take(&self, walk: &mut Walk, section: Section<'_>) -> bool {
        let text = section.text;
        match section.label {
            None | Some(Label::Thought) => walk.think(text),
            Some(Label::Observation) => {
                let after_answer = walk.answer.is_some();
                walk.cut = Some(if after_answer { Cut::AfterAnswer } else { Cut::Observation });
                return true;
            }
            Some(Label::Action) => {
                walk.settle();
                match action::read(text, self.read) {
                    Read::Calls(calls) => walk.calls(calls),
                    Read::Name(name) => walk.name = Some(name),
                    Read::Nothing => {}
                    Read::Bad => walk.fail(bad(text)),
                }
            }
            Some(Label::Input) => match walk.name.take() {
                Some(tool) => {
                    let input = input::read(text, self.read);
                    walk.calls(vec![Action { tool, input, thought: String::new() }]);
                }
                // `Action: tool()` with the arguments below.
                None => match walk.actions.last_mut() {
                    Some(last) if last.input == ActionInput::Text(String::new()) => {
                        last.input = input::read(text, self.read);
                    }
                    Some(_) => {}
                    None => walk.fail(ReactError::MissingTool),
                },
            },
            Some(Label::Answer) => {
                walk.settle();
                if !walk.actions.is_empty() || walk.error.is_some() {
                    walk.cut = Some(Cut::Answer);
                    return true;
                }
                walk.answer = Some(input::without_loose_fence(text).to_owned());
            }
        }
        // After an answer nothing else counts, and a broken action ends the reply.
        if walk.answer.is_some() && section.label != Some(Label::Answer) {
            walk.cut = Some(Cut::AfterAnswer);
            return true;
        }
        walk.error.is_some() && section.label != Some(Label::Thought)
    }
}

impl Action {
    /// Whether the action means the end of the work.
    fn is_finish(&self) -> bool {
        let name: String = self
            .tool
            .chars()
            .filter(|c| c.is_alphanumeric())
            .take(16)
            .collect::<String>()
            .to_ascii_lowercase();
        name == "finish" || name == "finalanswer"
    }

    fn into_answer(self) -> String {
        match self.input {
            ActionInput::Text(text) => text,
            ActionInput::Json(Value::Object(object)) => {
                // `{"answer": "…"}` is the answer, any other object is the answer itself.
                let only =
                    if object.len() == 1 { object.values().next().and_then(Value::as_str) } else { None };
                match only {
                    Some(answer) => answer.to_owned(),
                    None => Value::Object(object).to_string(),
                }
            }
            ActionInput::Json(value) => value.to_string(),
        }
    }
}

fn bad(text: &str) -> ReactError {
    let line = text.trim().lines().next().unwrap_or_default();
    ReactError::BadAction { text: line.chars().take(80).collect() }
}

/// What has been read of a reply so far.
#[derive(Debug, Default)]
struct Walk {
    /// Thoughts before the step.
    thought: Vec<String>,
    /// Thoughts since the last action.
    between: Vec<String>,
    actions: Vec<Action>,
    /// A tool whose input has not come yet.
    name: Option<String>,
    answer: Option<String>,
    cut: Option<Cut>,
    error: Option<ReactError>,
}

impl Walk {
    fn think(&mut self, text: &str) {
        let text = input::without_fences(text);
        if text.is_empty() || self.answer.is_some() {
            return;
        }
        let first = self.actions.is_empty() && self.name.is_none();
        if first { &mut self.thought } else { &mut self.between }.push(text.to_owned());
    }

    fn calls(&mut self, mut calls: Vec<Action>) {
        if let Some(first) = calls.first_mut() {
            first.thought = std::mem::take(&mut self.between).join("\n\n");
        }
        self.actions.append(&mut calls);
    }

    /// A tool that got no input until now gets none any more.
    fn settle(&mut self) {
        if let Some(tool) = self.name.take() {
            self.fail(ReactError::MissingInput { tool });
        }
    }

    fn fail(&mut self, error: ReactError) {
        self.error.get_or_insert(error);
    }

    fn found_nothing(&self) -> bool {
        self.answer.is_none() && self.actions.is_empty() && self.error.is_none() && self.cut.is_none()
    }

    fn end(self) -> Result<Reply, ReactError> {
        let thought = self.thought.join("\n\n");
        let (cut, step) = (self.cut, ReactStep::Actions(Vec::new()));
        let mut reply = Reply { thought, step, cut };
        if let Some(answer) = self.answer {
            reply.step = ReactStep::Finish { answer };
            return Ok(reply);
        }
        let mut actions = self.actions;
        // A finish behind other actions was written before their observations.
        match actions.iter().position(Action::is_finish) {
            Some(0) => {
                reply.step = ReactStep::Finish { answer: actions.swap_remove(0).into_answer() };
                return Ok(reply);
            }
            Some(at) => {
                actions.truncate(at);
                reply.cut = Some(Cut::Answer);
            }
            None => {}
        }
        if !actions.is_empty() {
            if self.error.is_some() {
                reply.cut = Some(Cut::Unreadable);
            }
            reply.step = ReactStep::Actions(actions);
            return Ok(reply);
        }
        Err(match self.error {
            Some(error) => error,
            None if self.cut == Some(Cut::Observation) => ReactError::ObservationFirst,
            None => ReactError::NoStep,
        })
    }
}
