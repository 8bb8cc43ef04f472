//! One sequence: its requests, its place, its memory.

use std::collections::VecDeque;
use std::sync::Arc;

use trilith_core::CorrelationId;

use crate::clock::Nanos;
use crate::schedule::queue::{Entry, NEVER};
use crate::schedule::sequence::Sequential;
use crate::sequencing::Memory;

/// Where a record is kept.
pub(crate) type Key = usize;

/// A slot of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seat {
    /// First, so that the lowest slot of all instances is the least.
    pub slot: usize,
    pub port: u64,
}

/// One sequence.
pub(crate) struct Record<T> {
    pub id: CorrelationId,
    pub queue: VecDeque<Entry<T>>,
    /// `None` while it waits for a slot.
    pub seat: Option<Seat>,
    /// Whether requests of its id still join it: its last one has not come.
    pub open: bool,
    /// Whether its instance has one of its requests.
    pub running: bool,
    /// Since when it can be idle.
    pub touched: Nanos,
    /// When it has waited too long for a slot.
    pub expiry: Nanos,
    pub memory: Arc<Memory>,
}

impl<T: Sequential> Record<T> {
    pub(crate) fn new(id: CorrelationId) -> Self {
        Self {
            id,
            queue: VecDeque::new(),
            seat: None,
            open: true,
            running: false,
            touched: 0,
            expiry: NEVER,
            memory: Arc::new(Memory::default()),
        }
    }

    /// Whether its first request could run now.
    pub(crate) fn is_ready(&self) -> bool {
        self.seat.is_some() && !self.running && !self.queue.is_empty()
    }

    /// Whether it has a slot and nothing to do with it.
    pub(crate) fn is_idle(&self) -> bool {
        self.seat.is_some() && !self.running && self.queue.is_empty()
    }

    /// Whether the first requests of both may share a batch.
    pub(crate) fn goes_with(&self, other: &Self, varying_states: bool) -> bool {
        let (Some(mine), Some(others)) = (self.queue.front(), other.queue.front()) else { return false };
        mine.item.goes_with(&others.item)
            && (!varying_states
                || self.memory.goes_with(&other.memory, mine.item.is_start(), others.item.is_start()))
    }

    /// Takes out the request at `position` and those that need it: all after it, up to one that starts anew.
    /// The sequence ends where nothing starts anew.
    pub(crate) fn cut(&mut self, position: usize) -> impl Iterator<Item = T> {
        let after = self.queue.iter().skip(position + 1);
        let next_start = after.take_while(|entry| !entry.item.is_start()).count() + position + 1;
        self.open &= next_start < self.queue.len();
        let removed: Vec<_> = self.queue.drain(position..next_start.min(self.queue.len())).collect();
        removed.into_iter().map(|entry| entry.item)
    }
}
