//! Which record has which words, and how well it matches others by BM25.

use std::sync::Arc;

use super::Map;

/// How soon a word that is repeated in a record counts no more.
pub(crate) const K1: f32 = 1.2;
/// How much the length of a record matters.
pub(crate) const B: f32 = 0.75;

/// Places are few if they are less than this part of all, or fewer than this.
const FEW: usize = 8;

/// An inverted index. Words have numbers; a word that nobody has any more is gone from it.
#[derive(Debug, Default)]
pub(crate) struct WordIndex {
    numbers: Map<Arc<str>, u32>,
    words: Vec<Word>,
    /// Numbers that can be given again.
    free: Vec<u32>,
    /// The words of each record, in their order.
    texts: Vec<Box<[u32]>>,
    /// How many records have words, and how many words these have.
    records: usize,
    total: u64,
}

#[derive(Debug)]
struct Word {
    text: Arc<str>,
    /// The places of the records that have it, in order, and how often.
    places: Vec<(u32, u32)>,
}

impl WordIndex {
    /// The record at this place has these words. It had none.
    pub(crate) fn insert(&mut self, place: u32, words: &[&str]) {
        let text: Box<[u32]> = words.iter().map(|word| self.number(word)).collect();
        for number in &text {
            let places = &mut self.words[*number as usize].places;
            // Mostly records come one after the other.
            match places.last_mut() {
                Some((last, count)) if *last == place => *count += 1,
                Some((last, _)) if *last > place => {
                    match places.binary_search_by_key(&place, |(it, _)| *it) {
                        Ok(at) => places[at].1 += 1,
                        Err(at) => places.insert(at, (place, 1)),
                    }
                }
                _ => places.push((place, 1)),
            }
        }
        self.records += usize::from(!text.is_empty());
        self.total += text.len() as u64;
        if self.texts.len() <= place as usize {
            self.texts.resize_with(place as usize + 1, Box::default);
        }
        self.texts[place as usize] = text;
    }

    /// The records at these places have no words any more. All at once: the places of a word that many of them have are gone
    /// through once.
    pub(crate) fn remove(&mut self, places: &[u32]) {
        let mut affected: Map<u32, Vec<u32>> = Map::default();
        for place in places {
            let text = self.texts.get_mut(*place as usize).map(std::mem::take).unwrap_or_default();
            self.records -= usize::from(!text.is_empty());
            self.total -= text.len() as u64;
            for number in text {
                affected.entry(number).or_default().push(*place);
            }
        }
        for (number, gone) in affected {
            let word = &mut self.words[number as usize];
            if gone.len() < FEW {
                for place in gone {
                    // Whoever has it twice is here twice.
                    let at = word.places.binary_search_by_key(&place, |(place, _)| *place);
                    at.ok().map(|at| word.places.remove(at));
                }
            } else {
                word.places.retain(|(place, _)| !self.texts[*place as usize].is_empty());
            }
            if word.places.is_empty() {
                self.numbers.remove(&word.text);
                (word.text, word.places) = (Arc::default(), Vec::new());
                self.free.push(number);
            }
        }
    }

    /// The words of the record at this place, in their order.
    pub(crate) fn of(&self, place: u32) -> impl Iterator<Item = &str> {
        let text = self.texts.get(place as usize).map(AsRef::as_ref).unwrap_or_default();
        text.iter().map(|number| &*self.words[*number as usize].text)
    }

    /// Gives the places of the records that have at least one of the words, in their order, with their scores.
    pub(crate) fn matching(&self, words: &[String], mut give: impl FnMut(u32, f32)) {
        // In the order of the words: sums of floats depend on it, and nothing else is the same in each process.
        let mut asked: Vec<&str> = words.iter().map(String::as_str).collect();
        asked.sort_unstable();
        asked.dedup();
        let known = asked.into_iter().filter_map(|word| self.numbers.get(word));
        let asked: Vec<&[(u32, u32)]> = known.map(|number| &*self.words[*number as usize].places).collect();
        let all: usize = asked.iter().map(|places| places.len()).sum();
        if all < self.texts.len() / FEW {
            // Whoever looks for a word that hardly anybody has does not go through all records.
            let mut parts = Vec::with_capacity(all);
            self.parts(&asked, |place, part| parts.push((place, part)));
            parts.sort_by_key(|(place, _)| *place);
            for parts in parts.chunk_by(|(one, _), (next, _)| one == next) {
                give(parts[0].0, parts.iter().map(|(_, part)| part).sum());
            }
            return;
        }
        let mut scores = vec![0.0_f32; self.texts.len()];
        self.parts(&asked, |place, part| scores[place as usize] += part);
        (0..).zip(scores).filter(|(_, score)| *score > 0.0).for_each(|(place, score)| give(place, score));
    }

    /// What each word with these places adds to the score of each record that has it.
    fn parts(&self, words: &[&[(u32, u32)]], mut add: impl FnMut(u32, f32)) {
        let (n, average) = (self.records as f32, self.total as f32 / self.records.max(1) as f32);
        for places in words {
            let rare = rare(n, places.len() as f32);
            for (place, count) in *places {
                let (count, length) = (*count as f32, self.texts[*place as usize].len() as f32);
                add(*place, rare * often(count, length, average));
            }
        }
    }

    fn number(&mut self, word: &str) -> u32 {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        let text: Arc<str> = word.into();
        let new = Word { text: text.clone(), places: Vec::new() };
        let number = match self.free.pop() {
            Some(number) => {
                self.words[number as usize] = new;
                number
            }
            None => {
                self.words.push(new);
                (self.words.len() - 1) as u32
            }
        };
        self.numbers.insert(text, number);
        number
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

    fn index(texts: &[&str]) -> WordIndex {
        let mut index = WordIndex::default();
        for (place, text) in (0..).zip(texts) {
            index.insert(place, &text.split_whitespace().collect::<Vec<_>>());
        }
        index
    }

    fn scores(index: &WordIndex, words: &str) -> HashMap<u32, f32> {
        let (words, mut scores): (Vec<_>, _) =
            (words.split(' ').map(str::to_owned).collect(), HashMap::new());
        index.matching(&words, |place, score| {
            assert!(scores.insert(place, score).is_none(), "each once");
        });
        scores
    }

    #[test]
    fn rare_words_in_short_records_score_best() {
        let index = index(&["the cat", "the dog", "the dog and the cat and the bird sing", "the bird", ""]);
        let cat = scores(&index, "cat cat");
        assert_eq!(cat.len(), 2);
        assert!(cat[&0] > cat[&2]);
        assert!(scores(&index, "the")[&0] < cat[&0], "everybody has it");
        assert!(scores(&index, "fish").is_empty());
    }

    /// By hand: 2 records of 2 and 4 words, the word in one of them, twice.
    #[test]
    fn the_score_is_bm25() {
        let rare = (1.0_f32 + 1.5 / 1.5).ln();
        let expected = rare * 2.0 * 2.2 / (2.0 + 1.2 * (0.25 + 0.75 * 2.0 / 3.0));
        let score = scores(&index(&["a a", "b c d e"]), "a")[&0];
        assert!((score - expected).abs() < 1e-6);
    }

    /// To the bit, whatever was written before, and whether few or many have the words.
    #[test]
    fn scores_are_the_same_in_each_process() {
        let (texts, asked) = (["a b c d e f", "f a", "a b b", "h b b f a c d e g"], "h g f e d c b a");
        let (one, mut other) = (index(&texts), WordIndex::default());
        for (place, text) in [3, 2, 1, 0].map(|place: u32| (place, texts[place as usize])) {
            other.insert(place, &text.split(' ').collect::<Vec<_>>());
        }
        assert_eq!(scores(&one, asked), scores(&other, asked));
        // Records without words count for nothing, but for places.
        other.insert(999, &[]);
        assert_eq!(scores(&one, asked), scores(&other, asked));
    }

    #[test]
    fn what_is_removed_leaves_no_word_behind() {
        let mut index = index(&["a b a", "b c", "d"]);
        assert_eq!(index.of(0).collect::<Vec<_>>(), ["a", "b", "a"]);
        index.remove(&[0, 2, 9]);
        assert!(scores(&index, "a d").is_empty());
        assert_eq!(scores(&index, "b").into_keys().collect::<Vec<_>>(), [1]);
        assert_eq!((index.numbers.len(), index.records, index.total), (2, 1, 2));
        index.insert(0, &["e", "c"]);
        assert_eq!((index.words.len(), index.of(0).collect::<Vec<_>>()), (4, vec!["e", "c"]));
        assert_eq!(scores(&index, "c").len(), 2);
        assert!(scores(&index, "a").is_empty());
    }
}
