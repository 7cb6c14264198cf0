//! Tool calls that models write as text.
//!
//! Local and open models without a native tool interface write their calls into the reply: JSON between tags, XML-like
//! parameters, Python-like calls. This module reads such a reply piece by piece and tells apart three things: text for
//! the reader ([`Event::Content`]), reasoning ([`Event::Thinking`]) and calls ([`Event::Call`]). It is pure: no model,
//! no clock, no IO.
//!
//! **Invariant:** a reply fed whole and the same reply fed in pieces, split anywhere between two characters, give the
//! same events after [`merge`]. Time and memory grow linearly with the length of the reply, however it is fed.
//!
//! # Rules
//!
//! **A call is the text between the tags of the dialect.** Several calls may follow each other; white space around a
//! call is not content.
//!
//! ```
//! use agentic_llm::toolcall::{Dialect, ToolSchemas, parse};
//! let text = "One moment.\n<tool_call>\n{\"name\": \"clock\", \"arguments\": {\"zone\": \"UTC\"}}\n</tool_call>";
//! let reply = parse(Dialect::hermes(), &ToolSchemas::new(), text);
//! assert_eq!(reply.content, "One moment.");
//! assert_eq!(reply.calls[0].name, "clock");
//! assert_eq!(reply.calls[0].arguments["zone"], "UTC");
//! ```
//!
//! **A tag inside a JSON string is text of that string**, as long as the string is ended properly later.
//!
//! ```
//! # use agentic_llm::toolcall::{Dialect, ToolSchemas, parse};
//! let text = r#"<tool_call>{"name": "write", "arguments": {"text": "a </tool_call> b"}}</tool_call>"#;
//! let reply = parse(Dialect::hermes(), &ToolSchemas::new(), text);
//! assert_eq!(reply.calls[0].arguments["text"], "a </tool_call> b");
//! ```
//!
//! **Tags may be left out** (`hermes`, `llama`, `any`): JSON at the beginning of a line that has both a name and
//! arguments is a call. When schemas are given, its name must be one of theirs; any other JSON stays content. A code
//! fence around a call belongs to the call.
//!
//! ```
//! # use agentic_llm::toolcall::{Dialect, ToolSchemas, parse};
//! let text = "```json\n{\"name\": \"clock\", \"arguments\": {}}\n```\nDone.";
//! let reply = parse(Dialect::hermes(), &ToolSchemas::new(), text);
//! assert_eq!((reply.calls.len(), reply.content.as_str()), (1, "Done."));
//! assert_eq!(parse(Dialect::hermes(), &ToolSchemas::new(), "{\"name\": \"Ann\"}").calls.len(), 0);
//! ```
//!
//! **The XML dialect takes types from the tool's schema.** One newline after the opening and one before the closing
//! tag are not part of a value. A value of type string is never converted.
//!
//! ```
//! # use agentic_llm::toolcall::{Dialect, ToolSchemas, parse};
//! # use serde_json::json;
//! let schemas = ToolSchemas::new().with("find", json!({"properties": {"limit": {"type": "integer"}}}));
//! let text = "<tool_call>\n<function=find>\n<parameter=text>\n42\n</parameter>\n<parameter=limit>\n42\n</parameter>\n</function>\n</tool_call>";
//! let reply = parse(Dialect::qwen3_coder(), &schemas, text);
//! assert_eq!(reply.calls[0].arguments, *json!({"text": "42", "limit": 42}).as_object().unwrap());
//! ```
//!
//! **Thinking** is what stands between `<think>` and `</think>`. With [`Thinking::Open`] the prompt already ended in the opening
//! tag; with [`Thinking::Plain`] the tags are ordinary text. A call ends the thinking even when its tag is missing.
//!
//! ```
//! # use agentic_llm::toolcall::{Dialect, ToolSchemas, parse};
//! let reply = parse(Dialect::qwen3_vl_thinking(), &ToolSchemas::new(), "Let me see.</think>\n\nIt is late.");
//! assert_eq!((reply.thinking.as_str(), reply.content.as_str()), ("Let me see.", "It is late."));
//! ```
//!
//! **What stands between call tags and is not a call is [`Event::Malformed`]**: never content, never silently dropped. Its error
//! says what to write instead, so that it can be fed back to the model.
//!
//! ```
//! # use agentic_llm::toolcall::{Dialect, ToolSchemas, parse};
//! let reply = parse(Dialect::hermes(), &ToolSchemas::new(), "<tool_call>clock please</tool_call>");
//! assert!(reply.calls.is_empty());
//! assert_eq!(reply.malformed[0].raw, "clock please");
//! ```

mod body;
mod convert;
mod dialect;
mod event;
mod json;
mod parser;
mod python;
mod region;
mod scan;
mod xml;

#[cfg(test)]
mod fixture_tests;
#[cfg(test)]
mod tests;

pub use convert::ToolSchemas;
pub use dialect::{Dialect, Thinking};
pub use event::{Call, Event, Malformed, Reply, ToolCallError, merge};
pub use json::ReadJson;
pub use parser::{ToolCallParser, parse};
