//! The best of many, without sorting all of them.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A place with a score. The worst is the greatest, so that it is the first to go; of equal ones the one with the greater
/// place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scored<P = u32> {
    pub(crate) score: f32,
    pub(crate) place: P,
}

impl<P: Ord> Eq for Scored<P> {}

impl<P: Ord> Ord for Scored<P> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then_with(|| self.place.cmp(&other.place))
    }
}

impl<P: Ord> PartialOrd for Scored<P> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Keeps the best `limit` of what it is shown.
#[derive(Debug)]
pub(crate) struct Best<P = u32> {
    limit: usize,
    heap: BinaryHeap<Scored<P>>,
}

impl<P: Ord> Best<P> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, heap: BinaryHeap::with_capacity(limit.min(1024) + 1) }
    }

    /// What is below this is not kept.
    pub(crate) fn bar(&self) -> f32 {
        match self.heap.peek() {
            _ if self.limit == 0 => f32::INFINITY,
            Some(worst) if self.heap.len() >= self.limit => worst.score,
            _ => f32::NEG_INFINITY,
        }
    }

    pub(crate) fn push(&mut self, scored: Scored<P>) {
        self.heap.push(scored);
        if self.heap.len() > self.limit {
            self.heap.pop();
        }
    }

    /// The best first.
    pub(crate) fn into_sorted(self) -> Vec<Scored<P>> {
        self.heap.into_sorted_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_kept_in_order() {
        let mut best = Best::new(2);
        assert_eq!(best.bar(), f32::NEG_INFINITY);
        for (score, place) in [(0.1, 0), (0.3, 1), (0.2, 2), (0.3, 3)] {
            best.push(Scored { score, place });
        }
        assert_eq!(best.bar(), 0.3);
        let places: Vec<_> = best.into_sorted().into_iter().map(|scored| scored.place).collect();
        assert_eq!(places, [1, 3]);
        assert_eq!(Best::<u32>::new(0).bar(), f32::INFINITY, "nothing is kept");
    }
}
