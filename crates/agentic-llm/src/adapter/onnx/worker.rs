//! The thread that runs the network, so that no async thread has to.

use std::collections::VecDeque;
use std::sync::{Arc, mpsc};

use agentic_core::{Embeddings, ModelContext, Usage};
use tokio::sync::oneshot;

use super::error::OnnxError;
use super::network::Network;
use super::plan;
use super::text::Vocabulary;

/// Texts that are made into tokens between two looks at whether anybody still wants them.
const TEXTS: usize = 64;

/// What a job ends with.
pub(super) type Reply = oneshot::Sender<Result<Embeddings, OnnxError>>;

/// Texts to embed.
#[derive(Debug)]
pub(super) struct Job {
    texts: Arc<[String]>,
    mcx: ModelContext,
    reply: Reply,
    /// The tokens of the first texts.
    tokens: Vec<Vec<i64>>,
    /// Batches that are not run yet, once all texts are tokens.
    left: Option<VecDeque<Vec<usize>>>,
    vectors: Vec<Vec<f32>>,
}

impl Job {
    pub(super) fn new(texts: Arc<[String]>, mcx: ModelContext, reply: Reply) -> Self {
        Self { texts, mcx, reply, tokens: Vec::new(), left: None, vectors: Vec::new() }
    }

    /// Whether somebody waits for it.
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed() && !self.mcx.is_cancelled()
    }

    /// Does a piece of the work; `true` once all is done.
    fn step(
        &mut self,
        network: &mut Network,
        vocabulary: &Vocabulary,
        together: bool,
    ) -> Result<bool, OnnxError> {
        let done = self.tokens.len();
        if done < self.texts.len() {
            for (index, text) in self.texts.iter().enumerate().skip(done).take(TEXTS) {
                self.tokens.push(vocabulary.tokens(index, text)?);
            }
            return Ok(false);
        }
        let Self { tokens, vectors, .. } = self;
        let left = self.left.get_or_insert_with(|| {
            let lengths: Vec<usize> = tokens.iter().map(Vec::len).collect();
            vectors.resize(lengths.len(), Vec::new());
            plan::batches(&lengths, together).into()
        });
        let Some(batch) = left.pop_front() else { return Ok(true) };
        let inputs: Vec<&[i64]> =
            batch.iter().filter_map(|&index| tokens.get(index).map(Vec::as_slice)).collect();
        for (index, vector) in batch.iter().zip(network.run(&inputs)?) {
            if let Some(place) = vectors.get_mut(*index) {
                *place = vector;
            }
        }
        Ok(left.is_empty())
    }

    fn end(self, result: Result<(), OnnxError>) {
        let input_tokens = self.tokens.iter().map(|tokens| tokens.len() as u64).sum();
        let usage = Usage { input_tokens, ..Usage::default() };
        let vectors = self.vectors;
        // Whoever waited may have gone.
        let _ = self.reply.send(result.map(|()| Embeddings { vectors, usage }));
    }
}

/// Works until nobody can ask any more. Jobs take turns, a batch each, so that a question does not wait for an import.
pub(super) fn work(
    network: &mut Network,
    vocabulary: &Vocabulary,
    together: bool,
    arriving: &mpsc::Receiver<Job>,
) {
    let mut jobs: VecDeque<Job> = VecDeque::new();
    loop {
        if jobs.is_empty() {
            match arriving.recv() {
                Ok(job) => jobs.push_back(job),
                Err(_) => return,
            }
        }
        jobs.extend(arriving.try_iter());
        let Some(mut job) = jobs.pop_front() else { continue };
        if !job.is_wanted() {
            job.end(Err(OnnxError::Cancelled));
            continue;
        }
        match job.step(network, vocabulary, together) {
            Ok(false) => jobs.push_back(job),
            Ok(true) => job.end(Ok(())),
            Err(error) => job.end(Err(error)),
        }
    }
}
