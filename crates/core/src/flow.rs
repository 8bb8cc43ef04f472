//! How much of a request's answers is on its way and not yet read.
//!
//! A model that answers many times may be faster than its client reads. Whoever hands the answers on notes each one,
//! whoever takes them off notes that, and the model is held back in between.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Answers that may wait for their reader: enough that a reader who looks every few milliseconds never holds a fast
/// model back, few enough that small answers do not pile up.
const MOST_ANSWERS: u64 = 1024;

/// Bytes that may wait for their reader, so that large answers do not pile up either. The last one may go beyond it.
const MOST_BYTES: u64 = 64 << 20;

/// Answers and their bytes, counted from the first one on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many.
    pub answers: u64,
    /// Bytes of their tensors.
    pub bytes: u64,
}

/// Answers on their way from a model to whoever asked. Cheap to copy, shared by everyone on the path.
#[derive(Clone, Debug, Default)]
pub struct Flow(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    totals: Mutex<Totals>,
    room: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    sent: Amount,
    read: Amount,
}

impl Totals {
    fn has_room(self) -> bool {
        self.sent.answers.saturating_sub(self.read.answers) < MOST_ANSWERS
            && self.sent.bytes.saturating_sub(self.read.bytes) < MOST_BYTES
    }
}

impl Flow {
    /// Nothing is on its way.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes an answer of so many bytes that goes on its way.
    pub fn note_sent(&self, bytes: usize) {
        let mut totals = self.lock();
        totals.sent.answers += 1;
        totals.sent.bytes += bytes as u64;
    }

    /// Notes an answer of so many bytes that was read.
    pub fn note_read(&self, bytes: usize) {
        let mut totals = self.lock();
        totals.read.answers += 1;
        totals.read.bytes += bytes as u64;
        self.0.room.notify_all();
    }

    /// Sets how much was read in all, as another end of the path counts it.
    pub fn set_read(&self, read: Amount) {
        self.lock().read = read;
        self.0.room.notify_all();
    }

    /// How much was read in all.
    pub fn read(&self) -> Amount {
        self.lock().read
    }

    /// Whether another answer may go on its way.
    pub fn has_room(&self) -> bool {
        self.lock().has_room()
    }

    /// Waits, that long at most, until another answer may go on its way; whether it may.
    pub fn wait_for_room(&self, limit: Duration) -> bool {
        let waited = self.0.room.wait_timeout_while(self.lock(), limit, |totals| !totals.has_room());
        waited.unwrap_or_else(PoisonError::into_inner).0.has_room()
    }

    fn lock(&self) -> MutexGuard<'_, Totals> {
        // Numbers are whole whoever panicked.
        self.0.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_stops_reading_holds_the_model_back() {
        let flow = Flow::new();
        for _ in 0..MOST_ANSWERS {
            assert!(flow.has_room());
            flow.note_sent(1);
        }
        assert!(!flow.wait_for_room(Duration::ZERO));
        flow.note_read(1);
        assert!(flow.wait_for_room(Duration::ZERO));
    }

    #[test]
    fn large_answers_are_bounded_by_their_bytes() {
        let flow = Flow::new();
        flow.note_sent(MOST_BYTES as usize);
        assert!(!flow.has_room());
        flow.set_read(Amount { answers: 1, bytes: MOST_BYTES });
        assert!(flow.has_room());
    }
}
