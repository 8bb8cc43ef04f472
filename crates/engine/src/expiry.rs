//! Tells the one who expires requests that one will be late sooner than expected.

use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use parking_lot::Mutex;

use crate::clock::Nanos;
use crate::schedule::queue::NEVER;

/// When requests are next to be expired, and who does it.
pub(crate) struct Alarm {
    at: AtomicU64,
    waker: Mutex<Option<Waker>>,
}

impl Alarm {
    pub(crate) fn new() -> Self {
        Self { at: AtomicU64::new(NEVER), waker: Mutex::new(None) }
    }

    pub(crate) fn set_waker(&self, waker: Waker) {
        *self.waker.lock() = Some(waker);
    }

    /// Notes that a request will be late at that time; wakes if no earlier time is known.
    pub(crate) fn advance(&self, at: Nanos) {
        if self.at.fetch_min(at, Ordering::SeqCst) <= at {
            return;
        }
        let waker = self.waker.lock().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Forgets the time, before the queues are looked through: what comes meanwhile sets it anew.
    pub(crate) fn reset(&self) {
        self.at.store(NEVER, Ordering::SeqCst);
    }

    /// Notes what looking through the queues gave; gives when to look again.
    pub(crate) fn settle(&self, at: Nanos) -> Option<Nanos> {
        let next = self.at.fetch_min(at, Ordering::SeqCst).min(at);
        (next != NEVER).then_some(next)
    }
}
