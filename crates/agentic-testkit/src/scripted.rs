//! A chat model that plays turns written in advance.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentic_core::{
    ChatModel, FinishReason, Message, ModelContext, ModelDelta, ModelError, ModelErrorKind, ModelEvent,
    ModelInfo, ModelRequest, ModelResponse, ModelStream, Part, Role, ToolCall, Usage, async_trait,
};
use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;

/// A chat model that plays turns written in advance and remembers what it was asked.
///
/// Clones share the script. A model that is asked once more than it has turns fails with
/// [`ModelErrorKind::InvalidRequest`].
#[derive(Clone, Debug)]
pub struct ScriptedModel {
    info: Arc<ModelInfo>,
    script: Arc<Mutex<Script>>,
}

#[derive(Debug, Default)]
struct Script {
    turns: VecDeque<Turn>,
    requests: Vec<ModelRequest>,
    calls: u64,
}

#[derive(Clone, Debug)]
struct Turn {
    after: Duration,
    answer: Result<Vec<Part>, ModelError>,
    finish: Option<FinishReason>,
    usage: Option<Usage>,
}

impl Default for ScriptedModel {
    fn default() -> Self {
        Self::new()
    }
}

impl ScriptedModel {
    /// A model named `scripted:test` without turns, that can do everything.
    pub fn new() -> Self {
        let mut info = ModelInfo::new("scripted:test");
        info.capabilities.tools = true;
        info.capabilities.parallel_tool_calls = true;
        Self { info: Arc::new(info), script: Arc::default() }
    }

    /// The same script under changed model information.
    pub fn with_info(mut self, change: impl FnOnce(&mut ModelInfo)) -> Self {
        change(Arc::make_mut(&mut self.info));
        self
    }

    /// Then it says this.
    pub fn says(self, text: impl Into<String>) -> Self {
        self.answers(vec![Part::Text { text: text.into() }])
    }

    /// Then it calls this tool.
    pub fn calls(self, tool: &str, arguments: Value) -> Self {
        self.calls_all([(tool, arguments)])
    }

    /// Then it calls these tools in one turn.
    pub fn calls_all<'a>(self, calls: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        let parts = calls
            .into_iter()
            .map(|(tool, arguments)| Part::ToolCall(self.call(tool, arguments.to_string())))
            .collect();
        self.answers(parts)
    }

    /// Then it calls this tool with arguments that are this text, valid or not.
    pub fn calls_raw(self, tool: &str, arguments: &str) -> Self {
        let call = Part::ToolCall(self.call(tool, arguments.into()));
        self.answers(vec![call])
    }

    /// Then it answers with these parts.
    pub fn answers(self, parts: Vec<Part>) -> Self {
        self.push(Turn { after: Duration::ZERO, answer: Ok(parts), finish: None, usage: None })
    }

    /// Then it fails.
    pub fn fails(self, kind: ModelErrorKind, message: &str) -> Self {
        let error = ModelError::new(kind, &*self.info.id, message);
        self.push(Turn { after: Duration::ZERO, answer: Err(error), finish: None, usage: None })
    }

    /// The last turn takes this long.
    pub fn after(self, duration: Duration) -> Self {
        self.change(|turn| turn.after = duration)
    }

    /// The last turn ends for this reason.
    pub fn finishing(self, finish: FinishReason) -> Self {
        self.change(|turn| turn.finish = Some(finish))
    }

    /// The last turn takes this usage instead of one token a word.
    pub fn using(self, usage: Usage) -> Self {
        self.change(|turn| turn.usage = Some(usage))
    }

    /// What it was asked, in order.
    pub fn requests(&self) -> Vec<ModelRequest> {
        self.script().requests.clone()
    }

    /// The turns that are left.
    pub fn left(&self) -> usize {
        self.script().turns.len()
    }

    /// The last request's messages on one line: `user → assistant[weather] → tool → assistant`, with the last
    /// turn's answer as played.
    pub fn transcript(&self) -> String {
        let script = self.script();
        let mut words: Vec<String> = script
            .requests
            .last()
            .into_iter()
            .flat_map(|request| request.messages.iter().map(word))
            .collect();
        words.push("assistant".into());
        words.join(" → ")
    }

    fn call(&self, tool: &str, arguments: String) -> ToolCall {
        let mut script = self.script();
        script.calls += 1;
        ToolCall { id: format!("call_{}", script.calls), name: tool.into(), arguments }
    }

    fn push(self, turn: Turn) -> Self {
        self.script().turns.push_back(turn);
        self
    }

    fn change(self, change: impl FnOnce(&mut Turn)) -> Self {
        change(self.script().turns.back_mut().expect("a turn to change: say what the model answers first"));
        self
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn word(message: &Message) -> String {
    match message.role {
        Role::System => "system".into(),
        Role::User => "user".into(),
        Role::Tool => "tool".into(),
        Role::Assistant => {
            let calls: Vec<_> = message.tool_calls().map(|call| call.name.as_str()).collect();
            if calls.is_empty() { "assistant".into() } else { format!("assistant[{}]", calls.join(", ")) }
        }
    }
}

#[async_trait]
impl ChatModel for ScriptedModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn stream(&self, request: ModelRequest, mcx: ModelContext) -> Result<ModelStream, ModelError> {
        let words = |message: &Message| message.text().split_whitespace().count() as u64 + 1;
        let input_tokens = request.messages.iter().map(words).sum();
        let turn = {
            let mut script = self.script();
            script.requests.push(request);
            script.turns.pop_front()
        };
        let Some(Turn { after, answer, finish, usage }) = turn else {
            let message = "the script has no more turns";
            return Err(ModelError::new(ModelErrorKind::InvalidRequest, &*self.info.id, message));
        };
        if !after.is_zero() {
            mcx.sleep(after).await;
        }
        let message = Message { role: Role::Assistant, parts: answer? };
        let calls = message.tool_calls().next().is_some();
        let finish = finish.unwrap_or(if calls { FinishReason::ToolCalls } else { FinishReason::Stop });
        let usage =
            usage.unwrap_or(Usage { input_tokens, output_tokens: words(&message), ..Usage::default() });
        let mut events: Vec<_> = deltas(&message).map(|delta| Ok(ModelEvent::Delta(delta))).collect();
        let response = ModelResponse::new(message, finish, usage, self.info.id.clone());
        events.push(Ok(ModelEvent::Finished(Box::new(response))));
        Ok(stream::iter(events).boxed())
    }
}

fn deltas(message: &Message) -> impl Iterator<Item = ModelDelta> {
    let mut index = 0;
    message.parts.iter().filter_map(move |part| match part {
        Part::Text { text } => Some(ModelDelta::Text { text: text.clone() }),
        Part::Reasoning { text, .. } => Some(ModelDelta::Reasoning { text: text.clone() }),
        Part::ToolCall(call) => {
            index += 1;
            let (name, arguments) = (Some(call.name.clone()), call.arguments.clone());
            Some(ModelDelta::ToolCall { index: index - 1, name, arguments })
        }
        _ => None,
    })
}
