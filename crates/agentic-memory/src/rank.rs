//! Ranking: from what two searches found to one list, best first. Pure functions.

use std::collections::{HashMap, HashSet};

use agentic_core::Hit;

/// What counts how much when entries are ranked.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Weights {
    /// How much of the relevance is by keywords, 0 to 1; the rest is by meaning, the vectors' cosine. Default: 0.6.
    pub keywords: f32,
    /// How much of its relevance an entry lends to the one after it in its scope: an answer stands after its question.
    /// Default: 0.5.
    pub lent_to_next: f32,
    /// How much of its relevance an entry lends to the one before it. Default: 0.2.
    pub lent_to_previous: f32,
    /// Relevance, as a whole. Default: 1.
    pub relevance: f32,
    /// How new the entry is, or when it was said again: 1 now, half of it after each [half-life](crate::LongTermOptions::half_life). Default: 0.05.
    pub recency: f32,
    /// The entry's importance. Default: 0.1.
    pub importance: f32,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            keywords: 0.6,
            lent_to_next: 0.5,
            lent_to_previous: 0.2,
            relevance: 1.0,
            recency: 0.05,
            importance: 0.1,
        }
    }
}

/// How relevant each record is by both searches, 0 to 1: the best keyword match counts 1, the best and the worst cosine among
/// what was found count 1 and 0, and the two are added by weight (convex combination; Bruch, Gai and Ingber, "An Analysis
/// of Fusion Functions for Hybrid Retrieval", 2023).
pub(crate) fn relevance(by_words: &[Hit], by_meaning: &[Hit], keywords: f32) -> HashMap<String, f32> {
    let mut relevance: HashMap<String, f32> = HashMap::new();
    let mut add = |hits: &[Hit], least: f32, most: f32, weight: f32| {
        for hit in hits {
            let part = if most > least { (hit.score - least) / (most - least) } else { 1.0 };
            *relevance.entry(hit.record.id.clone()).or_default() += weight * part;
        }
    };
    let score = |hit: Option<&Hit>| hit.map_or(0.0, |hit| hit.score);
    add(by_words, 0.0, score(by_words.first()), keywords);
    let floor = if by_meaning.len() > 1 { score(by_meaning.last()) } else { -1.0 };
    add(by_meaning, floor, score(by_meaning.first()), 1.0 - keywords);
    relevance
}

/// Leaves out what is neither like what was asked, by cosine, nor has a word in common with it.
pub(crate) fn without_unlike(
    relevance: &mut HashMap<String, f32>,
    by_words: &[Hit],
    by_meaning: &mut Vec<Hit>,
    likeness: f32,
) {
    let worded: HashSet<&str> = by_words.iter().map(|hit| hit.record.id.as_str()).collect();
    by_meaning.retain(|hit| {
        let fits = hit.score >= likeness || worded.contains(hit.record.id.as_str());
        if !fits {
            relevance.remove(&hit.record.id);
        }
        fits
    });
}

/// Records lend some of their relevance to what stands beside them: each has the ids of the one before and the one after it.
/// What is lent is never lent on.
pub(crate) fn lend<'a>(
    relevance: &HashMap<String, f32>,
    beside: impl IntoIterator<Item = (&'a str, Option<&'a str>, Option<&'a str>)>,
    to_next: f32,
    to_previous: f32,
) -> HashMap<String, f32> {
    let mut lent = relevance.clone();
    for (id, before, after) in beside {
        let Some(mine) = relevance.get(id) else { continue };
        for (neighbour, part) in [(before, to_previous), (after, to_next)] {
            if let Some(neighbour) = neighbour {
                *lent.entry(neighbour.to_owned()).or_default() += part * mine;
            }
        }
    }
    lent
}

/// Picks `limit` of these, each time the one that is good and least like what was picked before: `diversity` 0 looks at the
/// scores alone, 1 at the likeness alone (maximal marginal relevance; Carbonell and Goldstein, 1998). Gives their places.
pub(crate) fn diverse(scores: &[f32], vectors: &[Vec<f32>], limit: usize, diversity: f32) -> Vec<usize> {
    let mut left: Vec<usize> = (0..scores.len()).collect();
    let mut picked: Vec<usize> = Vec::with_capacity(limit.min(left.len()));
    // How like the likest of those picked each is.
    let mut likest = vec![0.0_f32; scores.len()];
    while picked.len() < limit && !left.is_empty() {
        let value = |at: usize| (1.0 - diversity) * scores[at] - diversity * likest[at];
        let best = (0..left.len()).reduce(
            |best, next| {
                if value(left[next]) > value(left[best]) { next } else { best }
            },
        );
        let Some(best) = best else { break };
        let at = left.remove(best);
        picked.push(at);
        for other in &left {
            likest[*other] = likest[*other].max(cosine(&vectors[*other], &vectors[at]));
        }
    }
    picked
}

/// The cosine of two vectors; 0 if one is missing.
pub(crate) fn cosine(one: &[f32], other: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let lengths = (dot(one, one) * dot(other, other)).sqrt();
    if lengths > 0.0 && one.len() == other.len() { dot(one, other) / lengths } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentic_core::{MemoryScope, Record, Timestamp};

    fn hits(scores: &[(&str, f32)]) -> Vec<Hit> {
        let record = |id: &str| Record::new(id, MemoryScope::of_tenant("t"), Timestamp::default());
        scores.iter().map(|(id, score)| Hit { record: record(id), score: *score }).collect()
    }

    #[test]
    fn what_both_searches_find_is_most_relevant() {
        let words = hits(&[("a", 8.0), ("b", 4.0)]);
        let meaning = hits(&[("b", 0.9), ("c", 0.5), ("d", 0.1)]);
        let relevance = relevance(&words, &meaning, 0.6);
        for (id, expected) in [("a", 0.6), ("b", 0.3 + 0.4), ("c", 0.2), ("d", 0.0)] {
            assert!((relevance[id] - expected).abs() < 1e-6, "{id}: {}", relevance[id]);
        }
    }

    #[test]
    fn an_answer_is_found_by_its_question() {
        let relevance = [("question", 1.0), ("other", 0.4)].map(|(id, part)| (id.to_owned(), part)).into();
        let beside = [("question", Some("greeting"), Some("answer")), ("none", None, Some("other"))];
        let lent = lend(&relevance, beside, 0.5, 0.2);
        for (id, expected) in [("question", 1.0), ("answer", 0.5), ("greeting", 0.2), ("other", 0.4)] {
            assert_eq!(lent[id], expected, "{id}");
        }
    }

    #[test]
    fn diversity_leaves_out_what_says_the_same() {
        let vectors = vec![vec![1.0, 0.0], vec![1.0, 0.01], vec![0.0, 1.0]];
        let scores = [1.0, 0.9, 0.5];
        assert_eq!(diverse(&scores, &vectors, 2, 0.0), [0, 1]);
        assert_eq!(diverse(&scores, &vectors, 2, 0.5), [0, 2]);
        assert_eq!(diverse(&scores, &vectors, 9, 0.5).len(), 3);
        assert_eq!(diverse(&[], &[], 2, 0.5), Vec::<usize>::new());
    }
}
