//! The network: tokens of a batch in, a vector for each text out.

use std::path::Path;

use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;

use super::embedder::Pooling;
use super::error::{OnnxError, one_line};

/// Outputs that are taken, the first that there is; else the first output of all.
const OUTPUTS: &[&str] = &["sentence_embedding", "last_hidden_state", "token_embeddings"];

/// A network that is ready to run.
#[derive(Debug)]
pub(super) struct Network {
    session: Session,
    output: String,
    /// Whether it wants to know which tokens count, and to which sentence they belong.
    mask: bool,
    types: bool,
    pooling: Pooling,
    padding: i64,
}

impl Network {
    /// Loads the file at `path` and makes it ready for `threads` threads.
    pub(super) fn load(
        environment: &ort::environment::Environment,
        path: &Path,
        threads: usize,
        pooling: Pooling,
        padding: i64,
    ) -> Result<Self, OnnxError> {
        let failed = |reason: String| OnnxError::File { path: path.to_owned(), reason };
        if !path.is_file() {
            return Err(failed("there is no such file".to_owned()));
        }
        let session = session(environment, path, threads)
            .map_err(|error| failed(format!("it is no ONNX model that can be run: {error}")))?;
        let has = |name: &str| session.inputs().iter().any(|input| input.name() == name);
        if !has("input_ids") {
            return Err(failed("it has no input `input_ids`; give a sentence-embedding model".to_owned()));
        }
        let (mask, types) = (has("attention_mask"), has("token_type_ids"));
        let named = |name: &&&str| session.outputs().iter().any(|output| output.name() == **name);
        let first = || session.outputs().first().map(|output| output.name().to_owned());
        let output = OUTPUTS.iter().find(named).map(|name| (*name).to_owned()).or_else(first);
        let output = output.ok_or_else(|| failed("it has no output".to_owned()))?;
        Ok(Self { session, output, mask, types, pooling, padding })
    }

    /// The vectors of texts with these tokens, each of length 1.
    pub(super) fn run(&mut self, batch: &[&[i64]]) -> Result<Vec<Vec<f32>>, OnnxError> {
        let rows = batch.len();
        let width = batch.iter().map(|tokens| tokens.len()).max().unwrap_or(0);
        let row = |tokens: &[i64], inside: Option<i64>, outside: i64| {
            let filled = width.saturating_sub(tokens.len());
            let own = tokens.iter().map(move |token| inside.unwrap_or(*token)).collect::<Vec<_>>();
            own.into_iter().chain(std::iter::repeat_n(outside, filled))
        };
        let tensor = |inside: Option<i64>, outside: i64| -> Result<SessionInputValue<'static>, OnnxError> {
            let numbers: Vec<i64> = batch.iter().flat_map(|tokens| row(tokens, inside, outside)).collect();
            let tensor = Tensor::from_array(([rows, width], numbers)).map_err(failed)?;
            Ok(tensor.into())
        };
        let mut inputs = vec![("input_ids", tensor(None, self.padding)?)];
        if self.mask {
            inputs.push(("attention_mask", tensor(Some(1), 0)?));
        }
        if self.types {
            inputs.push(("token_type_ids", tensor(Some(0), 0)?));
        }
        let outputs = self.session.run(inputs).map_err(failed)?;
        let wrong = |what: String| Err(OnnxError::Output(what));
        let Some(output) = outputs.get(&self.output) else {
            return wrong(format!("no `{}`", self.output));
        };
        let (shape, numbers) = output.try_extract_tensor::<f32>().map_err(failed)?;
        let sizes: Vec<usize> = shape.iter().filter_map(|&size| usize::try_from(size).ok()).collect();
        let vectors: Vec<Vec<f32>> = match *sizes.as_slice() {
            [texts, dimensions] if texts == rows && dimensions > 0 => {
                numbers.chunks_exact(dimensions).map(<[f32]>::to_vec).collect()
            }
            [texts, tokens, dimensions] if texts == rows && tokens == width && dimensions > 0 => {
                let texts = numbers.chunks_exact(tokens.saturating_mul(dimensions).max(1)).zip(batch);
                texts.map(|(hidden, tokens)| pool(hidden, tokens.len(), dimensions, self.pooling)).collect()
            }
            _ => return wrong(format!("numbers of the shape {sizes:?} for {rows} texts of {width} tokens")),
        };
        let vectors: Vec<_> = vectors.into_iter().map(normalised).collect();
        if vectors.len() != rows || vectors.iter().flatten().any(|number| !number.is_finite()) {
            return wrong("numbers that are none".to_owned());
        }
        Ok(vectors)
    }
}

fn failed(error: ort::Error) -> OnnxError {
    OnnxError::Run(one_line(&error))
}

fn session(
    environment: &ort::environment::Environment,
    path: &Path,
    threads: usize,
) -> Result<Session, String> {
    let text = |error: &dyn std::fmt::Display| one_line(error);
    Session::builder(environment)
        .map_err(|error| text(&error))?
        .with_optimization_level(GraphOptimizationLevel::All)
        .map_err(|error| text(&error))?
        .with_intra_threads(threads)
        .map_err(|error| text(&error))?
        // Threads that wait for the next batch sleep.
        .with_intra_op_spinning(false)
        .map_err(|error| text(&error))?
        // Batches have many shapes; what is planned for one is of no use to the next.
        .with_memory_pattern(false)
        .map_err(|error| text(&error))?
        .commit_from_file(path)
        .map_err(|error| text(&error))
}

/// One vector of the numbers of a text's first `count` tokens.
fn pool(hidden: &[f32], count: usize, dimensions: usize, pooling: Pooling) -> Vec<f32> {
    let mut tokens = hidden.chunks_exact(dimensions);
    match pooling {
        Pooling::Cls => tokens.next().unwrap_or_default().to_vec(),
        Pooling::Mean => {
            let mut mean = vec![0.0_f32; dimensions];
            for token in tokens.take(count) {
                mean.iter_mut().zip(token).for_each(|(sum, number)| *sum += number);
            }
            let count = count.max(1) as f32;
            mean.iter_mut().for_each(|sum| *sum /= count);
            mean
        }
    }
}

/// The vector at length 1; one of zeros stays.
fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|number| *number /= length);
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_texts_own_tokens_count() {
        let hidden = [1.0, 2.0, 3.0, 6.0, 100.0, 100.0];
        assert_eq!(pool(&hidden, 2, 2, Pooling::Mean), [2.0, 4.0]);
        assert_eq!(pool(&hidden, 2, 2, Pooling::Cls), [1.0, 2.0]);
    }

    #[test]
    fn vectors_have_length_one_or_are_zero() {
        assert_eq!(normalised(vec![3.0, 4.0]), [0.6, 0.8]);
        assert_eq!(normalised(vec![0.0, 0.0]), [0.0, 0.0]);
    }
}
