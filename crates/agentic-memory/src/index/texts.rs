//! The words of each record.

use std::ops::Range;

/// Texts of numbers, each at a place. They lie one after the other: one by one they would take longer to make, and more
/// memory.
#[derive(Debug, Default)]
pub(super) struct Texts {
    numbers: Vec<u32>,
    ranges: Vec<Range<usize>>,
    /// How many of the numbers belong to a text.
    used: usize,
}

impl Texts {
    /// How many places there are.
    pub(super) fn places(&self) -> usize {
        self.ranges.len()
    }

    /// Empty where there is none.
    pub(super) fn of(&self, place: u32) -> &[u32] {
        self.ranges.get(place as usize).map_or(&[], |range| &self.numbers[range.clone()])
    }

    /// Puts a text at a place that has none.
    pub(super) fn put(&mut self, place: u32, text: impl Iterator<Item = u32>) {
        let start = self.numbers.len();
        self.numbers.extend(text);
        self.used += self.numbers.len() - start;
        if self.ranges.len() <= place as usize {
            self.ranges.resize(place as usize + 1, 0..0);
        }
        self.ranges[place as usize] = start..self.numbers.len();
    }

    pub(super) fn remove(&mut self, place: u32) {
        let Some(range) = self.ranges.get_mut(place as usize) else { return };
        self.used -= std::mem::take(range).len();
        // What is left behind is never more than half.
        if self.used * 2 < self.numbers.len() {
            self.pack();
        }
    }

    fn pack(&mut self) {
        let mut packed = Vec::with_capacity(self.used);
        for range in &mut self.ranges {
            let start = packed.len();
            packed.extend_from_slice(&self.numbers[range.clone()]);
            *range = start..packed.len();
        }
        self.numbers = packed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_as_they_are_while_others_come_and_go() {
        let mut texts = Texts::default();
        let text = |n: u32| (0..n % 7).map(move |k| n * 10 + k);
        for n in 0..500 {
            texts.put(n, text(n));
            if n >= 100 && n % 3 > 0 {
                texts.remove(n - 100);
                texts.remove(n - 100);
            }
        }
        for n in 0..500 {
            let gone = n < 400 && (n + 100) % 3 > 0;
            assert_eq!(texts.of(n), text(n).filter(|_| !gone).collect::<Vec<_>>(), "{n}");
        }
        assert!(texts.used <= texts.numbers.len() && texts.numbers.len() <= texts.used * 2 + 7);
        (0..600).for_each(|n| texts.remove(n));
        assert!(texts.numbers.is_empty() && texts.of(3).is_empty());
    }
}
