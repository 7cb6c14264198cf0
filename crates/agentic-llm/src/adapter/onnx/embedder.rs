//! An ONNX model as an [`Embedder`].

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use agentic_core::{Embedder, EmbedderInfo, Embeddings, ModelContext, ModelError, Price, Usage};
use async_trait::async_trait;
use tokio::sync::oneshot;

use super::error::OnnxError;
use super::library;
use super::network::Network;
use super::plan;
use super::text::Vocabulary;
use super::worker::{self, Job};

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pooling {
    /// Their mean.
    #[default]
    Mean,
    /// The one of the first token.
    Cls,
}

/// Settings of an ONNX model.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct OnnxOptions {
    /// The name it goes by, such as `local:all-minilm-l6-v2`. Stores of vectors keep it and refuse another. Default:
    /// `local:` and the path of the file.
    pub id: Option<String>,
    /// The library of the ONNX Runtime. A process loads one, for the first model: later ones use the same.
    pub library: Option<PathBuf>,
    /// The tokenizer. Default: `tokenizer.json` beside the model.
    pub tokenizer: Option<PathBuf>,
    /// How the vectors of tokens become one, where the network gives a vector for each token.
    pub pooling: Pooling,
    /// The most tokens of a text, its two ends included; what is beyond is cut off. Default: what the tokenizer's file
    /// says, else 512.
    pub max_tokens: Option<usize>,
    /// Threads that run the network. Default: as many as the machine has cores, at most 8.
    pub threads: Option<usize>,
    /// Whether several texts are run at once. Default: if that changes no vector, see the [module](super).
    pub together: Option<bool>,
}

/// An embedding model in this process: an ONNX file and its tokenizer.
///
/// A text has the same vector whatever comes with it (see the [module](super)); an empty text has one too. Vectors have
/// length 1. The network runs on a thread of its own, a batch at a time: calls take turns, and one that is dropped or
/// whose run is cancelled is given up before its next batch. Usage counts the tokens that went through the network; it
/// costs nothing.
///
/// Cheap to clone; clones share the network. The thread ends with the last clone.
#[derive(Clone, Debug)]
pub struct OnnxEmbedder(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    info: EmbedderInfo,
    vocabulary: Arc<Vocabulary>,
    together: bool,
    jobs: mpsc::Sender<Job>,
}

/// What is known once a model is loaded.
struct Loaded {
    vocabulary: Arc<Vocabulary>,
    together: bool,
    dimensions: usize,
}

/// Opens the ONNX model at `path`; takes half a second or more, which are spent on a thread of its own.
///
/// # Errors
/// A [`ModelError`] of the kind [`Unloadable`](agentic_core::ModelErrorKind::Unloadable), or of what the network does
/// when it is tried.
///
/// # Cancel safety
/// Dropping the future leaves the thread to finish loading by itself; its work is discarded.
pub async fn open(path: &Path, options: OnnxOptions) -> Result<OnnxEmbedder, ModelError> {
    let id = options.id.clone().unwrap_or_else(|| format!("local:{}", path.display()));
    let (ready, loaded) = oneshot::channel();
    let (jobs, arriving) = mpsc::channel();
    let owned = path.to_owned();
    let spawned = std::thread::Builder::new().name("agentic-embed".into()).spawn(move || {
        match load(&owned, &options) {
            Ok((mut network, loaded)) => {
                let (vocabulary, together) = (loaded.vocabulary.clone(), loaded.together);
                // If nobody waits any more, the sender of jobs is gone too, and the work ends at once.
                let _ = ready.send(Ok(loaded));
                worker::work(&mut network, &vocabulary, together, &arriving);
            }
            Err(error) => drop(ready.send(Err(error))),
        }
    });
    spawned.map_err(|error| OnnxError::Run(format!("can't start its thread: {error}")).on(&id))?;
    let loaded = loaded.await.unwrap_or(Err(OnnxError::Closed));
    let Loaded { vocabulary, together, dimensions } = loaded.map_err(|error| error.on(&id))?;
    let mut info = EmbedderInfo::new(id, dimensions);
    info.max_tokens = u64::try_from(vocabulary.max_tokens()).ok();
    info.price = Some(Price::default());
    Ok(OnnxEmbedder(Arc::new(Inner { info, vocabulary, together, jobs })))
}

fn load(path: &Path, options: &OnnxOptions) -> Result<(Network, Loaded), OnnxError> {
    let library = options.library.as_deref().ok_or(OnnxError::NoLibrary)?;
    let beside = || path.with_file_name("tokenizer.json");
    let tokenizer = options.tokenizer.clone().unwrap_or_else(beside);
    let vocabulary = Vocabulary::load(&tokenizer, options.max_tokens)?;
    let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get().min(8));
    let threads = options.threads.unwrap_or_else(cores).max(1);
    let environment = library::environment(library)?;
    let mut network = Network::load(&environment, path, threads, options.pooling, vocabulary.padding())?;
    let (dimensions, moved) = tried(&mut network, &vocabulary)?;
    let together = options.together.unwrap_or(moved <= STILL);
    tracing::debug!(path = %path.display(), dimensions, moved, together, "an embedding model is loaded");
    Ok((network, Loaded { vocabulary: Arc::new(vocabulary), together, dimensions }))
}

/// How far a number of a vector may move in company. Rounding moves numbers by some 1e-7, quantising by 1e-3 and more.
const STILL: f32 = 1e-5;

/// Runs a text, alone and beside a longer one: how many numbers its vector has, and how far one of them moves at most.
fn tried(network: &mut Network, vocabulary: &Vocabulary) -> Result<(usize, f32), OnnxError> {
    const SHORT: &str = "A cup of tea.";
    const LONG: &str = "On Tuesday the 14th (at 09:30!) Größe 7 = 3.5 × 2; the ferry to Oslo left without us, so we \
                        walked home, cooked for everybody and slept until noon: nobody complained about it.";
    let (short, long) = (vocabulary.tokens(0, SHORT)?, vocabulary.tokens(1, LONG)?);
    let alone = network.run(&[&short])?;
    let beside = network.run(&[&short, &long])?;
    let (alone, beside) =
        (alone.first().map_or(&[][..], Vec::as_slice), beside.first().map_or(&[][..], Vec::as_slice));
    let moved = alone.iter().zip(beside).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
    Ok((alone.len(), moved))
}

impl OnnxEmbedder {
    /// Whether several texts are run at once.
    pub fn together(&self) -> bool {
        self.0.together
    }

    /// Which texts [`embed`](Embedder::embed) would run together, as indices, in its order.
    ///
    /// # Errors
    /// A [`ModelError`] if a text can't be made into tokens.
    pub fn batches(&self, texts: &[String]) -> Result<Vec<Vec<usize>>, ModelError> {
        let lengths = texts
            .iter()
            .enumerate()
            .map(|(index, text)| self.0.vocabulary.tokens(index, text).map(|tokens| tokens.len()));
        let lengths: Vec<usize> =
            lengths.collect::<Result<_, _>>().map_err(|error| error.on(&self.0.info.id))?;
        Ok(plan::batches(&lengths, self.0.together))
    }
}

#[async_trait]
impl Embedder for OnnxEmbedder {
    fn info(&self) -> &EmbedderInfo {
        &self.0.info
    }

    async fn embed(&self, texts: Arc<[String]>, mcx: ModelContext) -> Result<Embeddings, ModelError> {
        if texts.is_empty() {
            return Ok(Embeddings { vectors: Vec::new(), usage: Usage::default() });
        }
        let (reply, answer) = oneshot::channel();
        let on = |error: OnnxError| error.on(&self.0.info.id);
        self.0.jobs.send(Job::new(texts, mcx, reply)).map_err(|_| on(OnnxError::Closed))?;
        answer.await.unwrap_or(Err(OnnxError::Closed)).map_err(on)
    }
}
