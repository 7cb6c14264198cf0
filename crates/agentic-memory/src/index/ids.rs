//! Where the record with an id is.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};

/// The places of records by their ids, which are asked of the places: nothing is kept twice.
#[derive(Debug, Default)]
pub(super) struct Ids {
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Ids {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// `id` gives the id of the record at a place.
    pub(super) fn get<'a>(&self, wanted: &str, id: impl Fn(u32) -> &'a str) -> Option<u32> {
        self.places.find(self.hasher.hash_one(wanted), |place| id(*place) == wanted).copied()
    }

    /// The record at this place came in; none had its id.
    pub(super) fn put<'a>(&mut self, place: u32, id: impl Fn(u32) -> &'a str) {
        let hash = |place: &u32| self.hasher.hash_one(id(*place));
        self.places.insert_unique(hash(&place), place, hash);
    }

    /// The record at this place, with this id, goes.
    pub(super) fn remove(&mut self, place: u32, id: &str) {
        let found = self.places.find_entry(self.hasher.hash_one(id), |it| *it == place);
        found.map(|found| found.remove()).ok();
    }
}
