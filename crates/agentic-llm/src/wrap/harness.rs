//! What the tests of the wrappers share.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentic_core::{
    ChatModel, FinishReason, Message, ModelContext, ModelDelta, ModelError, ModelErrorKind, ModelEvent,
    ModelInfo, ModelRequest, ModelResponse, ModelStream, Usage, async_trait,
};
use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

/// What a model does when it is asked once.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    /// What it says before it ends.
    pub(super) deltas: Vec<&'static str>,
    /// How it ends: with this many tokens, or failing, before the stream begins or in it.
    pub(super) end: End,
    /// How long it takes.
    pub(super) takes: Duration,
}

#[derive(Clone, Debug)]
pub(super) enum End {
    Tokens(u64),
    Refuses(ModelError),
    Breaks(ModelError),
}

impl Attempt {
    pub(super) fn good() -> Self {
        Self { deltas: vec!["ok"], end: End::Tokens(10), takes: Duration::ZERO }
    }

    pub(super) fn refuses(kind: ModelErrorKind) -> Self {
        Self { deltas: Vec::new(), end: End::Refuses(error(kind)), takes: Duration::ZERO }
    }

    pub(super) fn breaks(deltas: Vec<&'static str>) -> Self {
        Self { deltas, end: End::Breaks(error(ModelErrorKind::Interrupted)), takes: Duration::ZERO }
    }
}

pub(super) fn error(kind: ModelErrorKind) -> ModelError {
    ModelError::new(kind, "test:m", "no")
}

/// A model of fixed attempts, that notes when it was asked.
#[derive(Clone, Debug)]
pub(super) struct Flaky {
    info: Arc<ModelInfo>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    attempts: VecDeque<Attempt>,
    asked: Vec<(Instant, String)>,
    running: usize,
    most: usize,
}

impl Flaky {
    pub(super) fn new(attempts: impl IntoIterator<Item = Attempt>) -> Self {
        let attempts = attempts.into_iter().collect();
        let state = Arc::new(Mutex::new(State { attempts, ..State::default() }));
        Self { info: Arc::new(ModelInfo::new("test:m")), state }
    }

    /// When it was asked, from the first time on, and what.
    pub(super) fn asked(&self) -> Vec<(Duration, String)> {
        let state = self.state.lock().unwrap();
        let first = state.asked.first().map(|(at, _)| *at);
        state.asked.iter().map(|(at, text)| (*at - first.unwrap(), text.clone())).collect()
    }

    /// How many requests it worked on at a time, at most.
    pub(super) fn most(&self) -> usize {
        self.state.lock().unwrap().most
    }
}

#[async_trait]
impl ChatModel for Flaky {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn stream(&self, request: ModelRequest, mcx: ModelContext) -> Result<ModelStream, ModelError> {
        let attempt = {
            let mut state = self.state.lock().unwrap();
            let text = request.messages.last().map(Message::text).unwrap_or_default();
            state.asked.push((Instant::now(), text));
            state.running += 1;
            state.most = state.most.max(state.running);
            state.attempts.pop_front().unwrap_or_else(Attempt::good)
        };
        mcx.sleep(attempt.takes).await;
        self.state.lock().unwrap().running -= 1;
        let delta = |text: &str| Ok(ModelEvent::Delta(ModelDelta::Text { text: text.to_owned() }));
        let mut events: Vec<_> = attempt.deltas.iter().map(|text| delta(text)).collect();
        events.push(match attempt.end {
            End::Refuses(error) => return Err(error),
            End::Breaks(error) => Err(error),
            End::Tokens(tokens) => {
                let usage = Usage { input_tokens: tokens, ..Usage::default() };
                let message = Message::assistant(attempt.deltas.concat());
                let response = ModelResponse::new(message, FinishReason::Stop, usage, "m");
                Ok(ModelEvent::Finished(Box::new(response)))
            }
        });
        Ok(stream::iter(events).boxed())
    }
}

pub(super) fn request(text: &str) -> ModelRequest {
    ModelRequest::new([Message::user(text)].into_iter().collect())
}
