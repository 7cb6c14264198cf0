//! The state of one agent run: what both agents do in the same way.

use std::sync::Arc;

use agentic_core::{
    AgentError, ChatModel, FinishReason, Goal, Messages, ModelError, ModelErrorKind, ModelRequest,
    ModelResponse, Outcome, Part, Partial, Role, RunContext, Spend, StepError, ToolCall, ToolChoice,
    ToolResult,
};
use serde_json::Value;

use crate::agent::builder::Settings;
use crate::executor::ActionExecutor;
use crate::history::ActionHistory;
use crate::loop_guard::{LoopGuard, LoopVerdict};
use crate::quotes::without_note;

/// Answers in a row that can't be used before the agent gives up.
const MAX_UNUSABLE: u32 = 3;

/// The temperature of the turns after a hint of the loop guard that did not help, where it is 0 otherwise.
const OUT_OF_CIRCLES: f32 = 0.7;

/// One agent at work on one goal.
pub(crate) struct Work<'a> {
    model: &'a Arc<dyn ChatModel>,
    executor: &'a ActionExecutor,
    settings: &'a Settings,
    pub(crate) request: ModelRequest,
    history: ActionHistory,
    guard: LoopGuard,
    models: Spend,
    last_words: String,
    unusable: u32,
    /// Turns without progress, one after the other.
    circles: u32,
    /// Whether the calls that were repeated in them have given results, and not errors.
    has_results: bool,
}

impl<'a> Work<'a> {
    /// Begins; `request` has the first messages.
    pub(crate) fn begin(
        goal: &Goal,
        model: &'a Arc<dyn ChatModel>,
        executor: &'a ActionExecutor,
        settings: &'a Settings,
        mut request: ModelRequest,
    ) -> Result<Self, AgentError> {
        if goal.text.trim().is_empty() {
            return Err(AgentError::invalid_input("the goal is empty; say what is to be achieved"));
        }
        let mut history = ActionHistory::new();
        if executor.registry().checks_quotes()
            && let Some(told) = told(&request.messages)
        {
            // The instructions alone: a system prompt may also hold examples, which are nobody's findings.
            history = history.with_told(told.into_iter().chain([settings.instructions.clone()]));
        }
        request.sampling = settings.sampling;
        request.max_output_tokens = settings.max_output_tokens;
        Ok(Self {
            model,
            executor,
            settings,
            request,
            history,
            guard: LoopGuard::new(settings.loop_guard),
            models: Spend::default(),
            last_words: String::new(),
            unusable: 0,
            circles: 0,
            has_results: false,
        })
    }

    /// Asks the model. Its answer is not yet part of the conversation.
    pub(crate) async fn ask(&mut self, cx: &RunContext) -> Result<ModelResponse, AgentError> {
        let mut request = self.request.clone();
        if self.circles > 2 && self.has_results && !request.tools.is_empty() {
            // Words drawn otherwise have not helped. What it asks for again and again it has: it is to answer.
            request.tool_choice = ToolChoice::None;
        } else if self.circles > 1 && request.sampling.temperature == Some(0.0) {
            // The likeliest words have led back to where it was; a fixed seed keeps the run repeatable.
            request.sampling.temperature = Some(OUT_OF_CIRCLES);
            request.sampling.seed.get_or_insert(self.circles.into());
        }
        let response = match cx.model(self.model, request).await {
            Ok(response) => response,
            Err(error) => return Err(self.failed(error)),
        };
        // It says itself what it cost: another model may have been asked.
        let cost = response.cost.unwrap_or_default();
        let (usage, model_calls, turns) = (response.usage, 1, 1);
        self.models += Spend { usage, cost, model_calls, turns, ..Spend::default() };
        let text = response.text();
        if !text.trim().is_empty() {
            self.last_words = text;
        }
        match response.finish {
            FinishReason::Length => {
                Err(AgentError::OutputLimit { tokens: response.usage.output_tokens, partial: self.partial() })
            }
            FinishReason::Refusal => {
                let said = if self.last_words.is_empty() { "no reason given" } else { &self.last_words };
                let message = format!("the model refused: {said}");
                let error = ModelError::new(ModelErrorKind::Refused, &*response.asked, message);
                Err(self.failed(error.into()))
            }
            _ => Ok(response),
        }
    }

    /// Puts the model's answer into the conversation as it is.
    pub(crate) fn keep(&mut self, response: ModelResponse) {
        let ModelResponse { message, usage, asked, .. } = response;
        self.request.messages.push_response(message, &asked, &self.request.tools, &usage);
    }

    /// Runs the calls of a turn; a hint of the loop guard is added to the last result.
    pub(crate) async fn act(
        &mut self,
        cx: &RunContext,
        calls: &[ToolCall],
    ) -> Result<Vec<ToolResult>, AgentError> {
        self.unusable = 0;
        let turn = match self.executor.execute_turn(cx, &mut self.history, calls).await {
            Ok(turn) => turn,
            Err(error) => return Err(self.failed(error)),
        };
        let mut results = turn.results;
        let from = self.history.actions().len() - calls.len();
        for (action, changes) in self.history.actions()[from..].iter().zip(turn.changes) {
            self.guard.saw(&action.tool, &action.arguments, &action.shown, changes);
        }
        match self.guard.end_turn() {
            LoopVerdict::Progress => self.circles = 0,
            LoopVerdict::Hint(hint) => {
                self.circles += 1;
                self.has_results = results.iter().all(|result| !result.is_error);
                if let Some(last) = results.last_mut() {
                    last.content.push_str(&format!("\n[hint: {hint}]"));
                }
            }
            LoopVerdict::Stop(what) => {
                return Err(AgentError::LoopDetected { what, partial: self.partial() });
            }
        }
        Ok(results)
    }

    /// The model's answer can't be used: an error once that happened too often in a row.
    pub(crate) fn unusable(&mut self, message: &str) -> Result<(), AgentError> {
        self.unusable += 1;
        if self.unusable < MAX_UNUSABLE {
            return Ok(());
        }
        let message = format!("the model's output can't be used: {message}");
        Err(AgentError::InvalidOutput { message, partial: self.partial() })
    }

    /// The end: this is the output.
    pub(crate) fn done(&self, output: impl Into<Value>) -> Outcome {
        Outcome::new(output, self.spend())
    }

    /// All turns were used.
    pub(crate) fn out_of_turns(&self) -> AgentError {
        AgentError::TurnLimit { turns: self.settings.max_turns, partial: self.partial() }
    }

    fn failed(&self, error: StepError) -> AgentError {
        AgentError::from_step(error, *self.partial())
    }

    fn partial(&self) -> Box<Partial> {
        Box::new(Partial { text: self.last_words.clone(), spend: self.spend() })
    }

    fn spend(&self) -> Spend {
        self.models + self.history.spend()
    }
}

/// What is known from a conversation: what the user said and tools gave. `None` if not all of that can be read here.
fn told(conversation: &Messages) -> Option<Vec<String>> {
    let mut told = Vec::new();
    for message in conversation.iter().filter(|message| matches!(message.role, Role::User | Role::Tool)) {
        for part in &message.parts {
            match part {
                Part::Text { text } => told.push(without_note(text).to_owned()),
                Part::ToolResult(result) if result.is_error => {}
                Part::ToolResult(result) => told.push(without_note(&result.content).to_owned()),
                // A picture, or something that is not known here.
                _ => return None,
            }
        }
    }
    Some(told)
}
