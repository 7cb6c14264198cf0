//! One request on its way through the worker.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use super::error::EngineError;
use super::grammar::Constraint;
use super::prefix::{SeqId, Token};
use super::request::{Counters, Finish, GenerateEvent, GenerateRequest, Ticket};
use super::sampler::Chooser;
use super::stop::StopMatcher;
use super::utf8::Utf8Assembler;
use super::vocab::Vocab;

type Events = UnboundedSender<Result<GenerateEvent, EngineError>>;

/// A request and its state.
#[derive(Debug)]
pub(crate) struct Job {
    /// The prompt, then the output so far: all tokens that are to be in the KV cache in the end.
    tokens: Vec<Token>,
    prompt: usize,
    /// How many of `tokens` are in the KV cache.
    done: usize,
    fixed: usize,
    max_output: usize,
    seq: SeqId,
    counters: Counters,
    chooser: Chooser,
    constraint: Option<Constraint>,
    stop: StopMatcher,
    utf8: Utf8Assembler,
    ticket: Arc<Ticket>,
    events: Events,
}

impl Job {
    pub(crate) fn new(
        request: GenerateRequest,
        chooser: Chooser,
        constraint: Option<Constraint>,
        ticket: Arc<Ticket>,
        events: Events,
    ) -> Self {
        let prompt = request.prompt.len();
        Self {
            prompt,
            done: 0,
            fixed: request.fixed.min(prompt.saturating_sub(1)),
            max_output: request.max_output,
            tokens: request.prompt,
            seq: -1,
            counters: Counters { prompt, ..Counters::default() },
            chooser,
            constraint,
            stop: StopMatcher::new(request.stop),
            utf8: Utf8Assembler::default(),
            ticket,
            events,
        }
    }

    /// The prompt.
    pub(crate) fn prompt(&self) -> &[Token] {
        &self.tokens[..self.prompt]
    }

    /// The part of the prompt that many requests share.
    pub(crate) fn fixed(&self) -> &[Token] {
        &self.tokens[..self.fixed]
    }

    /// Tokens that are to be evaluated next.
    pub(crate) fn pending(&self) -> &[Token] {
        &self.tokens[self.done..]
    }

    /// How many tokens are in the KV cache.
    pub(crate) fn done(&self) -> usize {
        self.done
    }

    /// Whether the prompt is not evaluated yet (but for its last token).
    pub(crate) fn in_prompt(&self) -> bool {
        self.done + 1 < self.prompt
    }

    /// KV cells this request may need in the end.
    pub(crate) fn cells(&self) -> usize {
        self.prompt + self.max_output
    }

    pub(crate) fn seq(&self) -> SeqId {
        self.seq
    }

    pub(crate) fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// Whether a token is to be chosen after everything pending was evaluated.
    pub(crate) fn wants_token(&self) -> bool {
        self.max_output > 0
    }

    /// Puts the request on a sequence that has its first `cached` tokens. Gives the end of the request
    /// if the grammar leaves nothing to choose.
    pub(crate) fn start(&mut self, seq: SeqId, cached: usize, vocab: &Vocab) -> Option<Finish> {
        self.seq = seq;
        self.reuse(cached);
        self.force(vocab)
    }

    /// Notes that the tokens up to `length` were found in the cache.
    pub(crate) fn reuse(&mut self, length: usize) {
        self.counters.cached += length.saturating_sub(self.done);
        self.done = self.done.max(length);
    }

    /// Notes that the next `count` tokens were evaluated.
    pub(crate) fn advance(&mut self, count: usize) {
        self.counters.processed += (self.done + count).min(self.prompt).saturating_sub(self.done);
        self.done += count;
    }

    /// Chooses the next token from the model's `logits`. Gives the end of the request, if this was it.
    pub(crate) fn choose(&mut self, logits: &[f32], vocab: &Vocab) -> Result<Option<Finish>, EngineError> {
        let choice = self.chooser.choose(logits, self.constraint.as_mut())?;
        self.counters.refused += usize::from(choice.refused);
        if vocab.is_end(choice.token) {
            return Ok(Some(Finish::Stop));
        }
        let finish = self.output(choice.token, vocab).or_else(|| self.force(vocab));
        Ok(self.settle(finish))
    }

    /// Appends what the grammar leaves no choice about.
    fn force(&mut self, vocab: &Vocab) -> Option<Finish> {
        if self.max_output == 0 {
            return None;
        }
        let forced = self.constraint.as_mut().map(Constraint::forced).unwrap_or_default();
        for token in forced {
            if vocab.is_end(token) {
                return Some(Finish::Stop);
            }
            self.counters.forced += 1;
            let finish = self.output(token, vocab);
            if finish.is_some() {
                return finish;
            }
        }
        self.settle(None)
    }

    /// A complete output is complete, however many tokens it took.
    fn settle(&self, finish: Option<Finish>) -> Option<Finish> {
        let complete = self.constraint.as_ref().is_some_and(Constraint::is_complete);
        match finish {
            None if complete => Some(Finish::Stop),
            other => other,
        }
    }

    fn output(&mut self, token: Token, vocab: &Vocab) -> Option<Finish> {
        self.tokens.push(token);
        self.counters.output += 1;
        self.chooser.note(token);
        let text = self.utf8.push(&vocab.shown(token));
        let scan = self.stop.push(&text);
        self.emit(scan.emit);
        if scan.stopped {
            Some(Finish::Stop)
        } else {
            (self.counters.output >= self.max_output).then_some(Finish::Length)
        }
    }

    fn emit(&self, text: String) {
        if !text.is_empty() {
            // A receiver that is gone has cancelled; the worker notices by the ticket.
            let _ = self.events.send(Ok(GenerateEvent::Text(text)));
        }
    }

    /// Ends the request well.
    pub(crate) fn finish(mut self, finish: Finish, vocab: &Vocab) {
        let rest = self.utf8.finish();
        let scan = self.stop.push(&rest);
        self.emit(scan.emit);
        if !scan.stopped {
            let held = self.stop.finish();
            self.emit(held);
        }
        let output = self.tokens[self.prompt..].to_vec();
        vocab.remember(self.prompt(), &output);
        let event = GenerateEvent::Finished { finish, counters: self.counters, tokens: output };
        let _ = self.events.send(Ok(event));
    }

    /// Ends the request with an error.
    pub(crate) fn fail(self, error: EngineError) {
        let _ = self.events.send(Err(error));
    }
}
