//! The queue of one model: priority levels, timeouts, bounds.

use std::collections::{BTreeMap, VecDeque};

use crate::clock::Nanos;
use crate::schedule::{QueuePolicy, SchedulerSpec, TimeoutAction};

/// Empty levels kept for reuse; more than that are dropped, so that clients cannot grow the map by naming levels.
const KEPT_LEVELS: usize = 16;

/// The deadline of what never gets late.
pub(crate) const NEVER: Nanos = Nanos::MAX;

/// What can wait in a queue.
pub(crate) trait Waiting {
    /// How much of a batch it takes.
    fn size(&self) -> u32;
    /// Whether nobody waits for it any more.
    fn is_cancelled(&self) -> bool;
    /// Whether it may share a batch with the other one.
    fn goes_with(&self, other: &Self) -> bool;
}

/// One that waits.
pub(crate) struct Entry<T> {
    /// Its number, ascending in the order of arrival.
    pub number: u64,
    /// When it came.
    pub queued: Nanos,
    /// After which it is late.
    pub deadline: Nanos,
    pub item: T,
}

/// Those that left the queue without being served, to be answered once no lock is held.
pub(crate) struct Leavers<T> {
    /// Their time passed.
    pub late: Vec<T>,
    /// Their client went.
    pub cancelled: Vec<T>,
    /// The instance went that alone could have served them.
    pub lost: Vec<T>,
}

impl<T> Default for Leavers<T> {
    fn default() -> Self {
        Self { late: Vec::new(), cancelled: Vec::new(), lost: Vec::new() }
    }
}

/// One priority level.
struct Level<T> {
    policy: QueuePolicy,
    in_time: VecDeque<Entry<T>>,
    /// Late ones whose policy is to wait behind those in time.
    delayed: VecDeque<Entry<T>>,
}

/// All that wait at one model, in the order in which they are to be served: by level, within a level those in time
/// by arrival, then those that were delayed.
pub(crate) struct Queue<T> {
    levels: BTreeMap<u64, Level<T>>,
    default_policy: QueuePolicy,
    policies: BTreeMap<u64, QueuePolicy>,
    priority_levels: u64,
    default_level: u64,
    next_number: u64,
    length: usize,
    size: u64,
}

/// A place in the queue.
pub(crate) struct Place {
    /// The entry's number.
    pub number: u64,
    /// When it will have to be refused; `NEVER` if it will not.
    pub expiry: Nanos,
}

impl<T: Waiting> Queue<T> {
    pub(crate) fn new(spec: &SchedulerSpec) -> Self {
        Self {
            levels: BTreeMap::new(),
            default_policy: spec.default_policy.clone(),
            policies: spec.policies.clone(),
            priority_levels: spec.priority_levels,
            default_level: spec.default_priority_level,
            next_number: 0,
            length: 0,
            size: 0,
        }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Whether none waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The sum of their sizes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Queues an item; gives it back with the bound where its level is full.
    pub(crate) fn push(
        &mut self,
        priority: u64,
        timeout: Nanos,
        now: Nanos,
        item: T,
    ) -> Result<Place, (T, u32)> {
        let priority = self.effective_priority(priority);
        let level = self.levels.entry(priority).or_insert_with(|| Level {
            policy: self.policies.get(&priority).unwrap_or(&self.default_policy).clone(),
            in_time: VecDeque::new(),
            delayed: VecDeque::new(),
        });
        let bound = level.policy.max_queue_size;
        if bound != 0 && level.len() >= bound as usize {
            return Err((item, bound));
        }
        let deadline = level.policy.deadline(timeout, now);
        let expiry = if level.policy.timeout_action == TimeoutAction::Reject { deadline } else { NEVER };
        let number = self.next_number;
        self.next_number += 1;
        self.length += 1;
        self.size += u64::from(item.size());
        level.in_time.push_back(Entry { number, queued: now, deadline, item });
        Ok(Place { number, expiry })
    }

    /// A priority that names no level means the default one.
    fn effective_priority(&self, priority: u64) -> u64 {
        match self.priority_levels {
            0 => 0,
            levels if priority == 0 || priority > levels => self.default_level,
            _ => priority,
        }
    }

    /// Takes the one with that number out, if it still waits.
    pub(crate) fn remove(&mut self, number: u64) -> Option<T> {
        let entry = self.levels.values_mut().find_map(|level| level.remove(number))?;
        Some(self.note_left(entry))
    }

    /// Makes sure that the first `wanted` are neither late nor cancelled: takes out or puts back those that are.
    pub(crate) fn settle(&mut self, now: Nanos, mut wanted: usize, leavers: &mut Leavers<T>) {
        let (before_late, before_cancelled) = (leavers.late.len(), leavers.cancelled.len());
        for level in self.levels.values_mut() {
            if wanted == 0 {
                break;
            }
            level.settle(now, &mut wanted, leavers);
        }
        self.note_leavers(&leavers.late[before_late..]);
        self.note_leavers(&leavers.cancelled[before_cancelled..]);
    }

    /// Those that wait, in the order in which they are to be served.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry<T>> {
        self.levels.values().flat_map(|level| level.in_time.iter().chain(&level.delayed))
    }

    /// Takes the first one.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let (priority, level, entry) = self
            .levels
            .iter_mut()
            .find_map(|(priority, level)| level.pop().map(|entry| (*priority, level.len(), entry)))?;
        if level == 0 && self.levels.len() > KEPT_LEVELS {
            self.levels.remove(&priority);
        }
        Some(self.note_left(entry))
    }

    /// Takes out all that are late or cancelled. Gives the time at which the next one will be late.
    pub(crate) fn expire(&mut self, now: Nanos, leavers: &mut Leavers<T>) -> Nanos {
        self.settle(now, usize::MAX, leavers);
        let rejecting =
            self.levels.values().filter(|level| level.policy.timeout_action == TimeoutAction::Reject);
        rejecting.flat_map(|level| &level.in_time).map(|entry| entry.deadline).min().unwrap_or(NEVER)
    }

    /// Takes all out.
    pub(crate) fn drain(&mut self) -> Vec<T> {
        std::iter::from_fn(|| self.pop()).collect()
    }

    fn note_left(&mut self, entry: Entry<T>) -> T {
        self.length -= 1;
        self.size -= u64::from(entry.item.size());
        entry.item
    }

    fn note_leavers(&mut self, leavers: &[T]) {
        self.length -= leavers.len();
        self.size -= leavers.iter().map(|item| u64::from(item.size())).sum::<u64>();
    }
}

impl<T: Waiting> Level<T> {
    fn len(&self) -> usize {
        self.in_time.len() + self.delayed.len()
    }

    fn pop(&mut self) -> Option<Entry<T>> {
        self.in_time.pop_front().or_else(|| self.delayed.pop_front())
    }

    fn remove(&mut self, number: u64) -> Option<Entry<T>> {
        if let Ok(position) = self.in_time.binary_search_by_key(&number, |entry| entry.number) {
            return self.in_time.remove(position);
        }
        let position = self.delayed.iter().position(|entry| entry.number == number)?;
        self.delayed.remove(position)
    }

    fn settle(&mut self, now: Nanos, wanted: &mut usize, leavers: &mut Leavers<T>) {
        let mut position = 0;
        while *wanted > 0
            && let Some(entry) = self.in_time.get(position)
        {
            if entry.item.is_cancelled() {
                leavers.cancelled.extend(self.in_time.remove(position).map(|entry| entry.item));
            } else if now > entry.deadline {
                let late = self.in_time.remove(position);
                match self.policy.timeout_action {
                    TimeoutAction::Delay => self.delayed.extend(late),
                    TimeoutAction::Reject => leavers.late.extend(late.map(|entry| entry.item)),
                }
            } else {
                position += 1;
                *wanted -= 1;
            }
        }
        let mut position = 0;
        while *wanted > 0
            && let Some(entry) = self.delayed.get(position)
        {
            if entry.item.is_cancelled() {
                leavers.cancelled.extend(self.delayed.remove(position).map(|entry| entry.item));
            } else {
                position += 1;
                *wanted -= 1;
            }
        }
    }
}

impl QueuePolicy {
    /// When a request that comes now is late. Its own timeout counts only where it is allowed and shorter than the
    /// level's, as Triton has it: a level without a timeout takes none from a request either.
    fn deadline(&self, timeout: Nanos, now: Nanos) -> Nanos {
        let own = self.allow_timeout_override && timeout != 0 && timeout < self.default_timeout;
        match if own { timeout } else { self.default_timeout } {
            0 => NEVER,
            limit => now.saturating_add(limit),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Something that waits: a name, a size, what it goes with, whether it was cancelled.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub(crate) struct Item {
        pub name: u32,
        pub size: u32,
        pub kind: u8,
        pub cancelled: bool,
    }

    impl Waiting for Item {
        fn size(&self) -> u32 {
            self.size
        }

        fn is_cancelled(&self) -> bool {
            self.cancelled
        }

        fn goes_with(&self, other: &Self) -> bool {
            self.kind == other.kind
        }
    }

    pub(crate) fn item(name: u32, size: u32) -> Item {
        Item { name, size, ..Item::default() }
    }

    fn queue(default_policy: QueuePolicy) -> Queue<Item> {
        Queue::new(&SchedulerSpec { default_policy, ..SchedulerSpec::default() })
    }

    fn names(items: &[Item]) -> Vec<u32> {
        items.iter().map(|item| item.name).collect()
    }

    fn push(queue: &mut Queue<Item>, name: u32, timeout: Nanos) -> Place {
        queue.push(0, timeout, 0, item(name, 1)).map_err(|_| "full").unwrap()
    }

    #[test]
    fn late_requests_are_refused() {
        let mut queue = queue(QueuePolicy { default_timeout: 10, ..QueuePolicy::default() });
        assert_eq!(push(&mut queue, 1, 0).expiry, 10);
        let mut leavers = Leavers::default();
        assert_eq!(queue.expire(10, &mut leavers), 10);
        assert!(leavers.late.is_empty());
        assert_eq!(queue.expire(11, &mut leavers), NEVER);
        assert_eq!((names(&leavers.late), queue.len(), queue.size()), (vec![1], 0, 0));
    }

    #[test]
    fn late_requests_go_behind_those_in_time_where_the_policy_says_so() {
        let policy = QueuePolicy {
            timeout_action: TimeoutAction::Delay,
            default_timeout: 10,
            allow_timeout_override: true,
            ..QueuePolicy::default()
        };
        let mut queue = queue(policy);
        assert_eq!(push(&mut queue, 1, 5).expiry, NEVER);
        push(&mut queue, 2, 0);
        let mut leavers = Leavers::default();
        queue.settle(7, 1, &mut leavers);
        assert_eq!(names(&queue.drain()), [2, 1]);
        assert!(leavers.late.is_empty());
    }

    #[test]
    fn a_request_may_shorten_its_timeout_only_where_that_is_allowed() {
        for (allowed, limit, own, expected) in
            [(true, 10, 5, 5), (true, 10, 20, 10), (false, 10, 5, 10), (true, 0, 5, NEVER), (true, 10, 0, 10)]
        {
            let policy = QueuePolicy {
                default_timeout: limit,
                allow_timeout_override: allowed,
                ..QueuePolicy::default()
            };
            assert_eq!(push(&mut queue(policy), 1, own).expiry, expected);
        }
    }

    #[test]
    fn a_full_level_gives_the_request_back_and_other_levels_go_on() {
        let bounded = QueuePolicy { max_queue_size: 1, ..QueuePolicy::default() };
        let mut queue = Queue::new(&SchedulerSpec {
            priority_levels: 2,
            default_priority_level: 2,
            policies: BTreeMap::from([(1, bounded)]),
            ..SchedulerSpec::default()
        });
        assert!(queue.push(1, 0, 0, item(1, 1)).is_ok());
        assert!(queue.push(1, 0, 0, item(2, 1)).is_err_and(|(item, bound)| (item.name, bound) == (2, 1)));
        // No level, or one that does not exist, means the default level.
        for priority in [0, 2, 3] {
            assert!(queue.push(priority, 0, 0, item(3, 1)).is_ok());
        }
        assert_eq!(names(&queue.drain()), [1, 3, 3, 3]);
    }

    #[test]
    fn a_withdrawn_request_leaves_from_anywhere() {
        let mut queue = queue(QueuePolicy {
            timeout_action: TimeoutAction::Delay,
            default_timeout: 10,
            ..QueuePolicy::default()
        });
        let places: Vec<_> = (0..4).map(|name| push(&mut queue, name, 0).number).collect();
        assert_eq!(queue.remove(places[2]).map(|item| item.name), Some(2));
        queue.settle(11, 9, &mut Leavers::default());
        assert_eq!(queue.remove(places[1]).map(|item| item.name), Some(1));
        assert!(queue.remove(places[1]).is_none());
        assert_eq!((queue.len(), queue.size()), (2, 2));
    }

    #[test]
    fn levels_that_clients_name_do_not_pile_up() {
        let mut queue = Queue::new(&SchedulerSpec { priority_levels: u64::MAX, ..SchedulerSpec::default() });
        for priority in 1..1000 {
            assert!(queue.push(priority, 0, 0, item(0, 1)).is_ok());
        }
        queue.drain();
        assert!(queue.levels.len() <= KEPT_LEVELS);
    }

    proptest! {
        /// Requests are served by level and, within a level, in the order in which they came.
        #[test]
        fn priorities_come_first_and_then_arrival(levels in prop::collection::vec(1..6_u64, 0..60)) {
            let mut queue = Queue::new(&SchedulerSpec { priority_levels: 5, ..SchedulerSpec::default() });
            for (name, level) in levels.iter().enumerate() {
                prop_assert!(queue.push(*level, 0, 0, item(name as u32, 1)).is_ok());
            }
            let mut expected: Vec<_> = levels.iter().copied().zip(0_u32..).collect();
            expected.sort_unstable();
            let expected: Vec<_> = expected.into_iter().map(|(_, name)| name).collect();
            prop_assert_eq!(names(&queue.drain()), expected);
        }
    }
}
