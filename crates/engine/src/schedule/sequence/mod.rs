//! Sequences: requests with one correlation id meet one instance, in order.
//!
//! - [`table`]: which sequences there are, who has a slot, who waits for one
//! - [`record`]: one sequence: its requests, its place, its memory
//! - [`instance`]: the slots of one port, and whom to wake
//! - [`strategy`]: which of the requests that could run go together: direct or oldest
//!
//! A sequence gets a slot of one instance, the lowest that is free, and keeps it until its end; sequences for which
//! there is none wait in a backlog. An instance asks for its next batch only when the last one has run, so that
//! requests of one sequence never run side by side.

pub(crate) mod instance;
pub(crate) mod record;
pub(crate) mod strategy;
pub(crate) mod table;
#[cfg(test)]
mod tests;

use std::task::Waker;

use smallvec::SmallVec;
use trilith_core::CorrelationId;

use crate::clock::Nanos;
use crate::schedule::queue::Waiting;

/// Whom to wake once no lock is held; hardly ever more than one.
pub(crate) type Wakers = SmallVec<[Waker; 1]>;

/// Which requests of the sequences of one instance go together.
#[derive(Clone, Debug, PartialEq)]
pub enum SequenceStrategy {
    /// Each sequence has a row of the batch of its own; rows without a request are filled.
    Direct {
        /// How long a request may wait for the other rows.
        max_queue_delay: Nanos,
        /// Share of filled rows, from 0 to 1, that ends the wait early; 0 never waits.
        minimum_slot_utilization: f32,
    },
    /// One request of each sequence may join a batch, those that wait longest first.
    Oldest {
        /// Sequences that an instance has at one time; 0 for as many as the batch has rows.
        max_candidate_sequences: u32,
        /// Batch sizes to aim for.
        preferred_batch_sizes: Vec<u32>,
        /// How long to wait for a batch of preferred size.
        max_queue_delay: Nanos,
    },
}

impl Default for SequenceStrategy {
    fn default() -> Self {
        Self::Direct { max_queue_delay: 0, minimum_slot_utilization: 0.0 }
    }
}

/// What the table has to know of a model.
#[derive(Clone, Debug, Default)]
pub(crate) struct SequenceRules {
    pub strategy: SequenceStrategy,
    /// After which a sequence without requests gives up its slot.
    pub max_idle: Nanos,
    /// Whether one request makes a sequence, which ends when it is not handed back.
    pub iterative: bool,
    /// Whether states have extents that may differ between sequences.
    pub varying_states: bool,
    /// 0 where the model has no batch dimension.
    pub max_batch_size: u32,
}

/// A request of a sequence.
pub(crate) trait Sequential: Waiting {
    /// The sequence it belongs to.
    fn correlation_id(&self) -> &CorrelationId;
    /// Whether it opens its sequence.
    fn is_start(&self) -> bool;
    /// Whether it closes its sequence.
    fn is_end(&self) -> bool;
    /// How long it may wait for a slot; 0 for ever.
    fn patience(&self) -> Nanos;
}
