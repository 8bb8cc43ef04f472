//! What an instance is at: the batch that it runs, and the requests of earlier ones that are still open.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, ThreadId};

use parking_lot::Mutex;
use trilith_core::request::Cancellation;

use crate::batch::SharedBatch;

/// Whether a batch runs, on which thread, and what else is open: a request made there keeps the instance waiting.
#[derive(Default)]
pub(crate) struct Occupation {
    is_busy: AtomicBool,
    thread: Mutex<Option<ThreadId>>,
    batches: Mutex<Batches>,
}

/// Batches that may have open requests, the one that runs last.
#[derive(Default)]
struct Batches {
    taken: Vec<Weak<SharedBatch>>,
    /// How many they may become before those that are done are looked for again.
    bound: usize,
}

impl Occupation {
    /// The calling thread, which is the instance's own, takes a batch.
    pub(crate) fn begin(&self) {
        *self.thread.lock() = Some(thread::current().id());
        self.is_busy.store(true, Ordering::Release);
    }

    /// Keeps the batch that was taken, for those who ask for whose sake a request is made.
    pub(crate) fn keep(&self, batch: &Arc<SharedBatch>) {
        let mut batches = self.batches.lock();
        if batches.taken.len() >= batches.bound {
            batches
                .taken
                .retain(|taken| taken.upgrade().is_some_and(|batch| !batch.cancellations().is_empty()));
            // Looking through them costs as much as they are many: not for each batch.
            batches.bound = 2 * batches.taken.len() + 1;
        }
        batches.taken.push(Arc::downgrade(batch));
    }

    /// It asks for the next one.
    pub(crate) fn end(&self) {
        self.is_busy.store(false, Ordering::Release);
    }

    /// Whether a request made by the calling thread keeps the instance waiting. Threads of a decoupled model go on by
    /// themselves; those of others are waited for.
    pub(crate) fn is_waiting(&self, decoupled: bool) -> bool {
        self.is_busy.load(Ordering::Acquire)
            && (!decoupled || *self.thread.lock() == Some(thread::current().id()))
    }

    /// What cancels the requests that are not answered yet: those of the batch that runs, or all.
    pub(crate) fn cancellations(&self, only_running: bool) -> Vec<Cancellation> {
        let taken: Vec<_> = {
            let batches = self.batches.lock();
            let first = if only_running { batches.taken.len().saturating_sub(1) } else { 0 };
            batches.taken[first..].iter().filter_map(Weak::upgrade).collect()
        };
        taken.iter().flat_map(|batch| batch.cancellations()).collect()
    }
}
