//! Where one side puts things down and the other takes them up, in order, waiting or being woken.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use crate::sync::{Condvar, Mutex};

/// What there is in a tray.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken<T> {
    /// The next thing.
    Thing(T),
    /// Nothing yet.
    Nothing,
    /// The last thing was taken.
    Ended,
}

/// Holds what was put down until it is taken up; one side each.
pub(crate) struct Tray<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
}

struct State<T> {
    /// Each with whether it is the last.
    things: VecDeque<(T, bool)>,
    /// Whether the last thing was taken.
    ended: bool,
    waker: Option<Waker>,
}

impl<T> Default for Tray<T> {
    fn default() -> Self {
        let state = State { things: VecDeque::new(), ended: false, waker: None };
        Self { state: Mutex::new(state), arrived: Condvar::new() }
    }
}

impl<T> Tray<T> {
    /// Puts a thing down and wakes whoever waits for it.
    pub(crate) fn put(&self, thing: T, is_last: bool) {
        let waker = {
            let mut state = self.state.lock();
            state.things.push_back((thing, is_last));
            state.waker.take()
        };
        self.arrived.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes the next thing up, waiting for it that long at most.
    pub(crate) fn take(&self, limit: Duration) -> Taken<T> {
        let mut state = self.state.lock();
        if state.things.is_empty() && !state.ended && !limit.is_zero() {
            self.arrived.wait_for(&mut state, limit);
        }
        match state.things.pop_front() {
            Some((thing, is_last)) => {
                state.ended = is_last;
                Taken::Thing(thing)
            }
            None if state.ended => Taken::Ended,
            None => Taken::Nothing,
        }
    }

    /// Registers who is woken by the next thing; at once if there is one, or none will come.
    pub(crate) fn set_waker(&self, waker: Waker) {
        let mut state = self.state.lock();
        if state.things.is_empty() && !state.ended {
            state.waker = Some(waker);
            return;
        }
        drop(state);
        waker.wake();
    }

    /// Whether the last thing was taken.
    pub(crate) fn has_ended(&self) -> bool {
        self.state.lock().ended
    }
}
