//! When waiting requests become a batch.

use crate::clock::Nanos;
use crate::schedule::SchedulerSpec;
use crate::schedule::queue::{Leavers, Queue, Waiting};

/// What to do with those that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// None waits.
    Idle,
    /// The first so many go together now.
    Take(usize),
    /// They may become a better batch.
    Wait {
        /// Until then.
        until: Nanos,
        /// Or until their sizes add up to this.
        size: u64,
    },
}

/// How batches are formed. Further schedulers (sequences) are further variants.
pub(crate) enum Rule {
    /// Each request alone.
    Direct,
    /// Requests together.
    Dynamic(Dynamic),
}

/// The dynamic batcher's settings.
pub(crate) struct Dynamic {
    preferred: Vec<u64>,
    limit: u64,
    delay: Nanos,
}

impl Rule {
    pub(crate) fn new(spec: &SchedulerSpec, max_batch_size: u32) -> Self {
        if !spec.dynamic || max_batch_size == 0 {
            return Self::Direct;
        }
        Self::Dynamic(Dynamic::new(&spec.preferred_batch_sizes, max_batch_size, spec.max_queue_delay))
    }

    /// How much one batch may hold, in the unit in which [`Rule::load`] counts.
    pub(crate) fn capacity(&self) -> u64 {
        match self {
            Self::Direct => 1,
            Self::Dynamic(dynamic) => dynamic.limit,
        }
    }

    /// How much waits.
    pub(crate) fn load<T: Waiting>(&self, queue: &Queue<T>) -> u64 {
        match self {
            Self::Direct => queue.len() as u64,
            Self::Dynamic(_) => queue.size(),
        }
    }

    /// Decides; on the way it takes out those that are late or cancelled.
    pub(crate) fn decide<T: Waiting>(
        &self,
        queue: &mut Queue<T>,
        now: Nanos,
        leavers: &mut Leavers<T>,
    ) -> Decision {
        match self {
            Self::Direct => {
                queue.settle(now, 1, leavers);
                if queue.is_empty() { Decision::Idle } else { Decision::Take(1) }
            }
            Self::Dynamic(dynamic) => dynamic.decide(queue, now, leavers),
        }
    }
}

/// A batch while it is being put together.
#[derive(Default)]
struct Draft {
    count: usize,
    size: u64,
    oldest: Nanos,
    /// Requests of the best preferred batch so far.
    preferred: Option<usize>,
    /// Whether the next request cannot join.
    closed: bool,
}

impl Dynamic {
    pub(crate) fn new(preferred_sizes: &[u32], largest: u32, delay: Nanos) -> Self {
        let limit = u64::from(largest);
        let mut preferred: Vec<u64> = preferred_sizes.iter().map(|size| u64::from(*size)).collect();
        // A batcher without preferences prefers full batches.
        if preferred.is_empty() {
            preferred.push(limit);
        }
        preferred.sort_unstable();
        Self { preferred, limit, delay }
    }

    fn decide<T: Waiting>(&self, queue: &mut Queue<T>, now: Nanos, leavers: &mut Leavers<T>) -> Decision {
        // One more than fits: it tells whether the batch could still grow.
        queue.settle(now, self.limit as usize + 1, leavers);
        let first = queue.iter().next().map(|entry| &entry.item);
        let entries = queue.iter().map(|entry| {
            let fits = first.is_none_or(|first| {
                std::ptr::eq(&raw const entry.item, first) || entry.item.goes_with(first)
            });
            (entry.item.size(), entry.queued, fits)
        });
        self.decide_on(entries, now)
    }

    /// Decides on what waits, in its order: of each the size, when it came, and whether it goes with the first.
    pub(crate) fn decide_on(
        &self,
        waiting: impl Iterator<Item = (u32, Nanos, bool)>,
        now: Nanos,
    ) -> Decision {
        let draft = self.draft(waiting);
        if draft.count == 0 {
            return Decision::Idle;
        }
        let waited_enough = self.delay != 0 && now.saturating_sub(draft.oldest) >= self.delay;
        if let Some(count) = draft.preferred.filter(|_| !waited_enough) {
            return Decision::Take(count);
        }
        let largest = self.preferred.last().copied().unwrap_or(self.limit);
        if draft.closed || draft.size >= largest || waited_enough || self.delay == 0 {
            return Decision::Take(draft.count);
        }
        let next = self.preferred.iter().copied().find(|size| *size > draft.size).unwrap_or(largest);
        Decision::Wait { until: draft.oldest.saturating_add(self.delay), size: next }
    }

    /// Puts together what could go now.
    fn draft(&self, waiting: impl Iterator<Item = (u32, Nanos, bool)>) -> Draft {
        let largest = self.preferred.last().copied().unwrap_or(self.limit);
        let mut draft = Draft::default();
        for (size, queued, fits) in waiting {
            let size = draft.size + u64::from(size);
            if draft.count == 0 {
                draft.oldest = queued;
            } else {
                if size > largest && draft.preferred.is_none() {
                    draft.preferred = Some(draft.count);
                }
                if size > self.limit || !fits {
                    draft.closed = true;
                    break;
                }
                draft.oldest = draft.oldest.min(queued);
            }
            draft.count += 1;
            draft.size = size;
            if self.preferred.binary_search(&size).is_ok() {
                draft.preferred = Some(draft.count);
            }
        }
        draft
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::queue::tests::{Item, item};

    const DELAY: Nanos = 100;

    fn decide(preferred: &[u32], delay: Nanos, now: Nanos, items: &[Item]) -> Decision {
        let spec = SchedulerSpec {
            dynamic: true,
            preferred_batch_sizes: preferred.to_vec(),
            max_queue_delay: delay,
            ..SchedulerSpec::default()
        };
        let mut queue = Queue::new(&spec);
        for item in items {
            assert!(queue.push(0, 0, 0, item.clone()).is_ok());
        }
        Rule::new(&spec, 8).decide(&mut queue, now, &mut Leavers::default())
    }

    fn sizes(sizes: &[u32]) -> Vec<Item> {
        sizes.iter().map(|size| item(0, *size)).collect()
    }

    #[test]
    fn without_delay_all_that_fits_goes_at_once() {
        assert_eq!(decide(&[], 0, 0, &[]), Decision::Idle);
        assert_eq!(decide(&[], 0, 0, &sizes(&[1])), Decision::Take(1));
        assert_eq!(decide(&[], 0, 0, &sizes(&[1; 9])), Decision::Take(8));
        assert_eq!(decide(&[], 0, 0, &sizes(&[3, 3, 3])), Decision::Take(2));
        assert_eq!(decide(&[], 0, 0, &sizes(&[8, 1])), Decision::Take(1));
    }

    #[test]
    fn the_largest_preferred_size_is_taken_before_a_larger_batch() {
        assert_eq!(decide(&[2, 4], 0, 0, &sizes(&[1; 7])), Decision::Take(4));
        assert_eq!(decide(&[2, 4], 0, 0, &sizes(&[1; 3])), Decision::Take(2));
        assert_eq!(decide(&[2, 4], 0, 0, &sizes(&[1])), Decision::Take(1));
        assert_eq!(decide(&[4], 0, 0, &sizes(&[3, 3])), Decision::Take(1));
    }

    #[test]
    fn with_a_delay_a_batch_waits_for_a_preferred_size() {
        let wait = |size| Decision::Wait { until: DELAY, size };
        assert_eq!(decide(&[2, 4], DELAY, 50, &sizes(&[1])), wait(2));
        assert_eq!(decide(&[4], DELAY, 50, &sizes(&[1, 2])), wait(4));
        assert_eq!(decide(&[4], DELAY, 50, &sizes(&[1, 2, 1])), Decision::Take(3));
        assert_eq!(decide(&[], DELAY, 50, &sizes(&[1])), wait(8));
    }

    #[test]
    fn a_batch_that_waited_long_enough_goes_with_all_that_fits() {
        assert_eq!(decide(&[4], DELAY, 99, &sizes(&[1])), Decision::Wait { until: DELAY, size: 4 });
        assert_eq!(decide(&[4], DELAY, 100, &sizes(&[1])), Decision::Take(1));
        assert_eq!(decide(&[4], DELAY, 100, &sizes(&[1; 6])), Decision::Take(6));
    }

    #[test]
    fn what_does_not_go_together_ends_the_batch() {
        let other = Item { kind: 1, ..item(0, 1) };
        let items = [item(0, 1), item(0, 1), other, item(0, 1)];
        assert_eq!(decide(&[], DELAY, 0, &items), Decision::Take(2));
    }

    #[test]
    fn cancelled_requests_take_no_place() {
        let gone = Item { cancelled: true, ..item(0, 8) };
        assert_eq!(decide(&[], 0, 0, &[gone.clone(), item(0, 1), gone.clone()]), Decision::Take(1));
        assert_eq!(decide(&[], 0, 0, &[gone]), Decision::Idle);
    }

    #[test]
    fn the_direct_rule_takes_one_at_a_time() {
        let spec = SchedulerSpec::default();
        let mut queue = Queue::new(&spec);
        assert!(queue.push(0, 0, 0, item(0, 2)).is_ok());
        assert!(queue.push(0, 0, 0, item(0, 2)).is_ok());
        let decision = Rule::new(&spec, 8).decide(&mut queue, 0, &mut Leavers::default());
        assert_eq!(decision, Decision::Take(1));
    }
}
