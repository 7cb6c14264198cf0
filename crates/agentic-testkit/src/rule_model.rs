//! A chat model whose answer is a function of what it is asked.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use agentic_core::{
    ChatModel, FinishReason, Message, ModelContext, ModelError, ModelEvent, ModelInfo, ModelRequest,
    ModelResponse, ModelStream, Part, Role, ToolCall, Usage, async_trait,
};
use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;

/// What a [`RuleModel`] answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Says {
    /// This text.
    Text(String),
    /// Calls of these tools.
    Calls(Vec<(String, Value)>),
}

impl Says {
    /// This text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A call of this tool.
    pub fn call(tool: &str, arguments: Value) -> Self {
        Self::Calls(vec![(tool.into(), arguments)])
    }
}

type Rule = dyn Fn(&ModelRequest) -> Says + Send + Sync;

/// A chat model whose answer is a function of what it is asked, so that asking again gives the same, in another process
/// too. Takes between 1 and 20 ms, as its run's sources draw. Counts how often it was asked.
#[derive(Clone)]
pub struct RuleModel {
    info: Arc<ModelInfo>,
    rule: Arc<Rule>,
    calls: Arc<AtomicU64>,
}

impl fmt::Debug for RuleModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleModel").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

impl RuleModel {
    /// A model named `rule:test` that answers by this rule.
    pub fn new(rule: impl Fn(&ModelRequest) -> Says + Send + Sync + 'static) -> Self {
        let mut info = ModelInfo::new("rule:test");
        info.capabilities.tools = true;
        info.capabilities.parallel_tool_calls = true;
        Self { info: Arc::new(info), rule: Arc::new(rule), calls: Arc::default() }
    }

    /// The same rule under changed model information.
    pub fn with_info(mut self, change: impl FnOnce(&mut ModelInfo)) -> Self {
        change(Arc::make_mut(&mut self.info));
        self
    }

    /// How often it was asked.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl ChatModel for RuleModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn stream(&self, request: ModelRequest, mcx: ModelContext) -> Result<ModelStream, ModelError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        mcx.sleep(Duration::from_millis(1 + mcx.random() % 20)).await;
        let words: u64 =
            request.messages.iter().map(|message| message.text().split_whitespace().count() as u64 + 1).sum();
        let (parts, finish) = match (self.rule)(&request) {
            Says::Text(text) => (vec![Part::Text { text }], FinishReason::Stop),
            Says::Calls(calls) => {
                let turn = request.messages.len();
                let call = |(n, (name, arguments)): (usize, (String, Value))| {
                    Part::ToolCall(ToolCall::new(format!("call_{turn}_{n}"), name, &arguments))
                };
                (calls.into_iter().enumerate().map(call).collect(), FinishReason::ToolCalls)
            }
        };
        let message = Message { role: Role::Assistant, parts };
        let usage = Usage { input_tokens: words, output_tokens: 10, ..Usage::default() };
        let response = ModelResponse::new(message, finish, usage, self.info.id.clone());
        Ok(stream::iter([Ok(ModelEvent::Finished(Box::new(response)))]).boxed())
    }
}
