//! Where the record with a key is.

use std::sync::Arc;

/// Keys mostly come in order: a sorted list is made faster than a table, and takes less memory.
#[derive(Debug, Default)]
pub(super) struct Keys {
    entries: Vec<Entry>,
    unsorted: bool,
    /// How many of them are there.
    used: usize,
}

#[derive(Debug)]
struct Entry {
    key: u64,
    /// None if it is gone.
    tenant: Option<Arc<str>>,
    place: u32,
}

impl Keys {
    #[cfg(feature = "edge")]
    pub(super) fn len(&self) -> usize {
        self.used
    }

    /// Each is put in once. It is found after the next [`settle`](Self::settle).
    pub(super) fn put(&mut self, key: u64, tenant: Arc<str>, place: u32) {
        self.unsorted |= self.entries.last().is_some_and(|last| last.key > key);
        self.entries.push(Entry { key, tenant: Some(tenant), place });
        self.used += 1;
    }

    pub(super) fn settle(&mut self) {
        if std::mem::take(&mut self.unsorted) {
            self.entries.sort_by_key(|entry| entry.key);
        }
    }

    /// The tenant that has it, and its place.
    #[cfg(feature = "sqlite")]
    pub(super) fn get(&self, key: u64) -> Option<(&Arc<str>, u32)> {
        let entry = &self.entries[self.find(key)?];
        Some((entry.tenant.as_ref()?, entry.place))
    }

    pub(super) fn remove(&mut self, key: u64) -> Option<(Arc<str>, u32)> {
        self.settle();
        let at = self.find(key)?;
        let entry = &mut self.entries[at];
        let (tenant, place) = (entry.tenant.take()?, entry.place);
        self.used -= 1;
        // What is gone is never more than half.
        if self.used * 2 < self.entries.len() {
            self.entries.retain(|entry| entry.tenant.is_some());
        }
        Some((tenant, place))
    }

    fn find(&self, key: u64) -> Option<usize> {
        self.entries.binary_search_by_key(&key, |entry| entry.key).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_whatever_order_they_came_until_they_are_gone() {
        let (mut keys, tenant) = (Keys::default(), Arc::<str>::from("anna"));
        let order = |n: u64| n * 37 % 1_000;
        (0..1_000).for_each(|n| keys.put(order(n), tenant.clone(), n as u32));
        for n in (0..1_000).filter(|n| n % 3 > 0) {
            assert_eq!(keys.remove(order(n)), Some((tenant.clone(), n as u32)));
            assert_eq!(keys.remove(order(n)), None);
        }
        assert!(keys.entries.len() <= keys.used * 2 + 1);
        keys.put(1_000, tenant.clone(), 7);
        for n in (0..1_000).step_by(3) {
            assert_eq!(keys.remove(order(n)), Some((tenant.clone(), n as u32)));
        }
        assert_eq!((keys.remove(1_000), keys.entries.len()), (Some((tenant, 7)), 0));
    }
}
