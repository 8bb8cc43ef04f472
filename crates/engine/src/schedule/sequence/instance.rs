//! The slots of one port, and whom to wake for their requests.

use std::collections::VecDeque;
use std::task::Waker;

use crate::schedule::sequence::record::Key;

/// A port that waits.
struct Sleeper {
    waker: Waker,
    /// How many sequences must have a request for it to be woken.
    wanted: usize,
}

/// One instance, as the table sees it.
pub(crate) struct Instance {
    pub slots: Vec<Option<Key>>,
    /// Sequences whose first request could run, in the order in which they came to that.
    pub ready: VecDeque<Key>,
    /// Sequences of which it has a request.
    pub running: Vec<Key>,
    sleeper: Option<Sleeper>,
}

impl Instance {
    pub(crate) fn new(slots: usize) -> Self {
        Self { slots: vec![None; slots], ready: VecDeque::new(), running: Vec::new(), sleeper: None }
    }

    /// Notes that it waits until `wanted` sequences have a request.
    pub(crate) fn sleep(&mut self, waker: &Waker, wanted: usize) {
        self.sleeper = Some(Sleeper { waker: waker.clone(), wanted });
    }

    /// Notes that it is awake.
    pub(crate) fn rise(&mut self) {
        self.sleeper = None;
    }

    /// A sequence has a request to run. Gives whom to wake: nobody, if it is awake or more is worth waiting for.
    pub(crate) fn add(&mut self, key: Key, ends_wait: bool) -> Option<Waker> {
        self.ready.push_back(key);
        let enough = |sleeper: &Sleeper| ends_wait || self.ready.len() >= sleeper.wanted;
        self.sleeper.take_if(|sleeper| enough(sleeper)).map(|sleeper| sleeper.waker)
    }

    /// A sequence has no request to run any more.
    pub(crate) fn drop_ready(&mut self, key: Key) {
        self.ready.retain(|ready| *ready != key);
    }

    /// Whom to wake because it ends.
    pub(crate) fn into_waker(self) -> Option<Waker> {
        self.sleeper.map(|sleeper| sleeper.waker)
    }
}
