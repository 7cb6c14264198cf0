//! The records of one scope, in order of time and id.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Bound;
use std::sync::Arc;

use agentic_core::{Cursor, Timestamp};

type Spot = (Timestamp, Arc<str>);

/// The places of the records.
#[derive(Debug, Default)]
pub(crate) struct Shelf(BTreeMap<Spot, u32>);

impl Shelf {
    pub(crate) fn put(&mut self, at: Timestamp, id: Arc<str>, place: u32) {
        self.0.insert((at, id), place);
    }

    pub(crate) fn remove(&mut self, at: Timestamp, id: Arc<str>) {
        self.0.remove(&(at, id));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In any order.
    pub(crate) fn places(&self) -> impl Iterator<Item = u32> {
        self.0.values().copied()
    }

    /// The newest first; those before this place, or all.
    pub(crate) fn before(&self, place: Option<&Cursor>) -> impl Iterator<Item = (&Spot, u32)> + use<'_> {
        let end = place.map_or(Bound::Unbounded, |place| Bound::Excluded(spot(place)));
        self.0.range((Bound::Unbounded, end)).rev().map(|(spot, place)| (spot, *place))
    }

    /// The oldest first, those after this place.
    pub(crate) fn after(&self, place: &Cursor) -> impl Iterator<Item = u32> + use<'_> {
        self.0.range((Bound::Excluded(spot(place)), Bound::Unbounded)).map(|(_, place)| *place)
    }
}

fn spot(place: &Cursor) -> Spot {
    (place.at, place.id.as_str().into())
}

/// Several shelves as one, the newest first.
pub(crate) fn merged<'a>(
    mut shelves: Vec<impl Iterator<Item = (&'a Spot, u32)>>,
) -> impl Iterator<Item = u32> {
    let firsts =
        shelves.iter_mut().enumerate().filter_map(|(from, shelf)| shelf.next().map(|it| (it, Reverse(from))));
    let mut heap: BinaryHeap<_> = firsts.collect();
    std::iter::from_fn(move || {
        let ((_, place), Reverse(from)) = heap.pop()?;
        heap.extend(shelves[from].next().map(|it| (it, Reverse(from))));
        Some(place)
    })
}
