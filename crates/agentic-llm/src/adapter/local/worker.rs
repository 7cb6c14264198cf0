//! The thread that owns the context: schedules requests, evaluates them together, shares their prefixes.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};

use llama_cpp_2::DecodeError;
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;

use super::abort::AbortFlag;
use super::backend::backend;
use super::disk::PrefixFiles;
use super::engine::Totals;
use super::error::EngineError;
pub(crate) use super::job::Job;
use super::prefix::{Action, PrefixStore, SeqId, Token, common_prefix};
use super::request::Finish;
use super::vocab::Vocab;

/// Tokens evaluated in one step at most. Others wait for the end of a step, and a cancelled request for the end of
/// one operation in it, which grows with the step; larger steps are hardly faster.
const STEP: usize = 64;
/// Prompt tokens evaluated in a step that also decodes other requests.
const MIXED_STEP: usize = 32;
/// A request waits for another one that is evaluating their common prefix if it gains this many tokens.
const WORTH_WAITING: usize = 8;
/// What `llama_decode` returns when the abort callback ended it.
const ABORTED: i32 = 2;

/// A request for the worker.
pub(crate) struct Command(pub(crate) Job);

/// What the worker is made from.
pub(crate) struct Setup {
    pub(crate) model: Arc<LlamaModel>,
    pub(crate) vocab: Arc<Vocab>,
    pub(crate) n_ctx: u32,
    pub(crate) threads: i32,
    pub(crate) max_parallel: usize,
    pub(crate) max_kept: usize,
    pub(crate) files: Option<PrefixFiles>,
    pub(crate) abort: AbortFlag,
    pub(crate) totals: Arc<Totals>,
}

impl Setup {
    /// Makes the context, says so through `ready` (with its size), and works until the inbox is closed.
    pub(crate) fn run(self, inbox: &Receiver<Command>, ready: &Sender<Result<usize, EngineError>>) {
        let sequences = self.max_parallel + self.max_kept;
        let model = Arc::clone(&self.model);
        let ctx = match self.context(&model, sequences + 1) {
            Ok(ctx) => ctx,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        let n_ctx = usize::try_from(ctx.n_ctx()).unwrap_or(0);
        if ready.send(Ok(n_ctx)).is_err() {
            return;
        }
        let divisible = !model.is_recurrent() && !model.is_hybrid();
        Worker {
            ctx,
            batch: LlamaBatch::new(STEP + self.max_parallel, 1),
            store: PrefixStore::new(sequences, divisible),
            scratch: SeqId::try_from(sequences).unwrap_or(0),
            n_ctx,
            divisible,
            waiting: VecDeque::new(),
            active: Vec::new(),
            setup: self,
        }
        .work(inbox);
    }

    fn context<'m>(&self, model: &'m LlamaModel, sequences: usize) -> Result<LlamaContext<'m>, EngineError> {
        let failed = |reason: String| EngineError::Context { n_ctx: self.n_ctx, reason };
        let step = u32::try_from(STEP + self.max_parallel).unwrap_or(u32::MAX);
        let n_ctx = NonZeroU32::new(self.n_ctx).ok_or_else(|| failed("it is empty".into()))?;
        let mut params = LlamaContextParams::default()
            .with_n_ctx(Some(n_ctx))
            .with_n_batch(step)
            .with_n_ubatch(step)
            .with_n_seq_max(u32::try_from(sequences).unwrap_or(u32::MAX))
            .with_kv_unified(true)
            .with_swa_full(true)
            .with_n_threads(self.threads)
            .with_n_threads_batch(self.threads)
            .with_no_perf(true);
        self.abort.install(&mut params);
        model.new_context(backend()?, params).map_err(|error| failed(error.to_string()))
    }
}

struct Worker<'m> {
    setup: Setup,
    ctx: LlamaContext<'m>,
    batch: LlamaBatch<'static>,
    store: PrefixStore,
    /// A sequence for copies that are about to be saved.
    scratch: SeqId,
    n_ctx: usize,
    divisible: bool,
    waiting: VecDeque<Job>,
    active: Vec<Job>,
}

/// Part of a step: `count` tokens of the `job`th active request, the last one at `last` in the batch.
struct Share {
    job: usize,
    count: usize,
    last: i32,
    choose: bool,
}

impl Worker<'_> {
    fn work(mut self, inbox: &Receiver<Command>) {
        while self.receive(inbox) {
            self.drop_cancelled();
            self.admit();
            self.catch_up();
            self.step();
        }
        for job in self.waiting.drain(..).chain(self.active.drain(..)) {
            self.setup.totals.running.fetch_sub(1, Ordering::SeqCst);
            job.fail(EngineError::Closed);
        }
    }

    /// Takes what has arrived, waiting for it if there is nothing else to do. `false`: the end.
    fn receive(&mut self, inbox: &Receiver<Command>) -> bool {
        if self.active.is_empty() && self.waiting.is_empty() {
            match inbox.recv() {
                Ok(Command(job)) => self.waiting.push_back(job),
                Err(_) => return false,
            }
        }
        loop {
            match inbox.try_recv() {
                Ok(Command(job)) => self.waiting.push_back(job),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        !self.setup.abort.is_closed()
    }

    fn drop_cancelled(&mut self) {
        let (gone, waiting) =
            std::mem::take(&mut self.waiting).into_iter().partition(|job| job.ticket().is_cancelled());
        self.waiting = waiting;
        let gone: VecDeque<Job> = gone;
        for job in gone {
            self.setup.totals.running.fetch_sub(1, Ordering::SeqCst);
            job.fail(EngineError::Cancelled);
        }
        while let Some(at) = self.active.iter().position(|job| job.ticket().is_cancelled()) {
            let job = self.release(at);
            job.fail(EngineError::Cancelled);
        }
    }

    /// Starts waiting requests, in order, while there is room for all they may need.
    fn admit(&mut self) {
        while self.active.len() < self.setup.max_parallel {
            let reserved: usize = self.active.iter().map(|job| job.cells()).sum();
            let Some(next) = self.waiting.front() else { return };
            if !self.active.is_empty() && reserved + next.cells() > self.n_ctx {
                return;
            }
            let Some(placed) = self.store.place(next.prompt()) else { return };
            let Some(mut job) = self.waiting.pop_front() else { return };
            let mut cached = placed.cached;
            let prepared = match placed.action {
                Action::Clear => self.remove(placed.seq, 0),
                Action::Copy { from } => self.remove(placed.seq, 0) && self.copy(from, placed.seq, 0, cached),
                Action::Truncate => self.remove(placed.seq, cached),
            };
            if !prepared {
                self.remove(placed.seq, 0);
                self.store.truncate(placed.seq, 0);
                cached = 0;
            }
            if let Some(length) = self.load(&job, placed.seq, cached) {
                cached = length;
            }
            let finish = job.start(placed.seq, cached, &self.setup.vocab);
            self.active.push(job);
            if let Some(finish) = finish {
                self.finish(self.active.len() - 1, finish);
            }
        }
    }

    /// Loads the fixed part of a prompt from disk, unless the cache has it or will have it soon.
    fn load(&mut self, job: &Job, seq: SeqId, cached: usize) -> Option<usize> {
        let fixed = job.fixed();
        let files = self.setup.files.as_ref()?;
        let useful = self.divisible && PrefixFiles::worth(fixed.len()) && cached < fixed.len();
        let coming = self.active.iter().any(|other| other.prompt().starts_with(fixed));
        if !useful || coming {
            return None;
        }
        let ctx = &mut self.ctx;
        let loaded = files.load(fixed, |path| {
            ctx.state_seq_load_file(path, seq, fixed.len())
                .is_ok_and(|(tokens, _)| tokens.iter().map(|token| token.0).eq(fixed.iter().copied()))
        });
        self.store.truncate(seq, 0);
        if loaded {
            self.store.append(seq, fixed);
            Some(fixed.len())
        } else {
            // What was copied before is gone too: loading replaces the sequence.
            self.remove(seq, 0);
            Some(0).filter(|_| cached > 0)
        }
    }

    /// Saves the fixed part of a prompt once it is evaluated.
    fn save(&mut self, at: usize) {
        let Some(files) = &self.setup.files else { return };
        let job = &self.active[at];
        let (seq, fixed) = (job.seq(), job.fixed().to_vec());
        if !self.divisible || !PrefixFiles::worth(fixed.len()) || files.has(&fixed) {
            return;
        }
        if !self.remove(self.scratch, 0) || !self.copy(seq, self.scratch, 0, fixed.len()) {
            return;
        }
        let Some(files) = &self.setup.files else { return };
        let tokens: Vec<LlamaToken> = fixed.iter().map(|&token| LlamaToken(token)).collect();
        let (ctx, scratch) = (&self.ctx, self.scratch);
        files.save(&fixed, |path| ctx.state_seq_save_file(path, scratch, &tokens).is_ok());
        self.remove(self.scratch, 0);
    }

    /// Copies to every request in its prompt what another one has evaluated meanwhile.
    fn catch_up(&mut self) {
        for at in 0..self.active.len() {
            let job = &self.active[at];
            if !job.in_prompt() {
                continue;
            }
            let (seq, done) = (job.seq(), job.done());
            let Some((from, length)) = self.store.longer_prefix(seq, job.prompt(), done) else { continue };
            if self.copy(from, seq, done, length) {
                let job = &mut self.active[at];
                self.store.append(seq, &job.prompt()[done..length]);
                job.reuse(length);
            }
        }
    }

    /// Whether an earlier request is about to evaluate what the `at`th one needs next.
    fn should_wait(&self, at: usize) -> bool {
        let job = &self.active[at];
        self.divisible
            && job.in_prompt()
            && self.active[..at].iter().any(|earlier| {
                let common = common_prefix(earlier.prompt(), job.prompt());
                earlier.done() < common && common >= job.done() + WORTH_WAITING
            })
    }

    /// Evaluates one batch and hands out what came of it.
    fn step(&mut self) {
        let shares = self.fill();
        if shares.is_empty() {
            return;
        }
        for share in &shares {
            self.active[share.job].ticket().set_in_flight(true);
        }
        // In this order: a request cancelled before `lower` is seen here, a later one raises the flag.
        self.setup.abort.lower();
        let cancelled = shares.iter().any(|share| self.active[share.job].ticket().is_cancelled());
        let result = if cancelled { Err(DecodeError::Unknown(ABORTED)) } else { self.decode() };
        for share in &shares {
            self.active[share.job].ticket().set_in_flight(false);
        }
        match result {
            Ok(()) => self.hand_out(&shares),
            Err(DecodeError::Unknown(ABORTED)) => {
                for share in &shares {
                    let (seq, done) = (self.active[share.job].seq(), self.active[share.job].done());
                    self.remove(seq, done);
                }
            }
            Err(error) => {
                let reason = error.to_string();
                let mut failed: Vec<usize> = shares.iter().map(|share| share.job).collect();
                failed.sort_unstable();
                for at in failed.into_iter().rev() {
                    let seq = self.active[at].seq();
                    let job = self.release(at);
                    self.store.forget(seq);
                    self.remove(seq, 0);
                    job.fail(EngineError::Decode { reason: reason.clone() });
                }
            }
        }
    }

    /// Fills the batch: first what is being decoded, then prompts in order of arrival.
    fn fill(&mut self) -> Vec<Share> {
        self.batch.clear();
        let mut shares = Vec::new();
        let decoding = self.active.iter().any(|job| !job.in_prompt());
        let mut room = STEP;
        let mut prompt_room = if decoding { MIXED_STEP } else { STEP };
        for prompts in [false, true] {
            for at in 0..self.active.len() {
                if self.active[at].in_prompt() != prompts || (prompts && self.should_wait(at)) {
                    continue;
                }
                let room_here = if prompts { prompt_room.min(room) } else { room };
                let Some(share) = self.add(at, room_here) else { continue };
                room -= share.count;
                if prompts {
                    prompt_room -= share.count;
                }
                shares.push(share);
            }
        }
        shares
    }

    fn add(&mut self, at: usize, room: usize) -> Option<Share> {
        let job = &self.active[at];
        let pending = job.pending();
        let count = pending.len().min(room);
        if count == 0 {
            return None;
        }
        let choose = count == pending.len() && job.wants_token();
        for (offset, &token) in pending[..count].iter().enumerate() {
            let position = i32::try_from(job.done() + offset).ok()?;
            let last = choose && offset + 1 == count;
            // There is room: the batch holds `STEP` tokens and one more for each request.
            self.batch.add(LlamaToken(token), position, &[job.seq()], last).ok()?;
        }
        Some(Share { job: at, count, last: self.batch.n_tokens() - 1, choose })
    }

    /// Evaluates the batch, giving up kept sequences if the cache is full.
    fn decode(&mut self) -> Result<(), DecodeError> {
        self.setup.totals.steps.fetch_add(1, Ordering::SeqCst);
        loop {
            match self.ctx.decode(&mut self.batch) {
                Err(DecodeError::NoKvCacheSlot) => match self.store.evict() {
                    Some(seq) => self.remove(seq, 0),
                    None => return Err(DecodeError::NoKvCacheSlot),
                },
                other => return other,
            };
        }
    }

    /// After a step: notes what is in the cache now, and chooses tokens.
    fn hand_out(&mut self, shares: &[Share]) {
        let mut ended = Vec::new();
        for share in shares {
            let job = &mut self.active[share.job];
            let tokens: Vec<Token> = job.pending()[..share.count].to_vec();
            let before = job.done();
            job.advance(share.count);
            self.store.append(job.seq(), &tokens);
            self.setup.totals.evaluated.fetch_add(share.count, Ordering::SeqCst);
            let fixed = job.fixed().len();
            let crossed = before < fixed && job.done() >= fixed;
            let end = if share.choose {
                let logits = self.ctx.get_logits_ith(share.last);
                job.choose(logits, &self.setup.vocab).transpose()
            } else if job.pending().is_empty() {
                Some(Ok(Finish::Length))
            } else {
                None
            };
            if crossed {
                self.save(share.job);
            }
            ended.extend(end.map(|end| (share.job, end)));
        }
        ended.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        for (at, end) in ended {
            match end {
                Ok(finish) => self.finish(at, finish),
                Err(error) => self.release(at).fail(error),
            }
        }
    }

    fn finish(&mut self, at: usize, finish: Finish) {
        let job = self.release(at);
        job.finish(finish, &self.setup.vocab);
    }

    /// Takes a request out; its sequence is kept for later ones.
    fn release(&mut self, at: usize) -> Job {
        let job = self.active.remove(at);
        for useless in self.store.keep(job.seq()) {
            self.remove(useless, 0);
        }
        self.setup.totals.running.fetch_sub(1, Ordering::SeqCst);
        job
    }

    /// Removes the positions of `seq` from `from` on.
    fn remove(&mut self, seq: SeqId, from: usize) -> bool {
        let Ok(start) = u32::try_from(from) else { return false };
        self.ctx.kv_cache_seq_rm(seq, Some(start), None).is_ok()
    }

    fn copy(&mut self, from: SeqId, to: SeqId, start: usize, end: usize) -> bool {
        let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(end)) else { return false };
        self.ctx.kv_cache_seq_cp(from, to, Some(start), Some(end)).is_ok()
    }
}
