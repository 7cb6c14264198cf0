//! The embedded engine: a loaded model and the thread that evaluates it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use tokio::sync::mpsc::unbounded_channel;

use super::abort::AbortFlag;
use super::disk::PrefixFiles;
use super::error::EngineError;
use super::grammar::Constraint;
use super::load;
use super::options::EngineOptions;
use super::request::{GenerateRequest, Generation, Ticket};
use super::sampler::Chooser;
use super::vocab::Vocab;
use super::worker::{Command, Job, Setup};

/// Context used when neither the caller nor the model asks for less.
const DEFAULT_CONTEXT: u32 = 16_384;
/// llama.cpp's limit of sequences in one context.
const MAX_SEQUENCES: usize = 256;

/// A loaded model that serves several requests at once from one KV cache.
///
/// Requests with a common prefix evaluate it once: from turn to turn, between agents, and when they
/// arrive together. Dropping the engine cancels what runs and waits for its thread (at most one
/// evaluation step).
#[derive(Debug)]
pub struct Engine {
    path: PathBuf,
    vocab: Arc<Vocab>,
    n_ctx: usize,
    saves_prefixes: bool,
    commands: Option<mpsc::Sender<Command>>,
    abort: AbortFlag,
    totals: Arc<Totals>,
    thread: Option<JoinHandle<()>>,
}

/// Sums over the life of an engine.
#[derive(Debug, Default)]
pub struct Totals {
    pub(crate) running: AtomicUsize,
    pub(crate) evaluated: AtomicUsize,
    pub(crate) steps: AtomicUsize,
}

impl Totals {
    /// Requests that are waiting or being evaluated.
    pub fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// Tokens evaluated so far, prompts and outputs.
    pub fn evaluated(&self) -> usize {
        self.evaluated.load(Ordering::SeqCst)
    }

    /// Evaluation steps so far; one step serves several requests.
    pub fn steps(&self) -> usize {
        self.steps.load(Ordering::SeqCst)
    }
}

impl Engine {
    /// Loads the GGUF file at `path`. Blocks for seconds: call it off the async threads.
    ///
    /// # Errors
    ///
    /// [`EngineError::Unreadable`], [`EngineError::NotGguf`] or [`EngineError::Unloadable`] about the file,
    /// [`EngineError::Context`] if there is not enough memory.
    pub fn load(path: &Path, options: &EngineOptions) -> Result<Self, EngineError> {
        let model = load::load(path)?;
        let vocab = Arc::new(Vocab::new(Arc::clone(&model)));
        let trained = model.n_ctx_train();
        let n_ctx =
            options.n_ctx.unwrap_or(DEFAULT_CONTEXT.min(if trained == 0 { u32::MAX } else { trained }));
        let threads = options
            .threads
            .or_else(|| std::thread::available_parallelism().ok().map(Into::into))
            .unwrap_or(1)
            .clamp(1, 512);
        let files = match &options.prefix_dir {
            Some(dir) => {
                let key = load::model_key(path, options.model_digest.as_deref()).map_err(|error| {
                    EngineError::Unreadable { path: path.into(), reason: error.to_string() }
                })?;
                Some(PrefixFiles::new(dir.clone(), key, options.prefix_dir_bytes))
            }
            None => None,
        };
        let max_parallel = options.max_parallel.clamp(1, MAX_SEQUENCES / 2);
        let abort = AbortFlag::default();
        let totals = Arc::new(Totals::default());
        let (commands, inbox) = mpsc::channel();
        let (ready, is_ready) = mpsc::channel();
        let setup = Setup {
            model,
            vocab: Arc::clone(&vocab),
            n_ctx,
            threads: i32::try_from(threads).unwrap_or(1),
            max_parallel,
            max_kept: options.max_kept.clamp(1, MAX_SEQUENCES / 2 - 1),
            files,
            abort: abort.clone(),
            totals: Arc::clone(&totals),
        };
        let thread = std::thread::Builder::new()
            .name("agentic-local".into())
            .spawn(move || setup.run(&inbox, &ready))
            .map_err(|error| EngineError::Context { n_ctx, reason: error.to_string() })?;
        let n_ctx = is_ready.recv().map_err(|_| EngineError::Closed)??;
        Ok(Self {
            path: path.into(),
            vocab,
            n_ctx,
            saves_prefixes: options.prefix_dir.is_some(),
            commands: Some(commands),
            abort,
            totals,
            thread: Some(thread),
        })
    }

    /// The model's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The model's vocabulary.
    pub fn vocab(&self) -> &Arc<Vocab> {
        &self.vocab
    }

    /// Tokens the context holds.
    pub fn n_ctx(&self) -> usize {
        self.n_ctx
    }

    /// Whether the fixed part of prompts is saved on disk.
    pub(crate) fn saves_prefixes(&self) -> bool {
        self.saves_prefixes
    }

    /// Sums over the life of the engine.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// A value of the file's metadata, such as `tokenizer.chat_template` or `general.name`.
    pub fn metadata(&self, key: &str) -> Option<String> {
        // A NUL byte inside the key or a value makes this fail, which is as good as absent.
        self.vocab.model().meta_val_str(key).ok()
    }

    /// Starts a generation. The grammar is compiled on the calling thread (milliseconds).
    ///
    /// # Errors
    ///
    /// [`EngineError::EmptyPrompt`], [`EngineError::ContextOverflow`], [`EngineError::Sampling`] or
    /// [`EngineError::Grammar`] about the request; [`EngineError::Closed`] if the engine is gone.
    pub fn generate(&self, request: GenerateRequest) -> Result<Generation, EngineError> {
        if request.prompt.is_empty() {
            return Err(EngineError::EmptyPrompt);
        }
        if let Some(&token) = request.prompt.iter().find(|&&token| !self.vocab.contains(token)) {
            return Err(EngineError::Decode { reason: format!("token {token} is not in the vocabulary") });
        }
        if request.prompt.len().saturating_add(request.max_output) > self.n_ctx {
            return Err(EngineError::ContextOverflow {
                prompt: request.prompt.len(),
                max_output: request.max_output,
                n_ctx: self.n_ctx,
            });
        }
        let chooser = Chooser::new(self.vocab.len(), &request.sampling)?;
        let constraint = match &request.grammar {
            Some(grammar) => Some(Constraint::compile(self.vocab.factory()?, grammar)?),
            None => None,
        };
        let ticket = Ticket::new(self.abort.clone());
        let (sender, events) = unbounded_channel();
        let job = Job::new(request, chooser, constraint, Arc::clone(&ticket), sender);
        let commands = self.commands.as_ref().ok_or(EngineError::Closed)?;
        self.totals.running.fetch_add(1, Ordering::SeqCst);
        commands.send(Command(job)).map_err(|_| {
            self.totals.running.fetch_sub(1, Ordering::SeqCst);
            EngineError::Closed
        })?;
        Ok(Generation { events, ticket })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.commands = None; // the worker ends when its inbox is closed
        self.abort.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
