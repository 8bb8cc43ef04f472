//! Things by key, of a size each, up to a size in all: what was used longest ago goes first.

use std::collections::HashMap;
use std::hash::Hash;

/// Stands where there is no neighbour.
const NONE: usize = usize::MAX;

/// One thing, between the one used before it and the one used after it.
struct Slot<K, V> {
    key: K,
    value: V,
    size: usize,
    older: usize,
    newer: usize,
}

/// What became of a thing that was put on the shelf.
#[derive(Debug, PartialEq, Eq)]
pub enum Put<V> {
    /// It is there; these had to go.
    Kept(Vec<V>),
    /// One of that key is there already, and stays.
    Known(V),
    /// It is larger than the whole shelf.
    TooLarge(V),
}

/// Things by key, bounded by their sizes.
pub struct Shelf<K, V> {
    limit: usize,
    used: usize,
    places: HashMap<K, usize>,
    slots: Vec<Option<Slot<K, V>>>,
    free: Vec<usize>,
    oldest: usize,
    newest: usize,
}

impl<K: Copy + Eq + Hash, V> Shelf<K, V> {
    /// An empty one for sizes up to `limit` in all.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            used: 0,
            places: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            oldest: NONE,
            newest: NONE,
        }
    }

    /// How many things are there.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Their sizes in all; never more than the limit.
    pub fn used(&self) -> usize {
        self.used
    }

    /// The thing of that key, which thereby becomes the newest.
    pub fn get(&mut self, key: &K) -> Option<&V> {
        let place = *self.places.get(key)?;
        if place != self.newest {
            self.unlink(place);
            self.link(place);
        }
        self.slots[place].as_ref().map(|slot| &slot.value)
    }

    /// Puts a thing on the shelf.
    pub fn put(&mut self, key: K, value: V, size: usize) -> Put<V> {
        if size > self.limit {
            return Put::TooLarge(value);
        }
        if self.get(&key).is_some() {
            return Put::Known(value);
        }
        let mut gone = Vec::new();
        while self.used + size > self.limit {
            gone.extend(self.drop_oldest());
        }
        let slot = Slot { key, value, size, older: NONE, newer: NONE };
        let place = self.free.pop().unwrap_or(self.slots.len());
        if place == self.slots.len() {
            self.slots.push(Some(slot));
        } else {
            self.slots[place] = Some(slot);
        }
        self.places.insert(key, place);
        self.used += size;
        self.link(place);
        Put::Kept(gone)
    }

    fn drop_oldest(&mut self) -> Option<V> {
        let place = self.oldest;
        self.unlink(place);
        let slot = self.slots.get_mut(place)?.take()?;
        self.places.remove(&slot.key);
        self.free.push(place);
        self.used -= slot.size;
        Some(slot.value)
    }

    /// Takes a slot out of the line, closing the gap.
    fn unlink(&mut self, place: usize) {
        let Some(slot) = self.slots.get(place).and_then(Option::as_ref) else { return };
        let (older, newer) = (slot.older, slot.newer);
        match self.slot(older) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
        match self.slot(newer) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
    }

    /// Puts a slot at the newest end of the line.
    fn link(&mut self, place: usize) {
        let before = self.newest;
        if let Some(slot) = self.slot(place) {
            (slot.older, slot.newer) = (before, NONE);
        }
        match self.slot(before) {
            Some(slot) => slot.newer = place,
            None => self.oldest = place,
        }
        self.newest = place;
    }

    fn slot(&mut self, place: usize) -> Option<&mut Slot<K, V>> {
        self.slots.get_mut(place)?.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, plainly: oldest first.
    #[derive(Default)]
    struct Plain(Vec<(u8, usize)>);

    impl Plain {
        fn get(&mut self, key: u8) -> Option<usize> {
            let position = self.0.iter().position(|entry| entry.0 == key)?;
            let entry = self.0.remove(position);
            self.0.push(entry);
            Some(entry.1)
        }

        fn put(&mut self, key: u8, size: usize, limit: usize) -> Put<usize> {
            if size > limit {
                return Put::TooLarge(size);
            }
            if self.get(key).is_some() {
                return Put::Known(size);
            }
            let mut gone = Vec::new();
            while self.0.iter().map(|entry| entry.1).sum::<usize>() + size > limit {
                gone.push(self.0.remove(0).1);
            }
            self.0.push((key, size));
            Put::Kept(gone)
        }
    }

    proptest! {
        /// A shelf does what a plain list does that drops from its front, and is never fuller than its limit.
        #[test]
        fn the_one_used_longest_ago_goes_first(steps in prop::collection::vec((any::<bool>(), 0..12_u8, 0..60_usize), 1..400)) {
            const LIMIT: usize = 50;
            let (mut shelf, mut plain) = (Shelf::new(LIMIT), Plain::default());
            for (is_put, key, size) in steps {
                if is_put {
                    prop_assert_eq!(shelf.put(key, size, size), plain.put(key, size, LIMIT));
                } else {
                    prop_assert_eq!(shelf.get(&key).copied(), plain.get(key));
                }
                prop_assert!(shelf.used() <= LIMIT);
                prop_assert_eq!(shelf.used(), plain.0.iter().map(|entry| entry.1).sum::<usize>());
                prop_assert_eq!(shelf.len(), plain.0.len());
            }
        }
    }

    #[test]
    fn things_without_a_size_are_things() {
        let mut shelf = Shelf::new(0);
        assert!(shelf.is_empty());
        assert_eq!(shelf.put(1, 'a', 0), Put::Kept(vec![]));
        assert_eq!(shelf.get(&1), Some(&'a'));
        assert_eq!(shelf.put(2, 'b', 1), Put::TooLarge('b'));
    }
}
