//! From a conversation to the model's prompt.

use agentic_core::{Message, Part, Role};
use serde_json::Value;

use super::calls::{self, ToolDef};
use super::error::EngineError;
use super::policy::TurnPolicy;
use super::template::{ChatMessage, ChatTemplate};

/// What the model's template can do, found out by trying it once.
#[derive(Debug)]
pub(crate) struct Renderer {
    template: ChatTemplate,
    /// The template describes tools, and in the form [`calls`] writes them.
    describes_tools: bool,
    /// The template takes a system message.
    takes_system: bool,
    /// The template takes tool messages.
    takes_tool_results: bool,
}

/// A conversation to be rendered.
#[derive(Debug)]
pub(crate) struct Conversation<'a> {
    pub(crate) messages: Vec<&'a Message>,
    /// The tools described to the model; the answer tool among them, if there is one.
    pub(crate) tools: &'a [ToolDef],
    pub(crate) policy: &'a TurnPolicy,
    /// Final answers stand in the history as calls.
    pub(crate) answer_call: bool,
    /// They are JSON, not text.
    pub(crate) json_answer: bool,
}

impl Renderer {
    pub(crate) fn new(template: ChatTemplate, has_tool_form: bool) -> Self {
        let probe = |roles: &[&'static str], needle: &str| {
            let messages: Vec<ChatMessage> =
                roles.iter().map(|role| ChatMessage::new(role, format!("probe-{role}"))).collect();
            template.render(&messages, &[], true).is_ok_and(|text| text.contains(needle))
        };
        let takes_system = probe(&["system", "user"], "probe-system");
        let takes_tool_results =
            has_tool_form && template.knows_tools && probe(&["user", "assistant", "tool"], "probe-tool");
        let describes_tools = has_tool_form && template.knows_tools;
        Self { template, describes_tools, takes_system, takes_tool_results }
    }

    /// The prompt; `defuse` makes text safe that nobody vouches for.
    pub(crate) fn prompt(
        &self,
        conversation: &Conversation<'_>,
        defuse: &dyn Fn(&str) -> String,
    ) -> Result<String, EngineError> {
        let messages = self.messages(conversation, defuse);
        self.template.render(&messages, &self.template_tools(conversation), true)
    }

    /// A prompt with the same system prompt and tools and nothing else in common.
    pub(crate) fn other_prompt(&self, conversation: &Conversation<'_>) -> Result<String, EngineError> {
        let system = conversation.messages.iter().take_while(|message| message.role == Role::System).copied();
        let other = Message::user("\u{1}");
        let messages = system.chain([&other]).collect();
        let conversation = Conversation { messages, ..*conversation };
        self.prompt(&conversation, &str::to_owned)
    }

    fn template_tools(&self, conversation: &Conversation<'_>) -> Vec<Value> {
        if self.describes_tools {
            conversation.tools.iter().map(ToolDef::to_template).collect()
        } else {
            Vec::new()
        }
    }

    fn messages(&self, conversation: &Conversation<'_>, defuse: &dyn Fn(&str) -> String) -> Vec<ChatMessage> {
        let mut system: Vec<String> = Vec::new();
        let mut rest = Vec::new();
        for message in &conversation.messages {
            match message.role {
                Role::System if rest.is_empty() => system.push(message.text()),
                Role::System => rest.push(ChatMessage::new("system", message.text())),
                Role::User => rest.push(ChatMessage::new("user", defuse(&message.text()))),
                Role::Assistant => {
                    rest.push(ChatMessage::new("assistant", said(message, conversation, defuse)))
                }
                Role::Tool => self.results(message, defuse, &mut rest),
            }
        }
        if !conversation.tools.is_empty() {
            system.extend(conversation.policy.instruction.clone());
            if !self.describes_tools {
                system.push(calls::describe_tools(conversation.tools));
            }
        }
        self.with_system(system.join("\n\n"), rest)
    }

    fn with_system(&self, system: String, mut rest: Vec<ChatMessage>) -> Vec<ChatMessage> {
        if system.is_empty() {
            return rest;
        }
        if self.takes_system {
            rest.insert(0, ChatMessage::new("system", system));
            return rest;
        }
        match rest.first_mut() {
            Some(first) if first.role == "user" => first.content = format!("{system}\n\n{}", first.content),
            _ => rest.insert(0, ChatMessage::new("user", system)),
        }
        rest
    }

    fn results(&self, message: &Message, defuse: &dyn Fn(&str) -> String, rest: &mut Vec<ChatMessage>) {
        let results = message.parts.iter().filter_map(|part| match part {
            Part::ToolResult(result) => Some(result),
            _ => None,
        });
        if self.takes_tool_results {
            rest.extend(results.map(|result| ChatMessage {
                name: Some(result.name.clone()),
                ..ChatMessage::new("tool", defuse(&result.content))
            }));
            return;
        }
        let results: Vec<String> = results
            .map(|result| format!("<tool_response>\n{}\n</tool_response>", defuse(&result.content)))
            .collect();
        rest.push(ChatMessage::new("user", results.join("\n")));
    }
}

/// What the model said, in the form in which it said it: its KV cache stays valid then.
fn said(message: &Message, conversation: &Conversation<'_>, defuse: &dyn Fn(&str) -> String) -> String {
    let thought = (conversation.policy.max_thought > 0)
        .then(|| {
            message.parts.iter().find_map(|part| match part {
                Part::Reasoning { text, .. } => Some(defuse(text)),
                _ => None,
            })
        })
        .flatten();
    let mut thought = thought.as_deref();
    let text = defuse(&message.text());
    let mut pieces: Vec<String> = message
        .tool_calls()
        .map(|call| calls::written_call(&defuse(&call.name), &defuse(&call.arguments), thought.take()))
        .collect();
    if pieces.is_empty() && conversation.answer_call && !conversation.tools.is_empty() {
        pieces.push(calls::written_answer(&text, conversation.json_answer, thought));
    } else if !text.is_empty() {
        pieces.insert(0, text);
    }
    pieces.join("\n")
}
