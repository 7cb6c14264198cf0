//! Puts an answer together, from one whole message or from chunks: the same code for both.

use std::borrow::Cow;
use std::collections::VecDeque;

use agentic_core::{
    FinishReason, Message, Messages, ModelDelta, ModelError, ModelErrorKind as Kind, ModelResponse, Part,
    Role, ToolCall, Usage,
};

use super::origin::Origin;
use super::wire::{self, Body, Call, Choice, Piece, Reply, WireUsage};
use crate::ids;

/// An answer in the making.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    id: String,
    model: String,
    text: String,
    refusal: String,
    reasoning: String,
    calls: Vec<Pending>,
    finish: String,
    usage: Usage,
    /// Whether a piece of a call's arguments could not be read.
    broken_arguments: bool,
    /// Whether any choice came.
    answered: bool,
}

/// A tool call in the making.
#[derive(Debug)]
struct Pending {
    /// The number that the server gave it.
    index: Option<u64>,
    /// From `function_call`, not `tool_calls`.
    legacy: bool,
    call: ToolCall,
    /// Whether a delta told its name.
    announced: bool,
}

/// The deltas that nobody took yet; they are made only if somebody watches.
#[derive(Debug, Default)]
pub(super) struct Deltas {
    pub(super) watched: bool,
    pub(super) queue: VecDeque<ModelDelta>,
}

impl Deltas {
    fn push(&mut self, delta: impl FnOnce() -> ModelDelta) {
        if self.watched {
            self.queue.push_back(delta());
        }
    }
}

impl Assembly {
    /// Takes a whole answer.
    pub(super) fn take_whole(
        &mut self,
        reply: &Reply<'_>,
        origin: &Origin,
        deltas: &mut Deltas,
    ) -> Result<(), ModelError> {
        self.take_envelope(reply, origin)?;
        let Some(choice) = reply.choices.as_deref().unwrap_or_default().first() else { return Ok(()) };
        self.take_choice(choice, origin)?;
        if let Some(body) = choice.message.as_ref().or(choice.delta.as_ref()) {
            self.take_body(body, true, deltas);
        }
        Ok(())
    }

    /// Takes one chunk of an answer.
    pub(super) fn take_chunk(
        &mut self,
        reply: &Reply<'_>,
        origin: &Origin,
        deltas: &mut Deltas,
    ) -> Result<(), ModelError> {
        self.take_envelope(reply, origin)?;
        // Other choices are answers that nobody asked for.
        let mut choices = reply.choices.as_deref().unwrap_or_default().iter();
        let Some(choice) = choices.find(|choice| choice.index.unwrap_or(0) == 0) else { return Ok(()) };
        let body = match (&choice.delta, &choice.message) {
            (Some(delta), _) => Some(delta),
            // The whole message at the end of a stream repeats what came before.
            (None, message) => message.as_ref().filter(|_| self.is_empty()),
        };
        if let Some(body) = body {
            self.keep_to_one_message(reply, body, origin)?;
            self.take_body(body, false, deltas);
        }
        self.take_choice(choice, origin)
    }

    /// Whether the server said why it stopped.
    pub(super) fn is_finished(&self) -> bool {
        !self.finish.is_empty()
    }

    /// Whether the server said what the answer took.
    pub(super) fn has_usage(&self) -> bool {
        self.usage != Usage::default()
    }

    fn is_empty(&self) -> bool {
        self.text.is_empty() && self.reasoning.is_empty() && self.refusal.is_empty() && self.calls.is_empty()
    }

    fn take_envelope(&mut self, reply: &Reply<'_>, origin: &Origin) -> Result<(), ModelError> {
        if let Some(error) = wire::error(reply.error) {
            return Err(origin.in_band(error));
        }
        if let Some(usage) = reply.usage() {
            self.usage = count(usage);
        }
        if self.model.is_empty()
            && let Some(model) = wire::string(reply.model)
        {
            self.model = model.into_owned();
        }
        Ok(())
    }

    fn take_choice(&mut self, choice: &Choice<'_>, origin: &Origin) -> Result<(), ModelError> {
        if let Some(error) = wire::error(choice.error) {
            return Err(origin.in_band(error));
        }
        self.answered = true;
        if self.finish.is_empty()
            && let Some(finish) = wire::label(choice.finish_reason)
        {
            self.finish = finish.into_owned();
        }
        Ok(())
    }

    /// Refuses a chunk that belongs to another message than those before it.
    fn keep_to_one_message(
        &mut self,
        reply: &Reply<'_>,
        body: &Body<'_>,
        origin: &Origin,
    ) -> Result<(), ModelError> {
        if body.is_empty() {
            return Ok(());
        }
        let id = wire::label(reply.id);
        let same = match id.as_deref() {
            Some(id) if !self.id.is_empty() => id == self.id,
            // Nothing names the message: after its end there can only be another one.
            _ => !self.is_finished(),
        };
        if !same {
            let message = "the server put several messages into one stream; ask it without streaming";
            return Err(origin.error(Kind::InvalidResponse, message));
        }
        if self.id.is_empty()
            && let Some(id) = id
        {
            self.id = id.into_owned();
        }
        Ok(())
    }

    fn take_body(&mut self, body: &Body<'_>, whole: bool, deltas: &mut Deltas) {
        let reasoning = wire::string(body.reasoning).filter(|text| !text.is_empty());
        if let Some(text) = reasoning.or_else(|| wire::string(body.reasoning_content)) {
            self.reason(&text, deltas);
        }
        wire::pieces(body.content, &mut |piece| match piece {
            Piece::Text(text) => self.say(&text, deltas),
            Piece::Reasoning(text) => self.reason(&text, deltas),
            Piece::Refusal(text) => self.refuse(&text, deltas),
        });
        if let Some(text) = wire::string(body.refusal) {
            self.refuse(&text, deltas);
        }
        for (at, part) in body.tool_calls.iter().flatten().enumerate() {
            // Two parts of one chunk without numbers are two calls.
            let at = if whole || (at > 0 && part.index.is_none()) { None } else { self.find_call(part) };
            self.take_call(at, part, false, deltas);
        }
        // Some servers repeat a tool call in the old form, others send empty ones.
        if let Some(function) = &body.function_call
            && self.calls.iter().all(|pending| pending.legacy)
        {
            let part = Call { index: Some(0), id: None, function: Some(*function) };
            self.take_call(self.calls.len().checked_sub(1), &part, true, deltas);
        }
    }

    fn say(&mut self, text: &str, deltas: &mut Deltas) {
        if !text.is_empty() {
            self.text.push_str(text);
            deltas.push(|| ModelDelta::Text { text: text.to_owned() });
        }
    }

    fn reason(&mut self, text: &str, deltas: &mut Deltas) {
        if !text.is_empty() {
            self.reasoning.push_str(text);
            deltas.push(|| ModelDelta::Reasoning { text: text.to_owned() });
        }
    }

    fn refuse(&mut self, text: &str, deltas: &mut Deltas) {
        if !text.is_empty() {
            self.refusal.push_str(text);
            deltas.push(|| ModelDelta::Text { text: text.to_owned() });
        }
    }

    /// Adds a part to the call at `at`, or begins a new one with it.
    fn take_call(&mut self, at: Option<usize>, part: &Call<'_>, legacy: bool, deltas: &mut Deltas) {
        let id = wire::label(part.id).unwrap_or_default();
        let function = part.function.unwrap_or_default();
        let name = wire::string(function.name).unwrap_or_default();
        let arguments = wire::arguments(function.arguments).unwrap_or_else(|| {
            self.broken_arguments = true;
            Cow::Borrowed("")
        });
        if id.is_empty() && name.is_empty() && arguments.is_empty() {
            return;
        }
        let at = at.unwrap_or_else(|| {
            let call = ToolCall { id: String::new(), name: String::new(), arguments: String::new() };
            // A call begins: all that came before it are whole.
            self.announce(deltas);
            self.calls.push(Pending { index: part.index, legacy, call, announced: false });
            self.calls.len() - 1
        });
        let Pending { call, announced, .. } = &mut self.calls[at];
        if call.id.is_empty() {
            call.id.push_str(&id);
        }
        // Some servers send the name in pieces, others repeat it whole in every chunk.
        if call.name != *name {
            call.name.push_str(&name);
        }
        if !arguments.is_empty() {
            call.arguments.push_str(&arguments);
            let name = (!std::mem::replace(announced, true)).then(|| call.name.clone());
            let index = at as u32;
            deltas.push(|| ModelDelta::ToolCall { index, name, arguments: arguments.into_owned() });
        }
    }

    /// The call that a part belongs to; `None` if it begins a new one.
    ///
    /// Its number tells, if the server counts right. Some give every call the number 0, or none at all: then a
    /// part with a name begins a new call if it has another id, or if the call before has all its arguments.
    fn find_call(&self, part: &Call<'_>) -> Option<usize> {
        let id = wire::label(part.id).unwrap_or_default();
        let name = wire::string(part.function.and_then(|function| function.name)).unwrap_or_default();
        let at = match part.index {
            Some(_) => self.calls.iter().rposition(|pending| pending.index == part.index)?,
            None if !id.is_empty() => match self.calls.iter().rposition(|pending| pending.call.id == id) {
                Some(at) => at,
                None => self.calls.len().checked_sub(1)?,
            },
            None => self.calls.len().checked_sub(1)?,
        };
        let call = &self.calls[at].call;
        let other_id = !id.is_empty() && !call.id.is_empty() && id != call.id;
        let begins = !name.is_empty() && (other_id || is_whole(&call.arguments));
        (!begins).then_some(at)
    }

    /// Tells the names of calls that have no arguments (yet).
    fn announce(&mut self, deltas: &mut Deltas) {
        for (at, pending) in self.calls.iter_mut().enumerate().filter(|(_, pending)| !pending.announced) {
            pending.announced = true;
            let name = Some(pending.call.name.clone());
            deltas.push(|| ModelDelta::ToolCall { index: at as u32, name, arguments: String::new() });
        }
    }

    /// The whole answer. Calls without an id get one that no call of `history` has.
    pub(super) fn finish(
        mut self,
        origin: &Origin,
        history: &Messages,
        deltas: &mut Deltas,
    ) -> Result<ModelResponse, ModelError> {
        let invalid = |message: &str| Err(origin.error(Kind::InvalidResponse, message));
        if !self.answered {
            return invalid(
                "the answer holds no message; check that the base URL is one of chat completions",
            );
        }
        if self.broken_arguments {
            return invalid("the arguments of a tool call hold half a character; ask again");
        }
        let mut finish = match self.finish.as_str() {
            "" | "stop" | "eos" | "end_turn" | "tool_calls" | "function_call" => FinishReason::Stop,
            "length" | "max_tokens" | "model_length" => FinishReason::Length,
            "content_filter" | "refusal" => FinishReason::Refusal,
            "error" => {
                return Err(origin.error(Kind::Unavailable, "the model failed while it wrote; try again"));
            }
            other => FinishReason::Other(other.to_owned()),
        };
        // A call that was cut before its name is nothing.
        if finish == FinishReason::Length {
            self.calls.retain(|pending| !pending.call.name.is_empty());
        }
        if self.calls.iter().any(|pending| pending.call.name.is_empty()) {
            return invalid("the answer holds a tool call without a name");
        }
        self.announce(deltas);
        if finish == FinishReason::Stop {
            if !self.calls.is_empty() {
                finish = FinishReason::ToolCalls;
            } else if !self.refusal.is_empty() {
                finish = FinishReason::Refusal;
            } else if matches!(self.finish.as_str(), "tool_calls" | "function_call") && self.text.is_empty() {
                return invalid("the answer says that it calls tools, but names none");
            }
        }
        ids::complete(self.calls.iter_mut().map(|pending| &mut pending.call), history);

        let mut parts = Vec::with_capacity(1 + self.calls.len());
        if !self.reasoning.is_empty() {
            parts.push(Part::Reasoning { text: self.reasoning, signature: None });
        }
        for text in [self.text, self.refusal] {
            if !text.is_empty() {
                parts.push(Part::Text { text });
            }
        }
        parts.extend(self.calls.into_iter().map(|pending| Part::ToolCall(pending.call)));
        Ok(ModelResponse::new(Message { role: Role::Assistant, parts }, finish, self.usage, self.model))
    }
}

fn is_whole(arguments: &str) -> bool {
    !arguments.is_empty() && serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_ok()
}

/// The counts in our sense: cached tokens are part of the input, reasoning is part of the output.
fn count(usage: &WireUsage) -> Usage {
    let (prompt_details, details) =
        (usage.prompt_tokens_details.as_ref(), usage.completion_tokens_details.as_ref());
    let input = usage.prompt_tokens.unwrap_or(0);
    let cached = prompt_details
        .and_then(|details| details.cached_tokens)
        .or(usage.prompt_cache_hit_tokens)
        .or(usage.num_cached_tokens)
        .unwrap_or(0);
    let reasoning =
        details.and_then(|details| details.reasoning_tokens).or(usage.reasoning_tokens).unwrap_or(0);
    let total = usage.total_tokens.unwrap_or(0);
    let mut output = usage.completion_tokens.unwrap_or_else(|| total.saturating_sub(input));
    // Some servers count reasoning beside the output; the total tells.
    let beside = total == input.saturating_add(output).saturating_add(reasoning);
    if reasoning > 0 && (beside || (total == 0 && reasoning > output)) {
        output = output.saturating_add(reasoning);
    }
    Usage {
        input_tokens: input,
        cached_input_tokens: cached.min(input),
        output_tokens: output,
        reasoning_tokens: reasoning,
    }
}
