//! Which record of a tenant has which words, and how well it matches others by BM25.

use super::texts::Texts;
use super::vocabulary::Vocabulary;
use super::{Map, Words};

/// How soon a word that is repeated in a record counts no more.
pub(crate) const K1: f32 = 1.2;
/// How much the length of a record matters.
pub(crate) const B: f32 = 0.75;

/// Places are few if they are less than this part of all, or fewer than this.
const FEW: usize = 8;

/// So many words wait at most to be put where they are looked for: they fit into a processor's cache.
const WAITING: usize = 1 << 17;

/// An inverted index. Words stand in it by their numbers.
#[derive(Debug, Default)]
pub(crate) struct WordIndex {
    /// Where each word is.
    places: Map<u32, Places>,
    /// Words and their places, which are to come there: sorted first, as one number each, many are faster than one by one
    /// in memory of any order.
    waiting: Vec<u64>,
    texts: Texts,
    /// How many records have words, and how many words these have.
    records: usize,
    total: u64,
}

/// The places of the records that have a word, in order, and how often.
type Places = Vec<(u32, u32)>;

impl WordIndex {
    /// The record at this place has these words; it had none. They are found after the next [`settle`](Self::settle).
    pub(crate) fn insert(&mut self, place: u32, words: Words<'_>, vocabulary: &mut Vocabulary) {
        match words {
            Words::Spelled(words) => {
                self.texts.put(place, words.iter().map(|word| vocabulary.numbered(word)));
            }
            #[cfg(feature = "sqlite")]
            Words::Numbered(numbers) => self.texts.put(place, numbers.iter().copied()),
        }
        let text = self.texts.of(place);
        self.waiting.extend(text.iter().map(|number| u64::from(*number) << 32 | u64::from(place)));
        self.records += usize::from(!text.is_empty());
        self.total += text.len() as u64;
        if self.waiting.len() > WAITING {
            self.settle(vocabulary);
        }
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.waiting.is_empty()
    }

    /// All that was inserted can be found.
    pub(crate) fn settle(&mut self, vocabulary: &mut Vocabulary) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_unstable();
        let number = |waiting: &u64| (waiting >> 32) as u32;
        for same in waiting.chunk_by(|one, other| number(one) == number(other)) {
            let (number, first) = (number(&same[0]), same[0] as u32);
            let places = self.places.entry(number).or_insert_with(|| {
                vocabulary.taken(number);
                Places::new()
            });
            let counts = same.chunk_by(|one, other| one == other);
            let new = counts.map(|same| (same[0] as u32, same.len() as u32));
            // Mostly records come one after the other; one that is changed gets its place again.
            if places.last().is_none_or(|(last, _)| *last < first) {
                places.extend(new);
            } else if same.len() < FEW {
                for (place, count) in new {
                    let at = places.partition_point(|(before, _)| *before < place);
                    places.insert(at, (place, count));
                }
            } else {
                places.extend(new);
                // Two parts that are in order: a stable sort only merges them.
                places.sort_by_key(|(place, _)| *place);
            }
        }
    }

    /// The records at these places have no words any more. All at once: the places of a word that many of them have are gone
    /// through once.
    pub(crate) fn remove(&mut self, places: &[u32], vocabulary: &mut Vocabulary) {
        self.settle(vocabulary);
        let mut affected: Map<u32, Vec<u32>> = Map::default();
        for place in places {
            let text = self.texts.of(*place);
            self.records -= usize::from(!text.is_empty());
            self.total -= text.len() as u64;
            for number in text {
                affected.entry(*number).or_default().push(*place);
            }
            self.texts.remove(*place);
        }
        for (number, gone) in affected {
            let Some(places) = self.places.get_mut(&number) else { continue };
            if gone.len() < FEW {
                for place in gone {
                    // Whoever has it twice is here twice.
                    let at = places.binary_search_by_key(&place, |(place, _)| *place);
                    at.ok().map(|at| places.remove(at));
                }
            } else {
                places.retain(|(place, _)| !self.texts.of(*place).is_empty());
            }
            if places.is_empty() {
                self.places.remove(&number);
                vocabulary.lost(number);
            }
        }
    }

    /// The words of the record at this place, in their order.
    pub(crate) fn of(&self, place: u32) -> &[u32] {
        self.texts.of(place)
    }

    /// The words that only the records at these places have.
    #[cfg(feature = "sqlite")]
    pub(crate) fn only_of(&self, places: &[u32]) -> impl Iterator<Item = u32> {
        let mut having: Map<u32, usize> = Map::default();
        for place in places {
            let mut numbers = self.of(*place).to_vec();
            numbers.sort_unstable();
            numbers.dedup();
            numbers.into_iter().for_each(|number| *having.entry(number).or_default() += 1);
        }
        let all = |number: &u32| self.places.get(number).map_or(0, Vec::len);
        having.into_iter().filter(move |(number, having)| *having == all(number)).map(|(number, _)| number)
    }

    /// Gives the places of the records that have at least one of the words, in their order, with their scores. Sums of
    /// floats depend on the order of the words.
    pub(crate) fn matching(&self, words: impl Iterator<Item = u32>, mut give: impl FnMut(u32, f32)) {
        let asked: Vec<&[(u32, u32)]> =
            words.filter_map(|number| self.places.get(&number)).map(Vec::as_slice).collect();
        let all: usize = asked.iter().map(|places| places.len()).sum();
        if all < self.texts.places() / FEW {
            // Whoever looks for a word that hardly anybody has does not go through all records.
            let mut parts = Vec::with_capacity(all);
            self.parts(&asked, |place, part| parts.push((place, part)));
            parts.sort_by_key(|(place, _)| *place);
            for parts in parts.chunk_by(|(one, _), (next, _)| one == next) {
                give(parts[0].0, parts.iter().map(|(_, part)| part).sum());
            }
            return;
        }
        let mut scores = vec![0.0_f32; self.texts.places()];
        self.parts(&asked, |place, part| scores[place as usize] += part);
        (0..).zip(scores).filter(|(_, score)| *score > 0.0).for_each(|(place, score)| give(place, score));
    }

    /// What each word with these places adds to the score of each record that has it.
    fn parts(&self, words: &[&[(u32, u32)]], mut add: impl FnMut(u32, f32)) {
        let (n, average) = (self.records as f32, self.total as f32 / self.records.max(1) as f32);
        for places in words {
            let rare = rare(n, places.len() as f32);
            for (place, count) in *places {
                let (count, length) = (*count as f32, self.texts.of(*place).len() as f32);
                add(*place, rare * often(count, length, average));
            }
        }
    }
}

/// How much it says that a record has a word, if so many of `n` records have it.
pub(crate) fn rare(n: f32, having: f32) -> f32 {
    (1.0 + (n - having + 0.5) / (having + 0.5)).ln()
}

/// How much it says that a record of this length has it so many times, if records have so many words on average.
pub(crate) fn often(count: f32, length: f32, average: f32) -> f32 {
    count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length / average))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// The words of some records.
    #[derive(Default)]
    struct Written {
        index: WordIndex,
        vocabulary: Vocabulary,
    }

    impl Written {
        fn of(texts: &[&str]) -> Self {
            let mut made = Self::default();
            (0..).zip(texts).for_each(|(place, text)| made.insert(place, text));
            made
        }

        fn insert(&mut self, place: u32, text: &str) {
            let words = text.split_whitespace().collect();
            self.index.insert(place, Words::Spelled(words), &mut self.vocabulary);
            self.index.settle(&mut self.vocabulary);
        }

        fn remove(&mut self, places: &[u32]) {
            self.index.remove(places, &mut self.vocabulary);
            self.vocabulary.tidy();
        }

        fn words(&self, place: u32) -> Vec<&str> {
            self.index.of(place).iter().map(|number| self.vocabulary.word(*number).unwrap()).collect()
        }

        fn scores(&self, words: &str) -> HashMap<u32, f32> {
            let mut scores = HashMap::new();
            let numbers = words.split(' ').filter_map(|word| self.vocabulary.number(word));
            self.index.matching(numbers, |place, score| {
                assert!(scores.insert(place, score).is_none(), "each once");
            });
            scores
        }
    }

    #[test]
    fn rare_words_in_short_records_score_best() {
        let texts =
            Written::of(&["the cat", "the dog", "the dog and the cat and the bird sing", "the bird", ""]);
        let cat = texts.scores("cat");
        assert_eq!(cat.len(), 2);
        assert!(cat[&0] > cat[&2]);
        assert!(texts.scores("the")[&0] < cat[&0], "everybody has it");
        assert!(texts.scores("fish").is_empty());
    }

    /// By hand: 2 records of 2 and 4 words, the word in one of them, twice.
    #[test]
    fn the_score_is_bm25() {
        let rare = (1.0_f32 + 1.5 / 1.5).ln();
        let expected = rare * 2.0 * 2.2 / (2.0 + 1.2 * (0.25 + 0.75 * 2.0 / 3.0));
        let score = Written::of(&["a a", "b c d e"]).scores("a")[&0];
        assert!((score - expected).abs() < 1e-6);
    }

    /// To the bit, whatever was written before, and whether few or many have the words.
    #[test]
    fn scores_are_the_same_in_each_process() {
        let (texts, asked) = (["a b c d e f", "f a", "a b b", "h b b f a c d e g"], "a b c d e f g h");
        let (one, mut other) = (Written::of(&texts), Written::default());
        for (place, text) in [3, 2, 1, 0].map(|place: u32| (place, texts[place as usize])) {
            other.insert(place, text);
        }
        assert_eq!(one.scores(asked), other.scores(asked));
        // Records without words count for nothing, but for places.
        other.insert(999, "");
        assert_eq!(one.scores(asked), other.scores(asked));
    }

    #[test]
    fn what_is_removed_leaves_no_word_behind() {
        let mut texts = Written::of(&["a b a", "b c", "d"]);
        assert_eq!(texts.words(0), ["a", "b", "a"]);
        texts.remove(&[0, 2, 9]);
        assert!(texts.scores("a d").is_empty());
        assert_eq!(texts.scores("b").into_keys().collect::<Vec<_>>(), [1]);
        assert_eq!((texts.vocabulary.len(), texts.index.records, texts.index.total), (2, 1, 2));
        texts.insert(0, "e c");
        assert_eq!((texts.vocabulary.len(), texts.words(0)), (3, vec!["e", "c"]));
        assert_eq!(texts.scores("c").len(), 2);
        assert!(texts.scores("a").is_empty());
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn words_that_only_some_have_are_known() {
        let texts = Written::of(&["a b a", "b c", "c d", "d"]);
        let only = |places: &[u32]| {
            let only = texts.index.only_of(places).map(|number| texts.vocabulary.word(number).unwrap());
            let mut only: Vec<&str> = only.collect();
            only.sort_unstable();
            only
        };
        assert_eq!((only(&[0]), only(&[1]), only(&[0, 1])), (vec!["a"], vec![], vec!["a", "b"]));
        assert_eq!(only(&[0, 1, 2, 3]), ["a", "b", "c", "d"]);
    }
}
