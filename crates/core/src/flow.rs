//! How much of a request's answers is on its way and not yet read.
//!
//! A model that answers many times may be faster than its client reads. Whoever hands the answers on notes each one,
//! whoever takes them off notes that, and the model is held back in between.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
    /// Where the answers go on to, whose reader this one waits for as well.
    next: Option<Flow>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    sent: Amount,
    read: Amount,
    /// What was read when there was last room further on.
    shown: Amount,
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

    /// Nothing is on its way; what passes here goes on to another flow, if there is one, in some other form.
    pub fn before(next: Option<&Self>) -> Self {
        Self(Arc::new(Shared { next: next.cloned(), ..Shared::default() }))
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

    /// How much was read in all, as far as it makes room for more.
    pub fn read(&self) -> Amount {
        let has_room = self.next_has_room();
        let mut totals = self.lock();
        if has_room {
            totals.shown = totals.read;
        }
        totals.shown
    }

    /// Whether another answer may go on its way.
    pub fn has_room(&self) -> bool {
        self.lock().has_room() && self.next_has_room()
    }

    /// Waits, that long at most, until another answer may go on its way; whether it may.
    pub fn wait_for_room(&self, limit: Duration) -> bool {
        let begin = Instant::now();
        let waited = self.0.room.wait_timeout_while(self.lock(), limit, |totals| !totals.has_room());
        if !waited.unwrap_or_else(PoisonError::into_inner).0.has_room() {
            return false;
        }
        let left = limit.saturating_sub(begin.elapsed());
        self.0.next.as_ref().is_none_or(|next| next.wait_for_room(left))
    }

    fn next_has_room(&self) -> bool {
        self.0.next.as_ref().is_none_or(Self::has_room)
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
    fn a_reader_further_on_holds_the_model_back_as_well() {
        let last = Flow::new();
        let first = Flow::before(Some(&last));
        for _ in 0..MOST_ANSWERS {
            first.note_sent(1);
            first.note_read(1);
            last.note_sent(1);
        }
        assert!(!first.has_room() && !first.wait_for_room(Duration::ZERO));
        assert_eq!(first.read(), Amount::default());
        last.note_read(1);
        assert!(first.has_room() && first.wait_for_room(Duration::ZERO));
        assert_eq!(first.read().answers, MOST_ANSWERS);
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
