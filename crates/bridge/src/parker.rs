//! How a blocking thread waits for the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use trilith_engine::{Attendance, Vigil};

/// The thread is up, and nobody has called it since it last looked.
const UP: u8 = 0;
/// The thread sleeps.
const ASLEEP: u8 = 1;
/// The thread was called and has not yet seen it.
const CALLED: u8 = 2;

/// Parks the thread that made it until its waker is called.
pub(crate) struct Parker {
    shared: Arc<Shared>,
    waker: Waker,
    vigil: Vigil,
}

struct Shared {
    thread: Thread,
    state: AtomicU8,
    /// Whether the last call came from a thread that has nothing else to do.
    is_single: AtomicBool,
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.is_single.store(Attendance::is_single(), Ordering::Relaxed);
        // Only a thread that sleeps costs a system call.
        if self.state.swap(CALLED, Ordering::AcqRel) == ASLEEP {
            self.thread.unpark();
        }
    }
}

impl Shared {
    fn was_called(&self) -> Option<()> {
        (self.state.load(Ordering::Acquire) == CALLED).then_some(())
    }
}

impl Parker {
    /// A parker for the current thread.
    pub(crate) fn new() -> Self {
        let shared = Arc::new(Shared {
            thread: thread::current(),
            state: AtomicU8::new(UP),
            is_single: AtomicBool::new(false),
        });
        Self { waker: Waker::from(Arc::clone(&shared)), shared, vigil: Vigil::default() }
    }

    /// The waker to hand out.
    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Waits until the waker is called or the time is over, whichever comes first.
    pub(crate) fn park(&self, limit: Option<Duration>) {
        let state = &self.shared.state;
        if limit.is_none() && self.shared.is_single.load(Ordering::Relaxed) {
            self.vigil.keep(|| self.shared.was_called());
        }
        if state.compare_exchange(UP, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            let until = limit.map(|limit| Instant::now() + limit);
            while self.shared.was_called().is_none() {
                let left = until.map(|until| until.saturating_duration_since(Instant::now()));
                match left {
                    None => thread::park(),
                    Some(Duration::ZERO) => break,
                    Some(left) => thread::park_timeout(left),
                }
            }
        }
        state.store(UP, Ordering::Release);
    }

    /// Whether it belongs to the current thread.
    pub(crate) fn is_current(&self) -> bool {
        self.shared.thread.id() == thread::current().id()
    }
}
