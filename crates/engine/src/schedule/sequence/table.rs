//! Which sequences there are, who has a slot, who waits for one.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use trilith_core::CorrelationId;

use crate::clock::Nanos;
use crate::schedule::dispatch::{Refusal, Step};
use crate::schedule::queue::{Entry, Leavers, NEVER, Place};
use crate::schedule::rule::Decision;
use crate::schedule::sequence::instance::Instance;
use crate::schedule::sequence::record::{Key, Record, Seat};
use crate::schedule::sequence::strategy::Plan;
use crate::schedule::sequence::{SequenceRules, Sequential, Wakers};
use crate::sequencing::Memory;

/// Idle sequences are looked for at most this often in the time that makes one idle: with thousands of them,
/// each look takes its time.
const LOOKS_PER_IDLE_TIME: u64 = 16;

/// A request in its row of a batch, with the memory of its sequence.
pub(crate) struct Seated<T> {
    pub item: T,
    pub memory: Arc<Memory>,
}

/// All sequences of one model. Like [`Dispatch`](crate::schedule::dispatch::Dispatch), it answers and wakes nobody.
pub(crate) struct Sequences<T> {
    rules: SequenceRules,
    plan: Plan,
    records: Vec<Option<Record<T>>>,
    unused: Vec<Key>,
    /// Sequences whose last request has not come.
    open: HashMap<CorrelationId, Key>,
    backlog: VecDeque<Key>,
    instances: BTreeMap<u64, Instance>,
    free: BTreeSet<Seat>,
    next_number: u64,
    pending: usize,
    closed: bool,
}

impl<T: Sequential> Sequences<T> {
    pub(crate) fn new(rules: SequenceRules) -> Self {
        Self {
            plan: Plan::new(&rules),
            rules,
            records: Vec::new(),
            unused: Vec::new(),
            open: HashMap::new(),
            backlog: VecDeque::new(),
            instances: BTreeMap::new(),
            free: BTreeSet::new(),
            next_number: 0,
            pending: 0,
            closed: false,
        }
    }

    /// How many requests wait.
    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    /// Queues a request behind the others of its sequence.
    pub(crate) fn push(&mut self, now: Nanos, item: T) -> Result<(Place, Wakers), Refusal<T>> {
        if self.closed {
            return Err(Refusal::Closed(item));
        }
        let mut wakers = Wakers::new();
        let known = self.find(item.correlation_id(), now, &mut wakers);
        let key = match known {
            Some(key) => key,
            None if item.is_start() => self.begin(item.correlation_id().clone()),
            None => return Err(Refusal::NotStarted(item, wakers)),
        };
        let number = self.next_number;
        self.next_number += 1;
        let expiry = self.append(key, now, number, item, &mut wakers);
        Ok((Place { number, expiry }, wakers))
    }

    /// Puts a request that its instance has handed back in front of its sequence; gives it back where the sequence
    /// has ended.
    pub(crate) fn hand_back(&mut self, now: Nanos, item: T) -> Result<(), T> {
        let running = self.open.get(item.correlation_id()).copied();
        let record = running.and_then(|key| self.records[key].as_mut()).filter(|record| record.running);
        let Some(record) = record.filter(|_| !self.closed) else { return Err(item) };
        record.queue.push_front(Entry { number: self.next_number, queued: now, deadline: NEVER, item });
        self.next_number += 1;
        self.pending += 1;
        Ok(())
    }

    /// Takes out a request that was cancelled, and those of its sequence that need it.
    pub(crate) fn remove(&mut self, number: u64) -> (Vec<T>, Wakers) {
        let mut wakers = Wakers::new();
        let found = self.records.iter().enumerate().find_map(|(key, record)| {
            let queue = &record.as_ref()?.queue;
            Some((key, queue.iter().position(|entry| entry.number == number)?))
        });
        let removed = found.map(|(key, position)| self.cut(key, position, &mut wakers));
        (removed.unwrap_or_default(), wakers)
    }

    /// Says what a port is to do.
    pub(crate) fn next(
        &mut self,
        port: u64,
        now: Nanos,
        waker: &Waker,
        leavers: &mut Leavers<T>,
    ) -> (Step<T>, Wakers) {
        let mut wakers = Wakers::new();
        if self.closed {
            return (Step::Closed, wakers);
        }
        self.join(port, &mut wakers);
        self.settle(port, now, &mut wakers);
        self.drop_cancelled(port, leavers, &mut wakers);
        let decision = self.decide(port, now);
        let step = match decision {
            Decision::Take(count) => Step::Seats(self.take(port, count, &mut wakers)),
            Decision::Wait { until, size } => {
                self.sleep(port, waker, size as usize);
                Step::Wait { until: Some(until) }
            }
            Decision::Idle => {
                self.sleep(port, waker, 1);
                Step::Wait { until: None }
            }
        };
        (step, wakers)
    }

    /// Takes a port out of service. Its sequences end: what the instance knew of them is lost.
    pub(crate) fn leave(&mut self, port: u64, leavers: &mut Leavers<T>) {
        self.free.retain(|seat| seat.port != port);
        let Some(instance) = self.instances.remove(&port) else { return };
        for key in instance.slots.into_iter().flatten() {
            let Some(record) = self.forget(key) else { continue };
            self.pending -= record.queue.len();
            leavers.lost.extend(record.queue.into_iter().map(|entry| entry.item));
        }
    }

    /// Ends sequences that were idle or have waited for a slot too long, and takes out what was cancelled.
    /// Gives when to look again.
    pub(crate) fn expire(&mut self, now: Nanos, leavers: &mut Leavers<T>) -> (Nanos, Wakers) {
        let mut wakers = Wakers::new();
        let mut next = NEVER;
        for key in 0..self.records.len() {
            self.cancel(key, leavers, &mut wakers);
            while self.records[key]
                .as_ref()
                .is_some_and(|record| record.seat.is_none() && record.expiry <= now)
            {
                leavers.late.extend(self.cut(key, 0, &mut wakers));
            }
            let Some(record) = &self.records[key] else { continue };
            if self.is_overdue(record, now) {
                self.end(key, &mut wakers);
            } else {
                next = next.min(self.next_look(key, now));
            }
        }
        (next, wakers)
    }

    /// Ends it: gives back what still waits and whom to wake.
    pub(crate) fn close(&mut self) -> (Vec<T>, Vec<Waker>) {
        self.closed = true;
        self.pending = 0;
        self.open.clear();
        self.backlog.clear();
        self.free.clear();
        let records = std::mem::take(&mut self.records).into_iter().flatten();
        let left = records.flat_map(|record| record.queue).map(|entry| entry.item).collect();
        let instances = std::mem::take(&mut self.instances).into_values();
        (left, instances.filter_map(Instance::into_waker).collect())
    }

    /// The sequence of that id which still takes requests; one that has been idle too long ends here.
    fn find(&mut self, id: &CorrelationId, now: Nanos, wakers: &mut Wakers) -> Option<Key> {
        let key = *self.open.get(id)?;
        let record = self.records[key].as_ref()?;
        if self.is_overdue(record, now) {
            self.end(key, wakers);
            return None;
        }
        Some(key)
    }

    /// A new sequence, in the lowest free slot or behind all others.
    fn begin(&mut self, id: CorrelationId) -> Key {
        let record = Some(Record::new(id.clone()));
        let key = self.unused.pop().unwrap_or(self.records.len());
        if key == self.records.len() {
            self.records.push(record);
        } else {
            self.records[key] = record;
        }
        self.open.insert(id, key);
        match self.free.pop_first() {
            Some(seat) => self.seat(key, seat),
            None => self.backlog.push_back(key),
        }
        key
    }

    /// Gives a sequence its slot.
    fn seat(&mut self, key: Key, seat: Seat) {
        if let Some(instance) = self.instances.get_mut(&seat.port) {
            instance.slots[seat.slot] = Some(key);
        }
        if let Some(record) = &mut self.records[key] {
            record.seat = Some(seat);
        }
    }

    /// Puts a request at the end of its sequence; gives when that is next to be looked at.
    fn append(&mut self, key: Key, now: Nanos, number: u64, item: T, wakers: &mut Wakers) -> Nanos {
        let Some(record) = &mut self.records[key] else { return NEVER };
        let last = item.is_end() && !self.rules.iterative;
        let patience = item.patience();
        record.queue.push_back(Entry { number, queued: now, deadline: NEVER, item });
        record.touched = record.touched.max(now);
        self.pending += 1;
        if last {
            record.open = false;
            self.open.remove(&record.id);
        }
        if record.seat.is_none() {
            if patience != 0 {
                record.expiry = record.expiry.min(now.saturating_add(patience));
            }
            return record.expiry;
        }
        if record.queue.len() == 1 && !record.running {
            self.announce(key, wakers);
        }
        now.saturating_add(self.rules.max_idle)
    }

    /// Tells its instance that the first request of a sequence could run.
    fn announce(&mut self, key: Key, wakers: &mut Wakers) {
        let Some(record) = self.records[key].as_ref().filter(|record| record.is_ready()) else { return };
        let Some(instance) = record.seat.and_then(|seat| self.instances.get_mut(&seat.port)) else { return };
        // A request that cannot join those before it ends their wait: they will not grow.
        let first = instance.ready.front().and_then(|first| self.records[*first].as_ref());
        let varying = self.rules.varying_states;
        let ends_wait = matches!(self.plan, Plan::Oldest(_))
            && first.is_some_and(|first| !record.goes_with(first, varying));
        wakers.extend(instance.add(key, ends_wait));
    }

    /// A port asks for the first time: its slots are there from now on.
    fn join(&mut self, port: u64, wakers: &mut Wakers) {
        if self.instances.contains_key(&port) {
            return;
        }
        let slots = Plan::slots(&self.rules);
        self.instances.insert(port, Instance::new(slots));
        for slot in 0..slots {
            self.release(Seat { slot, port }, wakers);
        }
    }

    /// A slot is free: it goes to the sequence that has waited longest.
    fn release(&mut self, seat: Seat, wakers: &mut Wakers) {
        let Some(instance) = self.instances.get_mut(&seat.port) else { return };
        instance.slots[seat.slot] = None;
        match self.backlog.pop_front() {
            Some(key) => {
                self.seat(key, seat);
                self.announce(key, wakers);
            }
            None => {
                self.free.insert(seat);
            }
        }
    }

    /// A port asks again: what it had has run, and the next requests of those sequences may.
    fn settle(&mut self, port: u64, now: Nanos, wakers: &mut Wakers) {
        let Some(instance) = self.instances.get_mut(&port) else { return };
        instance.rise();
        for key in std::mem::take(&mut instance.running) {
            let Some(record) = &mut self.records[key] else { continue };
            record.running = false;
            record.touched = record.touched.max(now);
            if !record.queue.is_empty() {
                self.announce(key, wakers);
            } else if self.rules.iterative || !record.open {
                self.end(key, wakers);
            }
        }
    }

    fn drop_cancelled(&mut self, port: u64, leavers: &mut Leavers<T>, wakers: &mut Wakers) {
        let Some(instance) = self.instances.get(&port) else { return };
        let first_gone = |key: &Key| {
            let record = self.records[*key].as_ref();
            record.and_then(|record| record.queue.front()).is_some_and(|entry| entry.item.is_cancelled())
        };
        let gone: Vec<Key> = instance.ready.iter().copied().filter(first_gone).collect();
        for key in gone {
            self.cancel(key, leavers, wakers);
        }
    }

    /// Takes out the requests of a sequence that were cancelled, and those that need them.
    fn cancel(&mut self, key: Key, leavers: &mut Leavers<T>, wakers: &mut Wakers) {
        while let Some(record) = &self.records[key]
            && let Some(position) = record.queue.iter().position(|entry| entry.item.is_cancelled())
        {
            let removed = self.cut(key, position, wakers);
            leavers.cancelled.extend(removed);
        }
    }

    /// Takes requests out of a sequence, as [`Record::cut`] says, and ends it where nothing is left of it.
    fn cut(&mut self, key: Key, position: usize, wakers: &mut Wakers) -> Vec<T> {
        let Some(record) = &mut self.records[key] else { return Vec::new() };
        let was_open = record.open;
        let removed: Vec<T> = record.cut(position).collect();
        self.pending -= removed.len();
        if was_open && !record.open {
            self.open.remove(&record.id);
        }
        if record.queue.is_empty() {
            if let Some(instance) = record.seat.and_then(|seat| self.instances.get_mut(&seat.port)) {
                instance.drop_ready(key);
            }
            if !record.open && !record.running {
                self.end(key, wakers);
            }
        }
        removed
    }

    /// Ends a sequence that has no requests; its slot goes to the next one.
    fn end(&mut self, key: Key, wakers: &mut Wakers) {
        if let Some(seat) = self.forget(key).and_then(|record| record.seat) {
            self.release(seat, wakers);
        }
    }

    fn forget(&mut self, key: Key) -> Option<Record<T>> {
        let record = self.records[key].take()?;
        self.unused.push(key);
        if self.open.get(&record.id) == Some(&key) {
            self.open.remove(&record.id);
        }
        if record.seat.is_none() {
            self.backlog.retain(|waiting| *waiting != key);
        }
        Some(record)
    }

    fn is_overdue(&self, record: &Record<T>, now: Nanos) -> bool {
        record.is_idle() && now.saturating_sub(record.touched) >= self.rules.max_idle
    }

    /// When a sequence that goes on is to be looked at again.
    fn next_look(&self, key: Key, now: Nanos) -> Nanos {
        let Some(record) = &self.records[key] else { return NEVER };
        if record.seat.is_none() {
            return record.expiry;
        }
        let since = if record.is_idle() { record.touched } else { now };
        let soonest = now.saturating_add(self.rules.max_idle / LOOKS_PER_IDLE_TIME);
        since.saturating_add(self.rules.max_idle).max(soonest)
    }

    fn sleep(&mut self, port: u64, waker: &Waker, wanted: usize) {
        if let Some(instance) = self.instances.get_mut(&port) {
            instance.sleep(waker, wanted);
        }
    }

    fn decide(&self, port: u64, now: Nanos) -> Decision {
        let Some(instance) = self.instances.get(&port) else { return Decision::Idle };
        let ready = instance.ready.iter().filter_map(|key| self.records[*key].as_ref());
        let mut heads = ready.filter_map(|record| Some((record, record.queue.front()?)));
        match &self.plan {
            Plan::Rows(rows) => {
                let oldest = heads.map(|(_, entry)| entry.queued).min().unwrap_or(now);
                rows.decide(instance.ready.len(), oldest, now)
            }
            Plan::Oldest(dynamic) => {
                let varying = self.rules.varying_states;
                let first = heads.clone().next().map(|(record, _)| record);
                let fits = |record: &Record<T>| first.is_none_or(|first| record.goes_with(first, varying));
                dynamic.decide_on(heads.by_ref().map(|(record, entry)| (1, entry.queued, fits(record))), now)
            }
        }
    }

    /// Hands out the requests that were decided on, each in its row.
    fn take(&mut self, port: u64, count: usize, wakers: &mut Wakers) -> Vec<Option<Seated<T>>> {
        let Some(instance) = self.instances.get(&port) else { return Vec::new() };
        let rows: Vec<Option<Key>> = match self.plan {
            Plan::Oldest(_) => instance.ready.iter().take(count).copied().map(Some).collect(),
            Plan::Rows(_) => self.fill_rows(instance),
        };
        rows.into_iter().map(|key| self.run(key?, port, wakers)).collect()
    }

    /// Sequences of the direct strategy, by slot up to the last that can run.
    fn fill_rows(&self, instance: &Instance) -> Vec<Option<Key>> {
        let ready = |key: &Key| self.records[*key].as_ref().filter(|record| record.is_ready());
        let mut first: Option<&Record<T>> = None;
        let mut rows = Vec::with_capacity(instance.slots.len());
        for key in &instance.slots {
            let record = key.as_ref().and_then(ready);
            first = first.or(record);
            let fits = record.zip(first).is_some_and(|(record, first)| {
                std::ptr::eq(record, first) || record.goes_with(first, self.rules.varying_states)
            });
            rows.push(key.filter(|_| fits));
        }
        while rows.last().is_some_and(Option::is_none) {
            rows.pop();
        }
        rows
    }

    /// Hands out the first request of a sequence; after its last one the slot goes to another sequence.
    fn run(&mut self, key: Key, port: u64, wakers: &mut Wakers) -> Option<Seated<T>> {
        let record = self.records[key].as_mut()?;
        let entry = record.queue.pop_front()?;
        self.pending -= 1;
        let ends = record.queue.is_empty() && !record.open;
        record.running = true;
        let memory = Arc::clone(&record.memory);
        if let Some(instance) = self.instances.get_mut(&port) {
            instance.drop_ready(key);
            if !ends {
                instance.running.push(key);
            }
        }
        if ends {
            self.end(key, wakers);
        }
        Some(Seated { item: entry.item, memory })
    }
}

#[cfg(test)]
impl<T> Sequences<T> {
    pub(crate) fn free_slots(&self) -> usize {
        self.free.len()
    }

    pub(crate) fn slots(&self) -> usize {
        self.instances.values().map(|instance| instance.slots.len()).sum()
    }
}
