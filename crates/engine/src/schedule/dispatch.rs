//! Queue, rule and waiting ports as one state: who gets what, and who is to be woken.

use std::task::Waker;

use crate::clock::Nanos;
use crate::schedule::SchedulerSpec;
use crate::schedule::queue::{Leavers, Place, Queue, Waiting};
use crate::schedule::rule::{Decision, Rule};
use crate::schedule::sequence::Wakers;
use crate::schedule::sequence::table::Seated;

/// A port without work.
struct Idle {
    port: u64,
    waker: Waker,
}

/// The idle port that watches the clock for a batch that may still grow.
struct Collector {
    port: u64,
    /// When the queue holds this much, the batch can go early.
    size: u64,
}

/// What a port is to do.
pub(crate) enum Step<T> {
    Take(Vec<T>),
    /// Requests of sequences in their rows; rows without one are to be filled.
    Seats(Vec<Option<Seated<T>>>),
    Wait {
        until: Option<Nanos>,
    },
    Closed,
}

/// Why an item was not queued.
pub(crate) enum Refusal<T> {
    /// The model has ended.
    Closed(T),
    /// Its level holds as many as it may.
    Full(T, u32),
    /// It belongs to a sequence that was not started or has ended. Others may be woken for what came free.
    NotStarted(T, Wakers),
}

/// The state of one model's scheduling. It answers nobody and wakes nobody itself: what it gives back is to be
/// answered and woken once the lock around it is released.
pub(crate) struct Dispatch<T> {
    queue: Queue<T>,
    rule: Rule,
    closed: bool,
    /// Ports that wait, the latest at the end: it runs next, its memory is warm.
    idle: Vec<Idle>,
    /// Ports that were woken and have not asked yet.
    woken: Vec<u64>,
    collector: Option<Collector>,
    /// While more is about to come: what must wait before it is taken. 0 otherwise.
    held: u64,
    /// Whether what was held back is to be taken, whatever is held back by now.
    due: bool,
}

impl<T: Waiting> Dispatch<T> {
    pub(crate) fn new(spec: &SchedulerSpec, max_batch_size: u32) -> Self {
        Self {
            queue: Queue::new(spec),
            rule: Rule::new(spec, max_batch_size),
            closed: false,
            idle: Vec::new(),
            woken: Vec::new(),
            collector: None,
            held: 0,
            due: false,
        }
    }

    /// How many wait.
    pub(crate) fn pending(&self) -> usize {
        self.queue.len()
    }

    /// Queues an item; says whom to wake for it.
    pub(crate) fn push(
        &mut self,
        priority: u64,
        timeout: Nanos,
        now: Nanos,
        item: T,
    ) -> Result<(Place, Option<Waker>), Refusal<T>> {
        if self.closed {
            return Err(Refusal::Closed(item));
        }
        let mixed = self.collector.is_some()
            && self.queue.iter().next().is_some_and(|first| !item.goes_with(&first.item));
        let place = self
            .queue
            .push(priority, timeout, now, item)
            .map_err(|(item, bound)| Refusal::Full(item, bound))?;
        let waker = match &self.collector {
            Some(collector) if mixed || self.rule.load(&self.queue) >= collector.size => {
                self.wake_collector()
            }
            Some(_) => None,
            None if self.is_held() => None,
            None => self.wake_if_useful(),
        };
        Ok((place, waker))
    }

    /// Holds back what waits until it is so much, or until [`Dispatch::release`]: more is about to come.
    pub(crate) fn hold(&mut self, load: u64) {
        self.held = load;
    }

    /// Holds nothing back any more; says whom to wake.
    pub(crate) fn release(&mut self) -> Option<Waker> {
        self.held = 0;
        self.due = !self.queue.is_empty();
        // Whoever collects a batch knows when it is enough.
        if self.collector.is_some() { None } else { self.wake_if_useful() }
    }

    fn is_held(&self) -> bool {
        !self.due && self.rule.load(&self.queue) < self.held.min(self.rule.capacity())
    }

    /// Takes a queued item out, by its number.
    pub(crate) fn remove(&mut self, number: u64) -> Option<T> {
        self.queue.remove(number)
    }

    /// Says what a port is to do, and whom to wake besides.
    pub(crate) fn next(
        &mut self,
        port: u64,
        now: Nanos,
        waker: &Waker,
        leavers: &mut Leavers<T>,
    ) -> (Step<T>, Option<Waker>) {
        self.forget(port);
        if self.closed {
            return (Step::Closed, None);
        }
        if self.is_held() {
            self.idle.push(Idle { port, waker: waker.clone() });
            return (Step::Wait { until: None }, None);
        }
        self.due = false;
        match self.rule.decide(&mut self.queue, now, leavers) {
            Decision::Take(count) => {
                let mut items = Vec::with_capacity(count);
                items.extend(std::iter::from_fn(|| self.queue.pop()).take(count));
                (Step::Take(items), self.wake_for_rest())
            }
            Decision::Wait { until, size } => {
                let arms = self.collector.is_none();
                if arms {
                    self.collector = Some(Collector { port, size });
                }
                self.idle.push(Idle { port, waker: waker.clone() });
                (Step::Wait { until: arms.then_some(until) }, None)
            }
            Decision::Idle => {
                self.idle.push(Idle { port, waker: waker.clone() });
                (Step::Wait { until: None }, None)
            }
        }
    }

    /// Takes a port out of service; another one is woken for what it would have done.
    pub(crate) fn leave(&mut self, port: u64) -> Option<Waker> {
        self.forget(port);
        self.wake_for_rest()
    }

    /// Takes out all that are late or cancelled. Gives the time at which the next one will be late.
    pub(crate) fn expire(&mut self, now: Nanos, leavers: &mut Leavers<T>) -> Nanos {
        self.queue.expire(now, leavers)
    }

    /// Ends it: gives back what still waits and whom to wake.
    pub(crate) fn close(&mut self) -> (Vec<T>, Vec<Waker>) {
        self.closed = true;
        self.collector = None;
        (self.queue.drain(), self.idle.drain(..).map(|idle| idle.waker).collect())
    }

    fn forget(&mut self, port: u64) {
        self.idle.retain(|idle| idle.port != port);
        self.woken.retain(|woken| *woken != port);
        if self.collector.as_ref().is_some_and(|collector| collector.port == port) {
            self.collector = None;
        }
    }

    /// After a port took its share: what is left may be enough for another port, or change what the collector
    /// waits for.
    fn wake_for_rest(&mut self) -> Option<Waker> {
        if self.queue.is_empty() || self.is_held() {
            None
        } else if self.collector.is_some() {
            self.wake_collector()
        } else {
            self.wake_if_useful()
        }
    }

    /// One more port is of use only if those already woken cannot take all that waits.
    fn wake_if_useful(&mut self) -> Option<Waker> {
        let expected = self.rule.capacity().saturating_mul(self.woken.len() as u64);
        if self.rule.load(&self.queue) <= expected {
            return None;
        }
        let idle = self.idle.pop()?;
        self.woken.push(idle.port);
        Some(idle.waker)
    }

    fn wake_collector(&mut self) -> Option<Waker> {
        let collector = self.collector.take()?;
        let position = self.idle.iter().position(|idle| idle.port == collector.port)?;
        let idle = self.idle.remove(position);
        self.woken.push(idle.port);
        Some(idle.waker)
    }
}
