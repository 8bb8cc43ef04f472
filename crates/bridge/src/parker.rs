//! How a blocking thread waits for the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

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
            self.shared.woken.store(false, Ordering::Release);
        }
    }

    /// Whether it belongs to the current thread.
    pub(crate) fn is_current(&self) -> bool {
        self.shared.thread.id() == thread::current().id()
    }
}
