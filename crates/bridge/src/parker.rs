//! How a blocking thread waits for the engine.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Wake, Waker};
use std::time::Duration;

use crate::sync::{AtomicBool, Thread, thread};

/// Parks the thread that made it until its waker is called.
pub(crate) struct Parker {
    shared: Arc<Shared>,
    waker: Waker,
}

struct Shared {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        // Only the first wake-up costs a system call; the thread clears the flag when it goes on.
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.thread.unpark();
        }
    }
}

impl Parker {
    /// A parker for the current thread.
    pub(crate) fn new() -> Self {
        let shared = Arc::new(Shared { thread: thread::current(), woken: AtomicBool::new(false) });
        Self { waker: Waker::from(Arc::clone(&shared)), shared }
    }

    /// The waker to hand out.
    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Waits until the waker is called or the time is over, whichever comes first.
    pub(crate) fn park(&self, limit: Option<Duration>) {
        if !self.shared.woken.swap(false, Ordering::AcqRel) {
            match limit {
                None => thread::park(),
                Some(limit) => thread::park_timeout(limit),
            }
            // Not a plain store: whoever finds the flag set wakes nobody, so what was done before that must be seen
            // from here on. Only taking the flag sees to it.
            self.shared.woken.swap(false, Ordering::AcqRel);
        }
    }

    /// Whether it belongs to the current thread.
    pub(crate) fn is_current(&self) -> bool {
        self.shared.thread.id() == thread::current().id()
    }
}
