//! The words of all records, and their numbers.

use std::sync::Arc;

use super::Map;

/// Each word has a number, which is never given to another one. A word that nobody has any more is gone.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    numbers: Map<Arc<str>, u32>,
    words: Map<u32, Entry>,
    /// The greatest number that was ever given.
    last: u32,
    /// Numbers of words that perhaps nobody has: new ones, and those that a tenant has lost.
    idle: Vec<u32>,
    /// A number that a record has and no word.
    missing: Option<u32>,
}

#[derive(Debug)]
struct Entry {
    word: Arc<str>,
    /// How many tenants have records with it.
    tenants: u32,
}

impl Vocabulary {
    pub(crate) fn number(&self, word: &str) -> Option<u32> {
        self.numbers.get(word).copied()
    }

    pub(crate) fn word(&self, number: u32) -> Option<&str> {
        Some(&self.words.get(&number)?.word)
    }

    /// A number that a record has and no word.
    #[cfg(feature = "sqlite")]
    pub(crate) fn missing(&self) -> Option<u32> {
        self.missing
    }

    /// How many tenants have records with this word.
    #[cfg(feature = "sqlite")]
    pub(super) fn tenants(&self, number: u32) -> u32 {
        self.words.get(&number).map_or(0, |entry| entry.tenants)
    }

    /// The number of a word, a new one if it has none.
    pub(super) fn numbered(&mut self, word: &str) -> u32 {
        if let Some(number) = self.number(word) {
            return number;
        }
        let number = self.last + 1;
        self.learn(number, word);
        number
    }

    /// So many words are to come.
    #[cfg(feature = "sqlite")]
    pub(super) fn reserve(&mut self, words: usize) {
        self.numbers.reserve(words);
        self.words.reserve(words);
    }

    /// The word has this number.
    pub(super) fn learn(&mut self, number: u32, word: &str) {
        let word: Arc<str> = word.into();
        self.numbers.insert(word.clone(), number);
        self.words.insert(number, Entry { word, tenants: 0 });
        self.last = self.last.max(number);
        self.idle.push(number);
    }

    /// A tenant has its first record with this word.
    pub(super) fn taken(&mut self, number: u32) {
        match self.words.get_mut(&number) {
            Some(entry) => entry.tenants += 1,
            None => self.missing = Some(number),
        }
    }

    /// A tenant has no record with this word any more.
    pub(super) fn lost(&mut self, number: u32) {
        if let Some(entry) = self.words.get_mut(&number) {
            entry.tenants -= 1;
        }
        self.idle.push(number);
    }

    /// Forgets the words that nobody has.
    pub(super) fn tidy(&mut self) {
        for number in std::mem::take(&mut self.idle) {
            if self.words.get(&number).is_some_and(|entry| entry.tenants == 0)
                && let Some(Entry { word, .. }) = self.words.remove(&number)
                // It may have come back meanwhile, with another number.
                && self.number(&word) == Some(number)
            {
                self.numbers.remove(&word);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.numbers.len(), self.words.len());
        self.words.len()
    }
}
