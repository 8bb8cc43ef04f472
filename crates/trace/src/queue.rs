//! The way of finished traces to the thread that writes them: bounded, since requests must not wait for a disk.

use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex};

use crate::recording::Finished;
use crate::values::Values;

/// Traces that may wait: some seconds of a server that traces every request. Beyond it, the latest is dropped.
pub const MOST_TRACES: usize = 16_384;

/// Bytes that may wait, so that traced tensors do not fill the memory. One trace alone may be larger.
pub const MOST_BYTES: usize = 64 << 20;

/// Something for the thread that writes.
#[derive(Debug)]
pub enum Message {
    /// Write this.
    Trace(Finished),
    /// No trace follows under a setting: it is exhausted.
    Exhausted(u64),
    /// A setting holds no more.
    Retired(u64, Values),
}

/// What came since the last look.
#[derive(Debug, Default)]
pub struct Delivery {
    /// In the order in which it came.
    pub messages: VecDeque<Message>,
    /// Traces that were dropped.
    pub dropped: u64,
    /// Whether this is the last one.
    pub is_last: bool,
}

/// Messages on their way.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    delivery: Delivery,
    traces: usize,
    bytes: usize,
}

impl Queue {
    /// Leaves a trace; it is dropped, and counted, where too much waits already.
    pub fn leave_trace(&self, trace: Finished) {
        let size = trace.size();
        let mut state = self.state.lock();
        let is_full = state.traces >= MOST_TRACES || (state.traces > 0 && state.bytes + size > MOST_BYTES);
        if is_full || state.delivery.is_last {
            state.delivery.dropped += 1;
            drop(state);
            // What goes with it may leave a message of its own.
            drop(trace);
            return;
        }
        state.traces += 1;
        state.bytes += size;
        self.push(state, Message::Trace(trace));
    }

    /// Leaves word of a setting: they are few.
    pub fn leave(&self, message: Message) {
        self.push(self.state.lock(), message);
    }

    /// Says that nothing follows.
    pub fn close(&self) {
        self.state.lock().delivery.is_last = true;
        self.news.notify_all();
    }

    /// Waits for what comes.
    pub fn receive(&self) -> Delivery {
        let mut state = self.state.lock();
        while state.delivery.messages.is_empty() && state.delivery.dropped == 0 && !state.delivery.is_last {
            self.news.wait(&mut state);
        }
        state.traces = 0;
        state.bytes = 0;
        let is_last = state.delivery.is_last;
        std::mem::replace(&mut state.delivery, Delivery { is_last, ..Delivery::default() })
    }

    fn push(&self, mut state: parking_lot::MutexGuard<'_, State>, message: Message) {
        state.delivery.messages.push_back(message);
        drop(state);
        self.news.notify_one();
    }
}
