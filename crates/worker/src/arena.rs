//! Which parts of a segment are in use.
//!
//! The owner of a segment hands out ranges ([`Outbox`]); the peer reads them ([`Inbox`]) and says, with its next
//! message, which ones it has let go. So memory is used again only when no view of it is left, however long a
//! model keeps an array.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use trilith_memory::Segment;

/// Ranges begin at multiples of this, so that any element type and vector instruction can read them.
const ALIGNMENT: u64 = 64;

/// A segment grows by at least this much, so that it does not grow for each tensor.
const GROWTH_LEAST: u64 = 1 << 20;

/// The owner's side: where the next tensor goes.
#[derive(Debug)]
pub struct Outbox {
    segment: Arc<Segment>,
    free: BTreeMap<u64, u64>,
    used: BTreeMap<u64, u64>,
    size: u64,
}

impl Outbox {
    /// An outbox over a segment of this side's own.
    pub fn new(segment: Arc<Segment>) -> Self {
        Self { segment, free: BTreeMap::new(), used: BTreeMap::new(), size: 0 }
    }

    /// Writes pieces of `length` bytes in all, one behind the other, and returns where.
    pub fn put<'a>(&mut self, length: u64, pieces: impl IntoIterator<Item = &'a [u8]>) -> io::Result<u64> {
        let offset = self.allocate(length)?;
        self.segment.write(offset, pieces)?;
        Ok(offset)
    }

    /// Takes back ranges that the peer has let go; unknown ones are ignored.
    pub fn take_back(&mut self, offsets: &[u64]) {
        for offset in offsets {
            if let Some(length) = self.used.remove(offset) {
                self.release(*offset, length);
            }
        }
    }

    /// Ranges that the peer has not let go yet.
    pub fn in_use(&self) -> usize {
        self.used.len()
    }

    fn allocate(&mut self, length: u64) -> io::Result<u64> {
        let too_large =
            || io::Error::new(io::ErrorKind::OutOfMemory, "a tensor is larger than a segment can be");
        let rounded = length.max(1).checked_next_multiple_of(ALIGNMENT).ok_or_else(too_large)?;
        let found =
            self.free.iter().find(|(_, free)| **free >= rounded).map(|(offset, free)| (*offset, *free));
        let (offset, available) = if let Some(range) = found {
            range
        } else {
            let growth = rounded.max(GROWTH_LEAST).max(self.size);
            let size = self.size.checked_add(growth).filter(|size| *size <= self.segment.capacity() as u64);
            self.segment.grow(size.ok_or_else(too_large)?)?;
            let offset = self.size;
            self.size += growth;
            self.release(offset, growth);
            // The new range may have joined a free one before it.
            self.free.iter().next_back().map_or((offset, growth), |(start, free)| (*start, *free))
        };
        self.free.remove(&offset);
        if available > rounded {
            self.free.insert(offset + rounded, available - rounded);
        }
        self.used.insert(offset, rounded);
        Ok(offset)
    }

    fn release(&mut self, mut offset: u64, mut length: u64) {
        if let Some((before, size)) =
            self.free.range(..offset).next_back().map(|(start, size)| (*start, *size))
            && before + size == offset
        {
            self.free.remove(&before);
            (offset, length) = (before, size + length);
        }
        if let Some(size) = self.free.remove(&(offset + length)) {
            length += size;
        }
        self.free.insert(offset, length);
    }
}

/// The reader's side: views into the peer's segment.
#[derive(Debug)]
pub struct Inbox {
    segment: Arc<Segment>,
    freed: Arc<Mutex<Vec<u64>>>,
}

impl Inbox {
    /// An inbox over the peer's segment.
    pub fn new(segment: Arc<Segment>) -> Self {
        Self { segment, freed: Arc::default() }
    }

    /// A view of a range. Once the last copy of it is dropped, the range counts as let go.
    ///
    /// Fails if the range does not lie within the segment.
    pub fn view(&self, offset: u64, length: u64) -> io::Result<Bytes> {
        self.segment.read(offset, length)?;
        let freed = Arc::clone(&self.freed);
        Ok(Bytes::from_owner(View { segment: Arc::clone(&self.segment), freed, offset, length }))
    }

    /// Ranges let go since the last call, to be told to the peer.
    pub fn freed(&self) -> Vec<u64> {
        std::mem::take(&mut *self.freed.lock())
    }
}

struct View {
    segment: Arc<Segment>,
    freed: Arc<Mutex<Vec<u64>>>,
    offset: u64,
    length: u64,
}

impl AsRef<[u8]> for View {
    fn as_ref(&self) -> &[u8] {
        // `Inbox::view` has read the same range, and a segment never shrinks.
        self.segment.read(self.offset, self.length).unwrap_or_default()
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.freed.lock().push(self.offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pair() -> (Outbox, Inbox) {
        let segment = Segment::create().unwrap();
        let peer = Segment::open(segment.descriptor().try_clone_to_owned().unwrap()).unwrap();
        (Outbox::new(segment), Inbox::new(peer))
    }

    #[test]
    fn a_range_is_used_again_only_after_its_last_view_is_gone() {
        let (mut outbox, inbox) = pair();
        let first = outbox.put(3, [&b"abc"[..]]).unwrap();
        let view = inbox.view(first, 3).unwrap();
        let copy = view.slice(1..);
        drop(view);
        outbox.take_back(&inbox.freed());
        assert_ne!(outbox.put(3, [&b"xyz"[..]]).unwrap(), first);
        assert_eq!(&copy[..], b"bc");
        drop(copy);
        outbox.take_back(&inbox.freed());
        assert_eq!(outbox.put(3, [&b"new"[..]]).unwrap(), first);
    }

    proptest! {
        /// Ranges in use never overlap, and when all are let go the whole segment is one free range again.
        #[test]
        fn ranges_never_overlap(steps in prop::collection::vec((1_u64..300_000, any::<bool>()), 1..60)) {
            let (mut outbox, _) = pair();
            let mut held: Vec<u64> = Vec::new();
            for (length, release) in steps {
                if release && !held.is_empty() {
                    let offset = held.swap_remove(length as usize % held.len());
                    outbox.take_back(&[offset]);
                } else {
                    held.push(outbox.allocate(length).unwrap());
                }
                let mut end = 0;
                for (offset, used) in &outbox.used {
                    prop_assert!(*offset >= end);
                    end = offset + used;
                }
                prop_assert!(end <= outbox.size);
            }
            outbox.take_back(&held);
            prop_assert_eq!(outbox.in_use(), 0);
            prop_assert_eq!(outbox.free.len(), usize::from(outbox.size > 0));
        }
    }
}
