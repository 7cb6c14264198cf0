//! What is said in a conversation: messages, their parts, and the append-only history.

mod quoted;

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub use self::quoted::quoted;
use crate::digest::{Canonical, Digest};
use crate::model::ToolSet;
use crate::usage::Usage;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The developer's standing instructions.
    System,
    /// The person, or the program, that the model works for.
    User,
    /// The model.
    Assistant,
    /// Results of tool calls.
    Tool,
}

/// One piece of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// Plain text.
    Text {
        /// The text.
        text: String,
    },
    /// The model's reasoning, where it is shown.
    Reasoning {
        /// The reasoning.
        text: String,
        /// An opaque proof that some providers want to see again on the next turn.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    },
    /// The model asks for a tool.
    ToolCall(ToolCall),
    /// What a tool call gave.
    ToolResult(ToolResult),
    /// A picture.
    Image(Image),
}

/// A model's request to call a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Joins the call to its result; unique within a conversation.
    pub id: String,
    /// The tool's name, as the model wrote it.
    pub name: String,
    /// The arguments as JSON text, as the model wrote it: perhaps invalid, kept so that the history repeats it
    /// byte for byte.
    pub arguments: String,
}

impl ToolCall {
    /// A call with arguments that are valid JSON.
    pub fn new(id: impl Into<String>, name: impl Into<String>, arguments: &Value) -> Self {
        Self { id: id.into(), name: name.into(), arguments: arguments.to_string() }
    }
}

/// What a tool call gave, as the model gets to read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The id of the [`ToolCall`].
    pub call_id: String,
    /// The tool's name.
    pub name: String,
    /// The result, or the error's message, as text.
    pub content: String,
    /// Whether the call failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
}

/// A picture in a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its media type, for example `image/png`.
    pub media_type: String,
    /// A URL, or the bytes in base64.
    pub source: ImageSource,
}

/// Where a picture's bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageSource {
    /// To be fetched by the provider.
    Url(String),
    /// The bytes in standard base64.
    Base64(String),
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
}

impl Message {
    /// Standing instructions.
    pub fn system(text: impl Into<String>) -> Self {
        Self::text_of(Role::System, text)
    }

    /// A message from the user.
    pub fn user(text: impl Into<String>) -> Self {
        Self::text_of(Role::User, text)
    }

    /// A message from the model that is text only.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::text_of(Role::Assistant, text)
    }

    /// The results of tool calls, in the order of the calls.
    pub fn tool_results(results: impl IntoIterator<Item = ToolResult>) -> Self {
        Self { role: Role::Tool, parts: results.into_iter().map(Part::ToolResult).collect() }
    }

    fn text_of(role: Role, text: impl Into<String>) -> Self {
        Self { role, parts: vec![Part::Text { text: text.into() }] }
    }

    /// The text parts, joined.
    pub fn text(&self) -> String {
        let mut texts = self.parts.iter().filter_map(|part| match part {
            Part::Text { text } => Some(text.as_str()),
            _ => None,
        });
        let mut all = texts.next().unwrap_or_default().to_owned();
        texts.for_each(|text| all.push_str(text));
        all
    }

    /// The tool calls, in order.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts.iter().filter_map(|part| match part {
            Part::ToolCall(call) => Some(call),
            _ => None,
        })
    }

    /// Writes all of the message, each kind of part with a number of its own.
    fn digest(&self, into: &mut Canonical) {
        into.number(self.role as usize);
        into.number(self.parts.len());
        for part in &self.parts {
            match part {
                Part::Text { text } => {
                    into.number(0);
                    into.text(text);
                }
                Part::Reasoning { text, signature } => {
                    into.number(1);
                    into.text(text);
                    into.number(signature.is_some().into());
                    into.text(signature.as_deref().unwrap_or_default());
                }
                Part::ToolCall(ToolCall { id, name, arguments }) => {
                    into.number(2);
                    [id, name, arguments].into_iter().for_each(|text| into.text(text));
                }
                Part::ToolResult(ToolResult { call_id, name, content, is_error }) => {
                    into.number(3);
                    [call_id, name, content].into_iter().for_each(|text| into.text(text));
                    into.number((*is_error).into());
                }
                Part::Image(Image { media_type, source }) => {
                    into.number(4);
                    into.text(media_type);
                    let (kind, text) = match source {
                        ImageSource::Url(url) => (0, url),
                        ImageSource::Base64(data) => (1, data),
                    };
                    into.number(kind);
                    into.text(text);
                }
            }
        }
    }

    /// Bytes of everything in the message that a model gets to read.
    fn bytes(&self) -> u64 {
        let part = |part: &Part| match part {
            Part::Text { text } => text.len(),
            Part::Reasoning { text, signature } => text.len() + signature.as_ref().map_or(0, String::len),
            Part::ToolCall(call) => call.id.len() + call.name.len() + call.arguments.len(),
            Part::ToolResult(result) => result.call_id.len() + result.name.len() + result.content.len(),
            // What a picture counts for depends on its width and height, not on its bytes.
            Part::Image(_) => IMAGE_TOKENS,
        };
        // Templates wrap each call and each result too.
        let sum: usize = self.parts.iter().map(|one| part(one) + MESSAGE_OVERHEAD).sum();
        (sum + MESSAGE_OVERHEAD) as u64
    }
}

/// Tokens that a chat template adds around one message, or around one part of it, at most.
const MESSAGE_OVERHEAD: usize = 16;
/// Tokens that providers count for one picture, at most.
const IMAGE_TOKENS: usize = 4096;

/// The history of a conversation: append-only, cheap to clone, with a digest that grows by what is added.
///
/// A long run clones and digests its history each turn; here a clone copies pointers and the digest reads
/// only the new message.
#[derive(Clone, Debug, Default)]
pub struct Messages {
    items: Vec<Arc<Item>>,
    bytes: u64,
    measured: Option<Measured>,
}

/// A message in its place.
#[derive(Debug)]
struct Item {
    message: Message,
    /// Of all messages up to this one. Made when it is first asked for, and then shared by all clones of the history.
    digest: OnceLock<Digest>,
}

/// A model said how many tokens the first `bytes` bytes of this history are, with the tools of that request.
#[derive(Clone, Debug)]
struct Measured {
    model: Arc<str>,
    tools: Digest,
    tokens: u64,
    bytes: u64,
}

impl Messages {
    /// An empty history.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a message at the end.
    pub fn push(&mut self, message: Message) {
        self.bytes += message.bytes();
        self.items.push(Arc::new(Item { message, digest: OnceLock::new() }));
    }

    /// Adds a model's answer and remembers how many tokens the model counted up to here, which makes
    /// [`token_bound`](Self::token_bound) tight for the next turn.
    ///
    /// `model` is the one that was [asked](crate::ModelResponse::asked), `tools` are those of the request.
    pub fn push_response(&mut self, message: Message, model: &Arc<str>, tools: &ToolSet, usage: &Usage) {
        self.push(message);
        if usage.input_tokens > 0 {
            let tokens = usage.input_tokens.saturating_add(usage.output_tokens);
            let (model, tools) = (model.clone(), tools.digest());
            self.measured = Some(Measured { model, tools, tokens, bytes: self.bytes });
        }
    }

    /// An upper bound of the tokens that this history and these tools are for `model`: what the model itself
    /// counted, if it was asked with the same tools, and one token a byte for the rest.
    pub fn token_bound(&self, model: &str, tools: &ToolSet) -> u64 {
        match &self.measured {
            Some(measured) if &*measured.model == model && measured.tools == tools.digest() => {
                measured.tokens + (self.bytes - measured.bytes)
            }
            _ => self.bytes + tools.bytes(),
        }
    }

    /// The messages in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Message> + ExactSizeIterator {
        self.items.iter().map(|item| &item.message)
    }

    /// The last message.
    pub fn last(&self) -> Option<&Message> {
        self.items.last().map(|item| &item.message)
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The digest of all messages in order. Reads only those that were added since it was last asked for.
    pub fn digest(&self) -> Digest {
        let known = self.items.iter().rposition(|item| item.digest.get().is_some());
        let mut digest = known.and_then(|at| self.items[at].digest.get().copied()).unwrap_or_default();
        for item in &self.items[known.map_or(0, |at| at + 1)..] {
            digest = digest.chain(|canonical| item.message.digest(canonical));
            let _ = item.digest.set(digest);
        }
        digest
    }
}

impl FromIterator<Message> for Messages {
    fn from_iter<I: IntoIterator<Item = Message>>(iter: I) -> Self {
        let mut messages = Self::new();
        messages.extend(iter);
        messages
    }
}

impl Extend<Message> for Messages {
    fn extend<I: IntoIterator<Item = Message>>(&mut self, iter: I) {
        iter.into_iter().for_each(|message| self.push(message));
    }
}

impl PartialEq for Messages {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Serialize for Messages {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Messages {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Message>::deserialize(deserializer)?.into_iter().collect())
    }
}
