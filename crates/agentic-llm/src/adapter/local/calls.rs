//! Tool calls: the grammar that makes each of them valid, and reading them as they are written.
//!
//! One call is written as Qwen, Hermes and others were trained to:
//!
//! ```text
//! <tool_call>
//! {"name": "read_file", "arguments": {"path": "a.txt"}}
//! </tool_call>
//! ```

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::grammar::{Grammar, with_layout};
use super::template::python_json;

/// The tool by which the final answer is given where a turn must be a call.
pub(crate) const ANSWER: &str = "final_answer";
/// Its one parameter.
pub(crate) const ANSWER_TEXT: &str = "answer";

const OPEN: &str = "<tool_call>\n";
const HEAD: &str = "{\"name\": \"";
const MIDDLE: &str = "\", \"arguments\": ";
const THOUGHT_HEAD: &str = "{\"thought\": \"";
const THOUGHT_MIDDLE: &str = "\", \"name\": \"";
const TAIL: &str = "}";
const CLOSE: &str = "\n</tool_call>";

/// A tool as it is offered to the model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ToolDef {
    pub(crate) name: String,
    pub(crate) description: String,
    /// JSON schema of the arguments.
    pub(crate) parameters: Value,
}

impl ToolDef {
    /// The tool that gives the final answer, as it is described to the model.
    pub(crate) fn answer(schema: Option<&Value>) -> Self {
        let text = json!({"type": "string", "description": "The complete answer."});
        Self {
            name: ANSWER.into(),
            description: "Gives the final answer to the user and ends the task.".into(),
            parameters: json!({
                "type": "object",
                "properties": {ANSWER_TEXT: schema.unwrap_or(&text)},
                "required": [ANSWER_TEXT],
            }),
        }
    }

    /// The form chat templates take.
    pub(crate) fn to_template(&self) -> Value {
        json!({
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": self.parameters},
        })
    }
}

/// What may be written in one turn.
#[derive(Debug, Clone)]
pub(crate) struct Turn<'a> {
    /// The tools that may be called in this turn.
    pub(crate) tools: &'a [ToolDef],
    /// Calls at most.
    pub(crate) max_calls: usize,
    /// Characters of a thought before each call; 0 for none.
    pub(crate) max_thought: usize,
    /// How the turn may be an answer instead of a call.
    pub(crate) answer: Answer<'a>,
}

/// How a turn may be an answer instead of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer<'a> {
    /// It may not.
    Forbidden,
    /// As prose, or as JSON that keeps to a schema.
    Plain(Option<&'a Value>),
    /// As prose, which must not look like a call.
    Prose,
    /// As a call of [`ANSWER`], whose argument is a string, or JSON that keeps to a schema.
    Call(Option<&'a Value>),
}

/// The grammar of one turn; `None` when anything may be written.
pub(crate) fn turn_grammar(turn: &Turn<'_>) -> Option<Grammar> {
    let mut ways = Vec::new();
    let mut rules = String::new();
    if !turn.tools.is_empty() || matches!(turn.answer, Answer::Call(_)) {
        match turn.max_calls {
            0 | 1 => ways.push("call".to_owned()),
            many => ways.push(format!("call (\"\\n\" call){{0,{}}}", many - 1)),
        }
        call_rules(turn, &mut rules);
    }
    match turn.answer {
        Answer::Plain(Some(schema)) => {
            ways.push("answer".into());
            let _ = writeln!(rules, "answer: %json {}", with_layout(schema));
        }
        Answer::Plain(None) if ways.is_empty() => return None,
        Answer::Prose => {
            // What begins with `<` would be read as a call.
            ways.push("PROSE".into());
            let _ = writeln!(rules, "PROSE: /[^<\\s](?s:.)*/");
        }
        Answer::Plain(None) => {
            // The first character decides: a turn that begins with `<` is a call.
            ways.push("PROSE".into());
            let _ = writeln!(rules, "PROSE: /[^<](?s:.)*/");
        }
        Answer::Call(_) | Answer::Forbidden => {}
    }
    if ways.is_empty() {
        return None;
    }
    let names: Vec<&str> = turn.tools.iter().map(|tool| tool.name.as_str()).collect();
    let what = if names.is_empty() {
        "output schema".to_owned()
    } else {
        format!("argument schemas of the tools {}", names.join(", "))
    };
    Some(Grammar::lark(what, format!("start: {}\n{rules}", ways.join(" | "))))
}

fn call_rules(turn: &Turn<'_>, rules: &mut String) {
    let answer = match turn.answer {
        Answer::Call(schema) => Some(schema),
        Answer::Plain(_) | Answer::Prose | Answer::Forbidden => None,
    };
    let mut bodies: Vec<String> = (0..turn.tools.len()).map(|at| format!("tool_{at}")).collect();
    bodies.extend(answer.map(|_| "final".to_owned()));
    let bodies = bodies.join(" | ");
    let _ = writeln!(rules, "call: {} body {}", literal(OPEN), literal(&format!("{TAIL}{CLOSE}")));
    if turn.max_thought > 0 {
        let schema = with_layout(&json!({"type": "string", "maxLength": turn.max_thought}));
        let head = THOUGHT_HEAD.trim_end_matches('"');
        let middle = THOUGHT_MIDDLE.trim_start_matches('"');
        let _ = writeln!(rules, "body: {} thought {} ({bodies})", literal(head), literal(middle));
        let _ = writeln!(rules, "thought: %json {schema}");
    } else {
        let _ = writeln!(rules, "body: {} ({bodies})", literal(HEAD));
    }
    for (at, tool) in turn.tools.iter().enumerate() {
        let name = Value::String(tool.name.clone()).to_string();
        let name = name.trim_start_matches('"').trim_end_matches('"');
        let _ = writeln!(rules, "tool_{at}: {} args_{at}", literal(&format!("{name}{MIDDLE}")));
        let _ = writeln!(rules, "args_{at}: %json {}", with_layout(&arguments_schema(&tool.parameters)));
    }
    if let Some(schema) = answer {
        let text = json!({"type": "string"});
        let head = literal(&format!("{ANSWER}{MIDDLE}{{\"{ANSWER_TEXT}\": "));
        let _ = writeln!(rules, "final: {head} answer_value \"}}\"");
        let _ = writeln!(rules, "answer_value: %json {}", with_layout(schema.unwrap_or(&text)));
    }
}

/// A string literal of the grammar language.
fn literal(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

/// The schema the grammar is made from: an object, and nothing the tool did not declare.
fn arguments_schema(parameters: &Value) -> Value {
    let mut schema = match parameters {
        Value::Object(map) => map.clone(),
        _ => Map::new(),
    };
    schema.entry("type").or_insert_with(|| "object".into());
    let mut schema = Value::Object(schema);
    close(&mut schema);
    schema
}

/// Keywords that look at one object from several sides: closing one side would forbid the others.
const COMPOSED: &[&str] = &[
    "allOf",
    "anyOf",
    "oneOf",
    "$ref",
    "if",
    "dependentSchemas",
    "unevaluatedProperties",
    "patternProperties",
];

/// Forbids undeclared properties wherever a schema lists properties and says nothing about others:
/// small models otherwise invent some. What is left is valid against the original schema.
fn close(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    let composed = COMPOSED.iter().any(|keyword| map.contains_key(*keyword));
    let object = map.get("type").is_some_and(|kind| kind == "object") || map.contains_key("properties");
    if object && !composed && !map.contains_key("additionalProperties") {
        let listed =
            map.get("properties").and_then(Value::as_object).is_some_and(|listed| !listed.is_empty());
        let required = map.get("required").and_then(Value::as_array).is_some_and(|names| !names.is_empty());
        if listed || !required {
            map.insert("additionalProperties".into(), false.into());
        }
    }
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        properties.values_mut().for_each(close);
    }
    if let Some(items) = map.get_mut("items") {
        close(items);
    }
}

/// A call as it stands in the history: exactly as the model wrote it. `arguments` is JSON text.
pub(crate) fn written_call(name: &str, arguments: &str, thought: Option<&str>) -> String {
    let name = Value::String(name.to_owned()).to_string();
    let name = name.trim_start_matches('"').trim_end_matches('"');
    match thought {
        Some(thought) => {
            let thought = Value::String(thought.to_owned()).to_string();
            format!("{OPEN}{{\"thought\": {thought}, \"name\": \"{name}{MIDDLE}{arguments}{TAIL}{CLOSE}")
        }
        None => format!("{OPEN}{HEAD}{name}{MIDDLE}{arguments}{TAIL}{CLOSE}"),
    }
}

/// The final answer as it stands in the history: as the call it was.
pub(crate) fn written_answer(text: &str, is_json: bool, thought: Option<&str>) -> String {
    let text = if is_json { text.to_owned() } else { Value::String(text.to_owned()).to_string() };
    written_call(ANSWER, &format!("{{\"{ANSWER_TEXT}\": {text}}}"), thought)
}

/// What a system prompt says about tools when the model's own template says nothing.
pub(crate) fn describe_tools(tools: &[ToolDef]) -> String {
    let mut text = "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n\
         You are provided with function signatures within <tools></tools> XML tags:\n<tools>"
        .to_owned();
    for tool in tools {
        let _ = write!(text, "\n{}", python_json(&tool.to_template()));
    }
    let call = written_call("<function-name>", "<args-json-object>", None);
    let _ = write!(
        text,
        "\n</tools>\n\nFor each function call, return a json object with function name and arguments \
         within <tool_call></tool_call> XML tags:\n{call}"
    );
    text
}

/// What a turn turned out to be, piece by piece.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TurnPiece {
    /// Prose, or text of the final answer.
    Text(String),
    /// A thought before a call.
    Thought(String),
    /// A call begins.
    CallStarted {
        /// The tool.
        name: String,
    },
    /// More of the arguments' JSON text.
    Arguments(String),
    /// The call is complete.
    CallEnded {
        /// The tool.
        name: String,
        /// Its arguments, as JSON text.
        arguments: String,
    },
}

/// Reads a turn as it is written. Never fails: what is no call is text.
#[derive(Debug, Default)]
pub(crate) struct TurnReader {
    /// Text that cannot be told yet.
    held: String,
    state: State,
    name: String,
    arguments: String,
    depth: usize,
    quote: Quote,
    is_answer: bool,
    answered: usize,
    /// The final answer is JSON, to be given as it is, not the text of a JSON string.
    json_answer: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    Prose,
    Head,
    Thought,
    Name,
    Arguments,
    Tail,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Quote {
    #[default]
    Outside,
    Inside,
    Escaped,
}

impl TurnReader {
    /// A reader for turns whose final answer is JSON text instead of a string.
    pub(crate) fn json_answer(yes: bool) -> Self {
        Self { json_answer: yes, ..Self::default() }
    }

    /// Adds `text` and gives what can be told by now.
    pub(crate) fn push(&mut self, text: &str) -> Vec<TurnPiece> {
        self.held.push_str(text);
        let mut pieces = Vec::new();
        while self.step(&mut pieces) {}
        pieces
    }

    /// Ends the turn. A call that is cut off in the middle is not given as complete.
    pub(crate) fn finish(&mut self) -> Vec<TurnPiece> {
        let rest = std::mem::take(&mut self.held);
        match self.state {
            State::Start | State::Prose if !rest.is_empty() => vec![TurnPiece::Text(rest)],
            _ => Vec::new(),
        }
    }

    /// Whether the turn ends in the middle of a call.
    pub(crate) fn is_cut(&self) -> bool {
        !matches!(self.state, State::Start | State::Prose)
    }

    /// One transition; `false` when more text is needed.
    fn step(&mut self, pieces: &mut Vec<TurnPiece>) -> bool {
        match self.state {
            State::Start => {
                let text = self.held.trim_start_matches('\n');
                if text.is_empty() || (OPEN.starts_with(text) && text.len() < OPEN.len()) {
                    return false;
                }
                let call = text.starts_with(OPEN);
                if call {
                    let skip = self.held.len() - text.len() + OPEN.len();
                    self.held.drain(..skip);
                }
                self.state = if call { State::Head } else { State::Prose };
                true
            }
            State::Prose => {
                if !self.held.is_empty() {
                    pieces.push(TurnPiece::Text(std::mem::take(&mut self.held)));
                }
                false
            }
            State::Head => {
                for (head, state) in [(HEAD, State::Name), (THOUGHT_HEAD, State::Thought)] {
                    if self.held.starts_with(head) {
                        self.held.drain(..head.len());
                        self.state = state;
                        return true;
                    }
                }
                false
            }
            State::Thought => match self.held.find(THOUGHT_MIDDLE) {
                Some(at) => {
                    let escaped: String = self.held.drain(..at).collect();
                    self.held.drain(..THOUGHT_MIDDLE.len());
                    pieces.push(TurnPiece::Thought(unescape(&escaped).0));
                    self.state = State::Name;
                    true
                }
                None => false,
            },
            State::Name => match self.held.find(MIDDLE) {
                Some(at) => {
                    let escaped: String = self.held.drain(..at).collect();
                    self.held.drain(..MIDDLE.len());
                    let name = unescape(&escaped).0;
                    self.is_answer = name == ANSWER;
                    if !self.is_answer {
                        self.name.clone_from(&name);
                        pieces.push(TurnPiece::CallStarted { name });
                    }
                    self.arguments.clear();
                    (self.depth, self.quote, self.answered) = (0, Quote::Outside, 0);
                    self.state = State::Arguments;
                    true
                }
                None => false,
            },
            State::Arguments => self.arguments(pieces),
            State::Tail => {
                let end = format!("{TAIL}{CLOSE}");
                if !self.held.starts_with(&end) {
                    return false;
                }
                self.held.drain(..end.len());
                self.state = State::Start;
                true
            }
        }
    }

    /// Takes the arguments up to the end of their object.
    fn arguments(&mut self, pieces: &mut Vec<TurnPiece>) -> bool {
        let mut end = None;
        for (at, byte) in self.held.bytes().enumerate() {
            self.quote = match (self.quote, byte) {
                (Quote::Outside, b'"') => Quote::Inside,
                (Quote::Inside, b'"') => Quote::Outside,
                (Quote::Inside, b'\\') => Quote::Escaped,
                (Quote::Escaped, _) => Quote::Inside,
                (quote, _) => quote,
            };
            if self.quote == Quote::Outside {
                match byte {
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                }
                if self.depth == 0 {
                    end = Some(at + 1);
                    break;
                }
            }
        }
        let taken: String = self.held.drain(..end.unwrap_or(self.held.len())).collect();
        self.arguments.push_str(&taken);
        if self.is_answer {
            self.answer(end.is_some(), pieces);
        } else if !taken.is_empty() {
            pieces.push(TurnPiece::Arguments(taken));
        }
        if end.is_none() {
            return false;
        }
        if !self.is_answer {
            let (name, arguments) = (std::mem::take(&mut self.name), std::mem::take(&mut self.arguments));
            pieces.push(TurnPiece::CallEnded { name, arguments });
        }
        self.state = State::Tail;
        true
    }

    /// Gives the text of the final answer as far as it is written.
    fn answer(&mut self, ended: bool, pieces: &mut Vec<TurnPiece>) {
        let quote = if self.json_answer { "" } else { "\"" };
        let head = format!("{{\"{ANSWER_TEXT}\": {quote}");
        let Some(written) = self.arguments.strip_prefix(&head) else { return };
        let tail = format!("{quote}}}");
        let written = if ended { written.strip_suffix(tail.as_str()).unwrap_or(written) } else { written };
        // What may be the call's own tail is held back until the end.
        let held = if ended {
            0
        } else {
            (1..=tail.len()).rev().find(|&n| written.ends_with(&tail[..n])).unwrap_or(0)
        };
        let Some(new) = written.get(self.answered..written.len() - held) else { return };
        let (text, used) = if self.json_answer { (new.to_owned(), new.len()) } else { unescape(new) };
        self.answered += used;
        if !text.is_empty() {
            pieces.push(TurnPiece::Text(text));
        }
    }
}

/// Resolves the escapes of a JSON string's inside, as far as they are complete; gives the bytes used.
fn unescape(escaped: &str) -> (String, usize) {
    let mut end = escaped.len();
    loop {
        let quoted = format!("\"{}\"", &escaped[..end]);
        if let Ok(text) = serde_json::from_str::<String>(&quoted) {
            return (text, end);
        }
        // An unfinished escape is at most `\uXXXX\uXXXX` long.
        match escaped[..end].rfind('\\') {
            Some(at) if escaped.len() - at <= 12 => end = at,
            _ => return (escaped.to_owned(), escaped.len()),
        }
    }
}

#[cfg(test)]
mod tests;
