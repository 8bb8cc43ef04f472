//! Which of the requests that could run go together.

use crate::clock::Nanos;
use crate::schedule::rule::{Decision, Dynamic};
use crate::schedule::sequence::{SequenceRules, SequenceStrategy};

/// How an instance makes batches out of its sequences.
pub(crate) enum Plan {
    /// A row for each slot.
    Rows(Rows),
    /// Those that wait longest.
    Oldest(Dynamic),
}

/// When the rows of the direct strategy go.
pub(crate) struct Rows {
    delay: Nanos,
    /// How many must be filled to end the wait early.
    wanted: usize,
}

impl Plan {
    pub(crate) fn new(rules: &SequenceRules) -> Self {
        let rows = rules.max_batch_size.max(1);
        match &rules.strategy {
            SequenceStrategy::Direct { max_queue_delay, minimum_slot_utilization } => {
                let wanted = (f64::from(*minimum_slot_utilization) * f64::from(rows)).ceil() as usize;
                let delay = if wanted == 0 { 0 } else { *max_queue_delay };
                Self::Rows(Rows { delay, wanted })
            }
            SequenceStrategy::Oldest { preferred_batch_sizes, max_queue_delay, .. } => {
                Self::Oldest(Dynamic::new(preferred_batch_sizes, rows, *max_queue_delay))
            }
        }
    }

    /// Slots of one instance.
    pub(crate) fn slots(rules: &SequenceRules) -> usize {
        let rows = rules.max_batch_size.max(1);
        match rules.strategy {
            SequenceStrategy::Oldest { max_candidate_sequences: candidates @ 1.., .. } => candidates as usize,
            _ => rows as usize,
        }
    }
}

impl Rows {
    /// Decides when `ready` rows could be filled, of which the first has waited since `oldest`.
    pub(crate) fn decide(&self, ready: usize, oldest: Nanos, now: Nanos) -> Decision {
        let until = oldest.saturating_add(self.delay);
        if ready == 0 {
            Decision::Idle
        } else if ready >= self.wanted || self.delay == 0 || now >= until {
            Decision::Take(ready)
        } else {
            Decision::Wait { until, size: self.wanted as u64 }
        }
    }
}
