//! Words as sparse vectors, whose product is never less than BM25.
//!
//! The server finds records by a product of sparse vectors, which can't know how long records are on average later on. So
//! each number of a record is what its word would say if records had [`AVERAGE`] words. By what the average really is,
//! that is off by no more than a factor that is known, and so is the product. What may be among the best is scored
//! exactly, by the words in its payload.

use std::collections::HashMap;

use qdrant_client::qdrant as grpc;

use crate::index::{often, rare};

/// The average by which the numbers are counted.
const AVERAGE: f32 = 32.0;

/// What sums of floats may be off, as a part of them.
const ROUNDING: f32 = 1e-4;

/// The dimension of a word. Others may have the same: their products are only larger.
fn dimension(word: &str) -> u32 {
    let hash = blake3::hash(word.as_bytes());
    let [a, b, c, d, ..] = *hash.as_bytes();
    u32::from_le_bytes([a, b, c, d])
}

fn counted<'a>(words: impl IntoIterator<Item = &'a String>) -> HashMap<&'a str, f32> {
    let mut counts = HashMap::new();
    for word in words {
        *counts.entry(word.as_str()).or_default() += 1.0;
    }
    counts
}

/// The vector of a record with these words.
pub(super) fn of_record(words: &[String]) -> grpc::SparseVector {
    let length = words.len() as f32;
    let counts = counted(words);
    vector(counts.iter().map(|(word, count)| (dimension(word), often(*count, length, AVERAGE))))
}

/// One number for each dimension, in their order.
fn vector(parts: impl IntoIterator<Item = (u32, f32)>) -> grpc::SparseVector {
    let mut sums: HashMap<u32, f32> = HashMap::new();
    for (dimension, number) in parts {
        *sums.entry(dimension).or_default() += number;
    }
    let mut sums: Vec<(u32, f32)> = sums.into_iter().collect();
    sums.sort_unstable_by_key(|(dimension, _)| *dimension);
    let (indices, values) = sums.into_iter().unzip();
    grpc::SparseVector { indices, values }
}

/// Words that are looked for, and how rare each is.
#[derive(Debug)]
pub(super) struct Asked {
    /// In the order of the words: sums of floats depend on it.
    words: Vec<(String, f32)>,
    average: f32,
}

impl Asked {
    /// Words that so many of `n` records have, which have `total` words; `None` if nobody has any of them.
    pub(super) fn of(words: Vec<(String, u64)>, n: u64, total: u64) -> Option<Self> {
        let known = words.into_iter().filter(|(_, having)| *having > 0);
        let mut words: Vec<_> = known.map(|(word, having)| (word, rare(n as f32, having as f32))).collect();
        words.sort_by(|(one, _), (other, _)| one.cmp(other));
        (!words.is_empty()).then(|| Self { words, average: total as f32 / n.max(1) as f32 })
    }

    /// The vector to look for.
    pub(super) fn vector(&self) -> grpc::SparseVector {
        vector(self.words.iter().map(|(word, rare)| (dimension(word), *rare)))
    }

    /// The score of a record with these words; 0 if it has none that are looked for.
    pub(super) fn score(&self, words: &[String]) -> f32 {
        let (counts, length) = (counted(words), words.len() as f32);
        let parts = self.words.iter().filter_map(|(word, rare)| {
            counts.get(word.as_str()).map(|count| rare * often(*count, length, self.average))
        });
        parts.sum()
    }

    /// The most that the score of a record can be whose product is this.
    pub(super) fn most(&self, product: f32) -> f32 {
        // The longer records are on average, the more a long one's word says, up to this factor.
        product * (self.average / AVERAGE).max(1.0) * (1.0 + ROUNDING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn no_score_is_more_than_its_product_says() {
        for average in [1.0, 7.0, 32.0, 100.0, 3_000.0] {
            let known = vec![("a".into(), 3), ("b".into(), 90), ("c".into(), 0)];
            let asked = Asked::of(known, 100, (average * 100.0) as u64).unwrap();
            let question = asked.vector();
            for text in ["a", "b b a", &"a x y ".repeat(5), &format!("b {}", "z ".repeat(5_000))] {
                let (words, score) = (words(text), asked.score(&words(text)));
                let record = of_record(&words);
                let numbers: HashMap<u32, f32> = record.indices.into_iter().zip(record.values).collect();
                let product = question.indices.iter().zip(&question.values);
                let product: f32 = product.map(|(at, value)| numbers.get(at).unwrap_or(&0.0) * value).sum();
                assert!(score > 0.0 && score <= asked.most(product), "{score} of {text}, {average}");
            }
            assert!(asked.score(&words("c d")) <= 0.0);
        }
        assert!(Asked::of(vec![("c".into(), 0)], 100, 100).is_none());
    }
}
