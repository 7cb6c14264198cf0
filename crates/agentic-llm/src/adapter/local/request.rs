//! A request to the engine, and the handle on its running generation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::UnboundedReceiver;

use super::abort::AbortFlag;
use super::error::EngineError;
use super::grammar::Grammar;
use super::options::Sampling;
use super::prefix::Token;

/// What the engine is asked to generate.
#[derive(Debug, Clone)]
pub struct GenerateRequest {
    /// The prompt, tokenised by the engine's own vocabulary.
    pub prompt: Vec<Token>,
    /// Leading prompt tokens that stay the same over many requests (system prompt and tools):
    /// saved on disk if the engine has a folder for it. 0: none.
    pub fixed: usize,
    /// Tokens to generate at most.
    pub max_output: usize,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Strings that end the generation; they are never emitted.
    pub stop: Vec<String>,
    /// What the output must match.
    pub grammar: Option<Grammar>,
}

impl GenerateRequest {
    /// A greedy request for at most `max_output` tokens after `prompt`.
    pub fn new(prompt: Vec<Token>, max_output: usize) -> Self {
        Self { prompt, fixed: 0, max_output, sampling: Sampling::default(), stop: Vec::new(), grammar: None }
    }
}

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finish {
    /// The model ended its turn, the grammar was complete, or a stop string was found.
    Stop,
    /// `max_output` tokens were generated.
    Length,
}

/// Token counts of one request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Tokens of the prompt.
    pub prompt: usize,
    /// Of these: found in the KV cache or on disk.
    pub cached: usize,
    /// Of these: evaluated by the model for this request.
    pub processed: usize,
    /// Tokens generated, the end-of-turn token not counted.
    pub output: usize,
    /// Of these: forced by the grammar, so that the model was not asked.
    pub forced: usize,
    /// Times the grammar refused the model's first choice.
    pub refused: usize,
}

/// One step of a generation.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum GenerateEvent {
    /// More text.
    Text(String),
    /// The end; nothing follows.
    Finished {
        /// Why it ended.
        finish: Finish,
        /// What it took.
        counters: Counters,
        /// The tokens generated.
        tokens: Vec<Token>,
    },
}

/// A running generation. Dropping it cancels the request.
#[derive(Debug)]
pub struct Generation {
    pub(crate) events: UnboundedReceiver<Result<GenerateEvent, EngineError>>,
    pub(crate) ticket: Arc<Ticket>,
}

impl Generation {
    /// The next step; `None` after `Finished` or an error.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no step is lost.
    pub async fn next(&mut self) -> Option<Result<GenerateEvent, EngineError>> {
        self.events.recv().await
    }

    /// Polls for the next step, as a stream does.
    pub fn poll_next(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<GenerateEvent, EngineError>>> {
        self.events.poll_recv(cx)
    }

    /// The next step, blocking the thread. Not to be called from async code.
    pub fn blocking_next(&mut self) -> Option<Result<GenerateEvent, EngineError>> {
        self.events.blocking_recv()
    }

    /// Stops the request; `next` then gives what was generated before and [`EngineError::Cancelled`].
    pub fn cancel(&self) {
        self.ticket.cancel();
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.ticket.cancel();
    }
}

/// What a request and the worker share.
#[derive(Debug)]
pub(crate) struct Ticket {
    cancelled: AtomicBool,
    in_flight: AtomicBool,
    abort: AbortFlag,
}

impl Ticket {
    pub(crate) fn new(abort: AbortFlag) -> Arc<Self> {
        Arc::new(Self { cancelled: AtomicBool::new(false), in_flight: AtomicBool::new(false), abort })
    }

    pub(crate) fn cancel(&self) {
        // The worker sets `in_flight`, then looks at `cancelled`: one of the two sees the other.
        self.cancelled.store(true, Ordering::SeqCst);
        if self.in_flight.load(Ordering::SeqCst) {
            self.abort.raise();
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// Says whether tokens of this request are being evaluated.
    pub(crate) fn set_in_flight(&self, yes: bool) {
        self.in_flight.store(yes, Ordering::SeqCst);
    }
}
