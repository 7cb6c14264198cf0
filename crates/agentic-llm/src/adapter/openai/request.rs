//! What is sent: a request written straight to JSON bytes, borrowed from the conversation.

use agentic_core::{
    Image, ImageSource, Message, Messages, ModelError, ModelErrorKind as Kind, ModelRequest, OutputFormat,
    Part, Role, Sampling, ToolCall, ToolChoice, ToolResult,
};
use serde::ser::{Error as _, SerializeMap as _, SerializeSeq as _, SerializeStruct as _};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::origin::Origin;
use super::quirks::Quirks;
use super::strict;

/// Writes the body of a request.
pub(super) fn write(
    model: &str,
    request: &ModelRequest,
    tools: Option<&RawValue>,
    stream: bool,
    quirks: &Quirks,
    origin: &Origin,
) -> Result<Vec<u8>, ModelError> {
    check(request, quirks, origin)?;
    let mut bytes = Vec::with_capacity(4096);
    let body = Body { model, request, tools, stream, quirks };
    match serde_json::to_writer(&mut bytes, &body) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(origin.error(Kind::InvalidRequest, error.to_string())),
    }
}

/// Refuses what can't be said in this protocol, rather than leaving it out.
fn check(request: &ModelRequest, quirks: &Quirks, origin: &Origin) -> Result<(), ModelError> {
    let Sampling { top_k, min_p, repeat_penalty, .. } = request.sampling;
    if !quirks.wide_sampling && (top_k.is_some() || min_p.is_some() || repeat_penalty.is_some()) {
        let message = "the server knows no top_k, min_p or repeat_penalty; leave them out";
        return Err(origin.error(Kind::Unsupported, message));
    }
    if request.tools.is_empty() && matches!(request.tool_choice, ToolChoice::Required | ToolChoice::Tool(_)) {
        let message = "a tool call is required but no tool is given";
        return Err(origin.error(Kind::InvalidRequest, message));
    }
    Ok(())
}

struct Body<'a> {
    model: &'a str,
    request: &'a ModelRequest,
    tools: Option<&'a RawValue>,
    stream: bool,
    quirks: &'a Quirks,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { model, request, tools, stream, quirks } = *self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("model", model)?;
        map.serialize_entry("messages", &History(&request.messages, quirks))?;
        if let Some(tools) = tools {
            map.serialize_entry("tools", tools)?;
            match &request.tool_choice {
                ToolChoice::Auto => {}
                ToolChoice::Required => map.serialize_entry("tool_choice", "required")?,
                ToolChoice::None => map.serialize_entry("tool_choice", "none")?,
                ToolChoice::Tool(name) => map.serialize_entry("tool_choice", &OneTool(name))?,
            }
        }
        match &request.output {
            OutputFormat::Text => {}
            OutputFormat::JsonObject => map.serialize_entry("response_format", &Typed("json_object"))?,
            OutputFormat::JsonSchema { name, schema } => {
                let format = SchemaFormat { name, schema, strict: strict::keeps_to_strict_rules(schema) };
                map.serialize_entry("response_format", &format)?;
            }
            _ => return Err(S::Error::custom("the output format is not known to this adapter")),
        }
        if stream {
            map.serialize_entry("stream", &true)?;
            if quirks.stream_options {
                map.serialize_entry("stream_options", &StreamOptions { include_usage: true })?;
            }
        }
        if let Some(tokens) = request.max_output_tokens {
            map.serialize_entry(quirks.max_tokens_field, &tokens)?;
        }
        if !request.stop.is_empty() {
            map.serialize_entry("stop", &request.stop)?;
        }
        let Sampling { temperature, top_p, top_k, min_p, repeat_penalty, seed, .. } = request.sampling;
        let mut number = |name: &'static str, value: Option<f32>| match value {
            Some(value) => map.serialize_entry(name, &value),
            None => Ok(()),
        };
        number("temperature", temperature)?;
        number("top_p", top_p)?;
        number("min_p", min_p)?;
        number("repeat_penalty", repeat_penalty)?;
        if let Some(top_k) = top_k {
            map.serialize_entry("top_k", &top_k)?;
        }
        if let Some(seed) = seed {
            map.serialize_entry(quirks.seed_field, &seed)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

/// `{"type": …}`
struct Typed(&'static str);

impl Serialize for Typed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Typed", 1)?;
        object.serialize_field("type", self.0)?;
        object.end()
    }
}

/// `{"type": "function", "function": {"name": …}}`
struct OneTool<'a>(&'a str);

impl Serialize for OneTool<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Name<'a> {
            name: &'a str,
        }
        let mut object = serializer.serialize_struct("OneTool", 2)?;
        object.serialize_field("type", "function")?;
        object.serialize_field("function", &Name { name: self.0 })?;
        object.end()
    }
}

struct SchemaFormat<'a> {
    name: &'a str,
    schema: &'a serde_json::Value,
    strict: bool,
}

impl Serialize for SchemaFormat<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Schema<'a> {
            name: &'a str,
            strict: bool,
            schema: &'a serde_json::Value,
        }
        let mut object = serializer.serialize_struct("SchemaFormat", 2)?;
        object.serialize_field("type", "json_schema")?;
        let schema = Schema { name: self.name, strict: self.strict, schema: self.schema };
        object.serialize_field("json_schema", &schema)?;
        object.end()
    }
}

/// A conversation as a list of wire messages.
struct History<'a>(&'a Messages, &'a Quirks);

impl Serialize for History<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for (at, message) in self.0.iter().enumerate() {
            match message.role {
                Role::System => list.serialize_element(&Said { role: "system", message, at })?,
                Role::User => list.serialize_element(&Said { role: "user", message, at })?,
                Role::Assistant => list.serialize_element(&Answer { message, at, quirks: self.1 })?,
                // One message of ours holds the results of a whole turn; on the wire each has its own.
                Role::Tool => {
                    for part in &message.parts {
                        let Part::ToolResult(result) = part else { return Err(misplaced(part, message, at)) };
                        list.serialize_element(&Outcome(result))?;
                    }
                }
            }
        }
        list.end()
    }
}

fn misplaced<E: serde::ser::Error>(part: &Part, message: &Message, at: usize) -> E {
    let what = match part {
        Part::Text { .. } => "text",
        Part::Reasoning { .. } => "reasoning",
        Part::ToolCall(_) => "a tool call",
        Part::ToolResult(_) => "a tool result",
        Part::Image(_) => "a picture",
        _ => "a part",
    };
    E::custom(format!(
        "message {at} ({:?}) holds {what}, which this protocol has no place for there",
        message.role
    ))
}

/// Instructions, or what the user says.
struct Said<'a> {
    role: &'static str,
    message: &'a Message,
    at: usize,
}

impl Serialize for Said<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Said", 2)?;
        object.serialize_field("role", self.role)?;
        match self.message.parts.as_slice() {
            [] => object.serialize_field("content", "")?,
            [Part::Text { text }] => object.serialize_field("content", text)?,
            _ => object.serialize_field("content", &Contents(self.message, self.at))?,
        }
        object.end()
    }
}

/// Several parts, or a picture.
struct Contents<'a>(&'a Message, usize);

impl Serialize for Contents<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(tag = "type", rename_all = "snake_case")]
        enum Content<'a> {
            Text { text: &'a str },
            ImageUrl { image_url: Url<'a> },
        }
        #[derive(Serialize)]
        struct Url<'a> {
            url: ImageUrl<'a>,
        }
        let mut list = serializer.serialize_seq(None)?;
        for part in &self.0.parts {
            let content = match part {
                Part::Text { text } => Content::Text { text },
                Part::Image(image) => Content::ImageUrl { image_url: Url { url: ImageUrl(image) } },
                part => return Err(misplaced(part, self.0, self.1)),
            };
            list.serialize_element(&content)?;
        }
        list.end()
    }
}

/// A picture's URL, or its bytes as a `data:` URL.
struct ImageUrl<'a>(&'a Image);

impl Serialize for ImageUrl<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.source {
            ImageSource::Url(url) => serializer.serialize_str(url),
            ImageSource::Base64(data) => {
                serializer.collect_str(&format_args!("data:{};base64,{data}", self.0.media_type))
            }
        }
    }
}

/// What the model said.
struct Answer<'a> {
    message: &'a Message,
    at: usize,
    quirks: &'a Quirks,
}

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (mut texts, mut calls, mut reasons) = (0, 0, false);
        for part in &self.message.parts {
            match part {
                Part::Text { .. } => texts += 1,
                Part::ToolCall(_) => calls += 1,
                Part::Reasoning { .. } => reasons = true,
                part => return Err(misplaced(part, self.message, self.at)),
            }
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("role", "assistant")?;
        let mut text = self.message.parts.iter().filter_map(|part| match part {
            Part::Text { text } => Some(text.as_str()),
            _ => None,
        });
        match texts {
            0 if calls > 0 => map.serialize_entry("content", &())?,
            0 | 1 => map.serialize_entry("content", text.next().unwrap_or_default())?,
            _ => map.serialize_entry("content", &self.message.text())?,
        }
        if reasons && self.quirks.echo_reasoning {
            let reasoning = self.message.parts.iter().filter_map(|part| match part {
                Part::Reasoning { text, .. } => Some(text.as_str()),
                _ => None,
            });
            map.serialize_entry("reasoning_content", &reasoning.collect::<String>())?;
        }
        if calls > 0 {
            map.serialize_entry("tool_calls", &Calls(self.message))?;
        }
        map.end()
    }
}

struct Calls<'a>(&'a Message);

impl Serialize for Calls<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.tool_calls().map(WireCall))
    }
}

struct WireCall<'a>(&'a ToolCall);

impl Serialize for WireCall<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Function<'a> {
            name: &'a str,
            arguments: &'a str,
        }
        let ToolCall { id, name, arguments } = self.0;
        let mut object = serializer.serialize_struct("WireCall", 3)?;
        object.serialize_field("id", id)?;
        object.serialize_field("type", "function")?;
        object.serialize_field("function", &Function { name, arguments })?;
        object.end()
    }
}

/// What a tool gave.
struct Outcome<'a>(&'a ToolResult);

impl Serialize for Outcome<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Outcome", 3)?;
        object.serialize_field("role", "tool")?;
        object.serialize_field("tool_call_id", &self.0.call_id)?;
        object.serialize_field("content", &self.0.content)?;
        object.end()
    }
}

#[cfg(test)]
mod tests;
