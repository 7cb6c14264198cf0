//! `hashing:DIMENSIONS`: an embedding model without a model, for tests and for machines that can't have one.

use std::sync::Arc;

use agentic_core::{Embedder, EmbedderInfo, Embeddings, ModelContext, ModelError, Usage};
use async_trait::async_trait;
use thiserror::Error;

use crate::open::{Address, EmbedderFuture, Environment, OpenError};

/// The most numbers in a vector.
const MOST: usize = 65_536;

/// What is wrong with an address.
#[derive(Debug, Error)]
#[error("`{0}` is no number of dimensions from 1 to {MOST}; write hashing:384")]
struct NoDimensions(String);

pub(crate) fn open<'a>(address: &'a Address<'a>, _: &'a Environment) -> EmbedderFuture<'a> {
    Box::pin(async move {
        address.allow(&[])?;
        match address.rest().parse() {
            Ok(dimensions) if (1..=MOST).contains(&dimensions) => {
                Ok(Arc::new(HashingEmbedder::new(dimensions)) as Arc<dyn Embedder>)
            }
            _ => Err(OpenError::setup(address, NoDimensions(address.rest().to_owned()))),
        }
    })
}

/// Texts that share words have like vectors: the same in every process, on every machine. It knows no meaning: "car" and
/// "automobile" are as far apart as any two words.
///
/// Each word in lower case adds 1 or takes 1 away at a place, both drawn from its hash (Weinberger et al., "Feature Hashing
/// for Large Scale Multitask Learning", 2009); then the vector is scaled to length 1.
#[derive(Clone, Debug)]
pub struct HashingEmbedder(EmbedderInfo);

impl HashingEmbedder {
    /// With this many numbers in a vector; its name is `hashing:` and that number.
    pub fn new(dimensions: usize) -> Self {
        Self(EmbedderInfo::new(format!("hashing:{dimensions}"), dimensions))
    }

    /// The vector of a text; of zeros if it has no words.
    pub fn vector(&self, text: &str) -> Vec<f32> {
        let mut vector = vec![0.0_f32; self.0.dimensions];
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        for word in words {
            let hash = fnv(&word.to_lowercase());
            let place = (hash >> 1) % (vector.len().max(1) as u64);
            if let Some(number) = vector.get_mut(place as usize) {
                *number += if hash & 1 == 0 { 1.0 } else { -1.0 };
            }
        }
        let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
        if length > 0.0 {
            vector.iter_mut().for_each(|number| *number /= length);
        }
        vector
    }
}

/// FNV-1a, with its bits mixed once more: the lowest alone say too little of short words.
fn fnv(word: &str) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = word.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
    (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
}

#[async_trait]
impl Embedder for HashingEmbedder {
    fn info(&self) -> &EmbedderInfo {
        &self.0
    }

    async fn embed(&self, texts: Arc<[String]>, _: ModelContext) -> Result<Embeddings, ModelError> {
        let vectors = texts.iter().map(|text| self.vector(text)).collect();
        Ok(Embeddings { vectors, usage: Usage::default() })
    }
}

#[cfg(test)]
mod tests {
    use agentic_core::RunContext;
    use agentic_runtime::RunContextExt as _;

    use super::*;

    #[tokio::test]
    async fn the_suite_for_embedders_passes() {
        let embedder: Arc<dyn Embedder> = Arc::new(HashingEmbedder::new(256));
        agentic_testkit::conformance::embedder::all(&RunContext::ephemeral(), &embedder).await;
    }

    #[test]
    fn texts_with_the_same_words_are_alike() {
        let embedder = HashingEmbedder::new(256);
        let near = |one: &str, other: &str| -> f32 {
            embedder.vector(one).iter().zip(embedder.vector(other)).map(|(a, b)| a * b).sum()
        };
        assert!((near("Tea, please!", "please TEA") - 1.0).abs() < 1e-6);
        assert!(near("Anna drinks tea", "Ben drinks tea") > 0.5);
        assert!(near("Anna drinks tea", "It rained in Oslo").abs() < 0.3);
        assert_eq!(embedder.vector("?!"), [0.0; 256]);
        assert!(HashingEmbedder::new(0).vector("x").is_empty());
        // Vectors are kept in files: they may not change.
        let vector = embedder.vector("Größe 東京 tea");
        let places: Vec<usize> = (0..256).filter(|at| vector[*at] != 0.0).collect();
        assert_eq!(places, [53, 116, 149]);
    }
}
