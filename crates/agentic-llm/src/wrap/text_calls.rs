//! Reads tool calls out of the text of a model that is served without a parser for them.

use std::collections::VecDeque;

use agentic_core::{
    ChatModel, FinishReason, Messages, ModelContext, ModelDelta, ModelError, ModelEvent, ModelInfo,
    ModelRequest, ModelResponse, ModelStream, Part, ToolCall, ToolSet, async_trait,
};
use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use crate::ids;
use crate::toolcall::{Dialect, Event, ToolCallParser, ToolSchemas, merge};

/// A model whose tool calls come as text: many servers put the tools into the prompt, but hand the answer on as the
/// model wrote it.
///
/// An answer to a request with tools is read by the [dialect](Dialect): calls become tool calls, marked reasoning becomes
/// reasoning, the rest stays text. What stands in the place of a call and is none becomes a call that no tool can take, so
/// that an agent tells the model what is wrong with it. An answer that has tool calls of its own is left as it is.
#[derive(Clone, Debug)]
pub struct TextCalls<M> {
    model: M,
    dialect: Dialect,
}

/// The name of a call that could not be read.
const UNREADABLE: &str = "unreadable_call";

impl<M: ChatModel> TextCalls<M> {
    /// Reads what `model` writes by this dialect.
    pub fn new(model: M, dialect: Dialect) -> Self {
        Self { model, dialect }
    }
}

#[async_trait]
impl<M: ChatModel> ChatModel for TextCalls<M> {
    fn info(&self) -> &ModelInfo {
        self.model.info()
    }

    async fn stream(&self, request: ModelRequest, mcx: ModelContext) -> Result<ModelStream, ModelError> {
        // Also where none may be called: what looks like a call is no answer.
        if request.tools.is_empty() {
            return self.model.stream(request, mcx).await;
        }
        let answer = Answer::new(self.dialect.clone(), &request);
        let events = self.model.stream(request, mcx).await?;
        Ok(stream::unfold((events, answer), next).boxed())
    }
}

type Item = Result<ModelEvent, ModelError>;

async fn next((mut events, mut answer): (ModelStream, Answer)) -> Option<(Item, (ModelStream, Answer))> {
    loop {
        if let Some(event) = answer.queue.pop_front() {
            return Some((Ok(event), (events, answer)));
        }
        match events.next().await? {
            Ok(event) => answer.take(event),
            Err(error) => return Some((Err(error), (events, answer))),
        }
    }
}

/// An answer on its way.
struct Answer {
    dialect: Dialect,
    schemas: ToolSchemas,
    history: Messages,
    /// Reads the deltas; the whole answer is read on its own.
    parser: Option<ToolCallParser>,
    calls: u32,
    queue: VecDeque<ModelEvent>,
}

impl Answer {
    fn new(dialect: Dialect, request: &ModelRequest) -> Self {
        let schemas = schemas(&request.tools);
        let parser = ToolCallParser::new(dialect.clone(), schemas.clone());
        let (history, queue) = (request.messages.clone(), VecDeque::new());
        Self { dialect, schemas, history, parser: Some(parser), calls: 0, queue }
    }

    fn take(&mut self, event: ModelEvent) {
        match event {
            ModelEvent::Delta(ModelDelta::Text { text }) => {
                let events = self.parser.as_mut().map(|parser| parser.feed(&text));
                self.tell(events.into_iter().flatten());
            }
            ModelEvent::Finished(response) => {
                let left = self.parser.take().map(ToolCallParser::finish);
                self.tell(left.into_iter().flatten());
                let response = self.read(*response);
                self.queue.push_back(ModelEvent::Finished(Box::new(response)));
            }
            other => self.queue.push_back(other),
        }
    }

    fn tell(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            let delta = match part(event) {
                Part::Text { text } => ModelDelta::Text { text },
                Part::Reasoning { text, .. } => ModelDelta::Reasoning { text },
                Part::ToolCall(call) => {
                    self.calls += 1;
                    let (index, name) = (self.calls - 1, Some(call.name));
                    ModelDelta::ToolCall { index, name, arguments: call.arguments }
                }
                _ => continue,
            };
            self.queue.push_back(ModelEvent::Delta(delta));
        }
    }

    /// The response with the calls that its text holds.
    fn read(&self, mut response: ModelResponse) -> ModelResponse {
        if response.tool_calls().next().is_some() {
            return response;
        }
        let message = &mut response.message;
        let parts = std::mem::take(&mut message.parts);
        for one in parts {
            let Part::Text { text } = one else {
                message.parts.push(one);
                continue;
            };
            let mut parser = ToolCallParser::new(self.dialect.clone(), self.schemas.clone());
            let mut events = parser.feed(&text);
            events.extend(parser.finish());
            message.parts.extend(merge(events).into_iter().map(part));
        }
        let calls = message.parts.iter_mut().filter_map(|part| match part {
            Part::ToolCall(call) => Some(call),
            _ => None,
        });
        ids::complete(calls, &self.history);
        if message.tool_calls().next().is_some() && response.finish == FinishReason::Stop {
            response.finish = FinishReason::ToolCalls;
        }
        response
    }
}

fn schemas(tools: &ToolSet) -> ToolSchemas {
    tools.iter().fold(ToolSchemas::new(), |schemas, tool| schemas.with(&*tool.name, tool.parameters.clone()))
}

/// A piece of the answer; calls have no id yet.
fn part(event: Event) -> Part {
    let call =
        |name: String, arguments: String| Part::ToolCall(ToolCall { id: String::new(), name, arguments });
    match event {
        Event::Content(text) => Part::Text { text },
        Event::Thinking(text) => Part::Reasoning { text, signature: None },
        Event::Call(found) => call(found.name, Value::Object(found.arguments).to_string()),
        Event::Malformed(malformed) => call(UNREADABLE.into(), malformed.raw),
    }
}

#[cfg(test)]
mod tests;
